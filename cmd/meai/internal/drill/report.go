package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meai/internal/fence"
)

// The targets: a region's loss, from the break on, and a planned handover.
const (
	mostWritable  = 30 * time.Second
	mostCompleted = 60 * time.Second
	mostPause     = 5 * time.Second
)

// String is an outcome in a line.
func (o Outcome) String() string {
	return fmt.Sprintf("%-14s run %d  %s %-5s  %5.1f/s  decided %s  open %s  writable %s  pause %s  answered %s  whole %s  accepted %d  retried %d  given up %d  lost %d  twice %d  unanswered %d",
		o.Scenario, o.Run, o.Serving, o.Mode, o.Rate, seconds(o.Decided), seconds(o.Opened), seconds(o.Writable), seconds(o.Pause), seconds(o.Completed), seconds(o.Whole),
		o.Account.Accepted, o.Account.Retried, o.Account.GivenUp, o.Account.Lost, o.Account.Twice, o.Account.Unanswered)
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Missed names the targets that some run has not met.
func Missed(outcomes []Outcome) (missed []string) {
	for _, o := range outcomes {
		say := func(bad bool, what string) {
			if bad {
				missed = append(missed, fmt.Sprintf("%s run %d: %s", o.Scenario, o.Run, what))
			}
		}
		a := o.Account
		say(o.Mode == fence.Sync && a.Lost > 0, fmt.Sprintf("%d acknowledged messages lost", a.Lost))
		say(a.Twice > 0, fmt.Sprintf("%d done twice", a.Twice))
		say(a.Unanswered > 0, fmt.Sprintf("%d not answered", a.Unanswered))
		i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == o.Scenario })
		if i < 0 || !Scenarios[i].Moves {
			continue
		}
		if Scenarios[i].Planned {
			say(o.Pause > mostPause, "a pause of "+seconds(o.Pause))
			say(a.GivenUp > 0, fmt.Sprintf("%d failed in spite of retries", a.GivenUp))
			continue
		}
		say(o.Writable > mostWritable, "writable after "+seconds(o.Writable))
		say(o.Completed > mostCompleted, "answered "+seconds(o.Completed)+" after that")
	}
	return missed
}

// Table has the worst of each scenario in a line.
func Table(outcomes []Outcome) string {
	var b strings.Builder
	b.WriteString("| drill | runs | replication | writable, worst | pause, worst | answered after that, worst | whole again, worst | accepted | retried | lost | twice | unanswered | given up |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range Scenarios {
		var worst Outcome
		runs := 0
		for _, o := range outcomes {
			if o.Scenario != s.Name {
				continue
			}
			runs++
			worst.Mode = o.Mode
			worst.Writable, worst.Pause = max(worst.Writable, o.Writable), max(worst.Pause, o.Pause)
			worst.Completed, worst.Whole = max(worst.Completed, o.Completed), max(worst.Whole, o.Whole)
			worst.Account.Accepted += o.Account.Accepted
			worst.Account.Retried += o.Account.Retried
			worst.Account.Lost += o.Account.Lost
			worst.Account.Twice += o.Account.Twice
			worst.Account.Unanswered += o.Account.Unanswered
			worst.Account.GivenUp += o.Account.GivenUp
		}
		if runs == 0 {
			continue
		}
		a := worst.Account
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %d | %d | %d | %d | %d | %d |\n", s.Name, runs, worst.Mode,
			seconds(worst.Writable), seconds(worst.Pause), seconds(worst.Completed), seconds(worst.Whole), a.Accepted, a.Retried, a.Lost, a.Twice, a.Unanswered, a.GivenUp)
	}
	return b.String()
}

// Page is the documentation of what was found.
func Page(outcomes []Outcome) string {
	var b strings.Builder
	b.WriteString("# Drills\n\nMade by `make drill`, which runs `meai drill run` on a lab of two regions on one machine; do not edit. Times are from the moment in which it was broken; the worst run counts.\n")
	b.WriteString("Messages are counted by a ledger of what clients were told, which is kept outside the regions.\n\n")
	b.WriteString(Table(outcomes))
	b.WriteString("\n## What happens\n\n")
	for _, s := range Scenarios {
		fmt.Fprintf(&b, "* **%s**: %s.\n", s.Name, s.What)
	}
	b.WriteString("\n## Targets\n\n")
	fmt.Fprintf(&b, "A region that is lost: writable again within %s, all that was accepted answered %s later, nothing lost with synchronous replication, nothing done twice. ", seconds(mostWritable), seconds(mostCompleted))
	fmt.Fprintf(&b, "A handover: no pause above %s, no request that fails in spite of retries.\n\n", seconds(mostPause))
	if missed := Missed(outcomes); len(missed) > 0 {
		b.WriteString("Not met: " + strings.Join(missed, "; ") + ".\n\n")
	} else {
		b.WriteString("All were met.\n\n")
	}
	b.WriteString("## Runs\n\n```\n")
	for _, o := range outcomes {
		b.WriteString(o.String() + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}
