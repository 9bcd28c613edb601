package failover

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"meai/internal/fence"
)

// Overview is what the register knows of both regions: all that one may learn of them who
// reaches neither's servers as their superuser.
type Overview struct {
	At      time.Time `json:"at"`
	Serving string    `json:"serving"`
	Epoch   int64     `json:"epoch"`
	Mode    Mode      `json:"mode"`
	// Primary: a server holds the lease under which it takes writes.
	Primary bool `json:"primary"`
	// Failover is the id of the one under way; empty for none.
	Failover string `json:"failover,omitempty"`
	// Agents are those that told of themselves lately, by region; Observers are the sites
	// whose observer did.
	Agents    []fence.AgentStatus `json:"agents"`
	Observers []string            `json:"observers"`
	// Measured is what the control worker measured last; nil when it never did. Stale says
	// that this is too long ago to speak for now.
	Measured *Replication `json:"measured,omitempty"`
	Stale    bool         `json:"stale"`
	// RPO is what would be lost were the region that serves lost now, in seconds, negative
	// when that is not known; Worst is the store that it is for.
	RPO   float64 `json:"rpo"`
	Worst string  `json:"worst,omitempty"`
}

const (
	replicationNote = "replication"
	// staleAfter is how long what was measured speaks for now: the control worker measures
	// every [heartbeatEvery].
	staleAfter = 15 * time.Second
)

// Overview reads what is known. It needs the register alone.
func (c *Controller) Overview(ctx context.Context) (Overview, error) {
	snapshot, err := c.Register.Read(ctx)
	if err != nil {
		return Overview{}, fmt.Errorf("read which region serves: %w", err)
	}
	desired := snapshot.Desired.Value
	o := Overview{
		At: c.now(), Serving: desired.Region, Epoch: desired.Epoch, Mode: Mode(snapshot.Mode.Value.Replication),
		Primary: snapshot.Primary.Exists() && snapshot.Primary.Value.Region == desired.Region, Stale: true, RPO: Unknown,
	}
	if o.Failover, err = c.Register.Claimed(ctx); err != nil {
		return Overview{}, fmt.Errorf("read whether a failover is under way: %w", err)
	}
	agents, err := c.Register.Agents(ctx)
	if err != nil {
		return Overview{}, fmt.Errorf("read what the agents say: %w", err)
	}
	for _, region := range slices.Sorted(maps.Keys(agents)) {
		o.Agents = append(o.Agents, agents[region])
	}
	verdicts, err := c.Register.Verdicts(ctx)
	if err != nil {
		return Overview{}, fmt.Errorf("read what the observers say: %w", err)
	}
	o.Observers = slices.Sorted(maps.Keys(verdicts))
	return o, c.measured(ctx, &o)
}

// measured adds what the control worker has written down. The mode is that of now: what was
// measured while commits waited for the standby says nothing once they do not.
func (c *Controller) measured(ctx context.Context, o *Overview) error {
	notes, err := c.Register.Notes(ctx, replicationNote)
	if err != nil {
		return fmt.Errorf("read what was measured: %w", err)
	}
	text, there := notes[""]
	if !there {
		return nil
	}
	o.Measured = &Replication{}
	if err := json.Unmarshal(text, o.Measured); err != nil {
		return fmt.Errorf("read what was measured: %w", err)
	}
	m := o.Measured
	if o.Stale = o.At.Sub(m.At) > staleAfter || m.Serving != o.Serving || m.Epoch != o.Epoch; !o.Stale {
		o.RPO, o.Worst = RPOOf(o.Mode, m.Stores)
	}
	return nil
}

// publish tells those who cannot measure for themselves.
func (h *Health) publish(ctx context.Context, r Replication) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write what was measured: %w", err)
	}
	if err := h.Controller.Register.Note(ctx, replicationNote, text); err != nil {
		return fmt.Errorf("tell what was measured: %w", err)
	}
	return nil
}
