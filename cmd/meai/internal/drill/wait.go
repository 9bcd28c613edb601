package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meai/internal/fence"
)

// Patience is how long a drill waits for one thing: a site that comes back, a region that
// serves, or stands by again. What was seen last is in the error.
const Patience = 5 * time.Minute

// errWaited: it was waited for in vain.
var errWaited = errors.New("waited in vain")

// explainWithin is how long is asked, once it was waited in vain, what there is instead.
const explainWithin = 10 * time.Second

// await looks again and again, for at most so long, until what is waited for is there. What
// there is instead is asked once, when the time is over: a drill measures when it saw
// something, and whoever asks for more between two looks, of a member that is gone, sees it late.
func await(ctx context.Context, within, every time.Duration, what string, look func(context.Context) bool, instead func(context.Context) string) error {
	waiting, cancel := context.WithTimeoutCause(ctx, within, errWaited)
	defer cancel()
	begun := time.Now()
	for !look(waiting) {
		if sleep(waiting, every) == nil {
			continue
		}
		err := fmt.Errorf("%w for %s, for %s", context.Cause(waiting), what, time.Since(begun).Round(100*time.Millisecond))
		if ctx.Err() != nil {
			return err // who ends the command does not wait for an explanation
		}
		asking, cancel := context.WithTimeout(ctx, explainWithin)
		defer cancel()
		return fmt.Errorf("%w: %s", err, instead(asking))
	}
	return nil
}

// state is what the register says of both regions, for people.
func (d *Drill) state(ctx context.Context) string {
	now, err := d.Register.Read(ctx)
	if err != nil {
		return "the register does not answer: " + err.Error()
	}
	said := []string{fmt.Sprintf("region %s is to serve, in epoch %d, replication %s", now.Desired.Value.Region, now.Desired.Value.Epoch, now.Mode.Value.Replication)}
	agents, err := d.Register.Agents(ctx)
	if err != nil {
		return said[0] + "; the agents are not known: " + err.Error()
	}
	for _, region := range []string{A, B} {
		said = append(said, agentOf(region, agents))
	}
	if claimed, err := d.Register.Claimed(ctx); err == nil && claimed != "" {
		said = append(said, "failover "+claimed+" is under way")
	}
	return strings.Join(append(said, d.ill(ctx)...), "; ")
}

func agentOf(region string, agents map[string]fence.AgentStatus) string {
	a, there := agents[region]
	if !there {
		return "the agent of " + region + " is silent"
	}
	text := fmt.Sprintf("%s is %s in epoch %d", region, a.Role, a.Epoch)
	if a.Open {
		text += ", open"
	}
	if a.Message != "" {
		text += fmt.Sprintf(" (%.300s)", a.Message)
	}
	return text
}

// ill is which regions are called ill, by whom.
func (d *Drill) ill(ctx context.Context) (said []string) {
	verdicts, err := d.Register.Verdicts(ctx)
	if err != nil {
		return []string{"what the observers say is not known: " + err.Error()}
	}
	for site, verdict := range verdicts {
		for region, health := range verdict.Regions {
			if !health.Healthy {
				said = append(said, fmt.Sprintf("%s calls %s ill (%s)", site, region, health.Reason))
			}
		}
	}
	slices.Sort(said)
	return said
}
