package failover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
)

// DrillRef names a drill, which is a planned failover that is done for practice: they have
// the same id.
type DrillRef struct {
	ID uuid.UUID `json:"id"`
	// At is when the drill was begun.
	At time.Time `json:"at,omitzero"`
}

// Drilled is the outcome of a drill, as it is kept. There is nothing of a person in it.
type Drilled struct {
	ID      uuid.UUID `json:"id"`
	Kind    string    `json:"kind"`
	BeganAt time.Time `json:"began_at"`
	EndedAt time.Time `json:"ended_at"`
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
	// State is that of the failover ([Completed], [RolledBack], [Superseded]), or [NotBegun].
	State string `json:"state"`
	// Pause is how long the product took no writes, in seconds; Loss how much time of
	// acknowledged writes is lost, negative for unknown; Missing how many interactions.
	Pause   float64 `json:"pause"`
	Loss    float64 `json:"loss"`
	Missing int     `json:"missing"`
	// Missed are the targets that were not met, as codes; empty when all were.
	Missed []string `json:"missed,omitempty"`
	// Reasons are the gate's, of one that was taken back.
	Reasons []string `json:"reasons,omitempty"`
}

const (
	// Handover is the kind of the one drill that is done outside of a lab.
	Handover = "handover"
	// NotBegun: another failover was quicker.
	NotBegun = "not_begun"
)

// What a handover must keep to.
const (
	targetPause   = 5 * time.Second
	missedEnd     = "completed"
	missedPause   = "pause"
	missedLoss    = "loss"
	missedMissing = "missing"
)

const drillNotes = "drills/"

// AllowDrill refuses a drill where none may be done: without the safety switch, while a
// failover is under way, and wherever the gate would not let the real thing pass.
func (c *Controller) AllowDrill(ctx context.Context, id uuid.UUID) error {
	if !c.DrillsAllowed {
		return failure.New(failure.NotAllowed, "drills are not allowed here (drills.allowed)", ErrNoDrills)
	}
	claimed, err := c.Register.Claimed(ctx)
	if err != nil {
		return fmt.Errorf("read whether a failover is under way: %w", err)
	}
	// Its own claim is no obstacle: the drill is being asked again whether it may.
	if claimed != "" && claimed != id.String() {
		return failure.New(failure.Decided, "a failover is under way: no drill beside it", ErrUnderWay)
	}
	_, look, judgement, err := c.Preview(ctx, Input{ID: id, Planned: true})
	if err != nil {
		return fmt.Errorf("look whether a handover would pass: %w", err)
	}
	if !judgement.Passes || look.Standby.Lag < 0 {
		return refused("a drill needs both regions well", judgement.Reasons)
	}
	return nil
}

// ErrNoDrills: the safety switch is off.
var ErrNoDrills = errors.New("failover: drills are not allowed here")

// AllowDrill is [Controller.AllowDrill] for a workflow.
func (a *Activities) AllowDrill(ctx context.Context, in DrillRef) error {
	return lasting(a.Controller.AllowDrill(ctx, in.ID))
}

// KeepDrill writes down how a drill ended, from the journal of its failover.
func (a *Activities) KeepDrill(ctx context.Context, in DrillRef) (Drilled, error) {
	h, err := a.Controller.Look(ctx, in.ID)
	if err != nil {
		return Drilled{}, err
	}
	d := drilled(h, in, a.Controller.now())
	text, err := json.Marshal(d)
	if err != nil {
		return d, fmt.Errorf("write what a drill has shown: %w", err)
	}
	if err := a.Controller.Register.Note(ctx, drillNotes+in.ID.String(), text); err != nil {
		return d, fmt.Errorf("keep what a drill has shown: %w", err)
	}
	return d, nil
}

// drilled holds a failover against what a drill has to keep to.
func drilled(h History, ref DrillRef, now time.Time) Drilled {
	d := Drilled{ID: ref.ID, Kind: Handover, BeganAt: ref.At, EndedAt: now, From: h.Plan.From, To: h.Plan.To, State: NotBegun, Loss: Unknown}
	if h.Result != nil {
		d.State, d.EndedAt = h.Result.State, h.Result.At
		for _, r := range h.Result.Reasons {
			d.Reasons = append(d.Reasons, string(r))
		}
	}
	for _, step := range h.Steps {
		if m := step.Measured; m != nil {
			d.Pause, d.Loss, d.Missing = m.Writable, m.Loss, m.Missing.Count
		}
	}
	miss := func(is bool, target string) {
		if is {
			d.Missed = append(d.Missed, target)
		}
	}
	miss(d.State != Completed, missedEnd)
	if d.State == Completed {
		miss(d.Pause > targetPause.Seconds(), missedPause)
		miss(d.Loss != 0, missedLoss)
		miss(d.Missing != 0, missedMissing)
	}
	return d
}

// Drilled are the drills that were kept, newest first.
func (c *Controller) Drilled(ctx context.Context) ([]Drilled, error) {
	notes, err := c.Register.Notes(ctx, drillNotes)
	if err != nil {
		return nil, fmt.Errorf("list drills: %w", err)
	}
	all := make([]Drilled, 0, len(notes))
	for id, text := range notes {
		var d Drilled
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("read the drill %s: %w", id, err)
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Drilled) int {
		if order := b.BeganAt.Compare(a.BeganAt); order != 0 {
			return order
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	return all, nil
}
