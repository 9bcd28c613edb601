package drill

import (
	"context"
	"fmt"
	"time"

	"meai/activities/failover"
)

// Loss is what an unplanned failover lost, against what it said it might.
type Loss struct {
	// Lag is what the gate had measured, in seconds: how far behind the standby was when the
	// primary fell ill. Negative for unknown. Lossless promises that nothing is lost.
	Lag      float64 `json:"lag"`
	Lossless bool    `json:"lossless"`
	// Oldest is how long before the primary fell ill the oldest lost message was acknowledged,
	// Newest how long after that the newest one was: a primary that is cut off, not dead, goes
	// on until its lease ends.
	Oldest time.Duration `json:"oldest"`
	Newest time.Duration `json:"newest"`
}

// Within reports whether no more was lost than was measured, and, of a primary that may have
// gone on, than its lease allows.
func (l Loss) Within(lost int, lease time.Duration) bool {
	switch {
	case lost == 0:
		return true
	case l.Lossless || l.Lag < 0:
		return false
	}
	return l.Oldest.Seconds() <= l.Lag && l.Newest <= lease
}

// measure holds what was lost against the journal of the failover that followed the break.
func (d *Drill) measure(ctx context.Context, o *Outcome) (*Loss, error) {
	all, err := (&failover.Controller{Register: d.Register}).History(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		loss, ill, committed := lossOf(all[i])
		if !committed || all[i].Plan.At.Before(o.At) {
			continue
		}
		for _, t := range o.Account.Missing {
			loss.Oldest, loss.Newest = max(loss.Oldest, ill.Sub(t.At)), max(loss.Newest, t.At.Sub(ill))
		}
		return &loss, nil
	}
	return nil, fmt.Errorf("the journal has no failover since %s", o.At.Format(time.RFC3339))
}

// lossOf is what a failover said it might lose, and when the primary fell ill.
func lossOf(h failover.History) (loss Loss, ill time.Time, committed bool) {
	for _, step := range h.Steps {
		if step.Counted != nil {
			ill = step.Counted.DownSince
		}
		if step.Step == "fence" && step.Judgement != nil {
			loss.Lag, loss.Lossless, committed = step.Judgement.Loss, step.Judgement.Lossless, true
		}
	}
	return loss, ill, committed
}
