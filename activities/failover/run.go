package failover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/internal/fence"
)

// Run is one failover in the hands of its only runner.
type Run struct {
	c      *Controller
	id     uuid.UUID
	runner fence.Runner
	// entries are the journal's, by name.
	entries map[string]json.RawMessage
	plan    Plan
	// asked is what overrides the gate, and is in no journal before it is used.
	asked Input
}

// step is a piece of a failover. Each can be done again after it was broken off, and undone
// whether it was done or not; a step without undo changes nothing before the commit point,
// or lies behind it.
type step struct {
	name string
	do   func(*Run, context.Context, *Done) error
	undo func(*Run, context.Context) error
}

// commit is the step from which on nothing is undone.
const commit = "fence"

// steps in their order.
func steps() []step {
	return []step{
		{"detect", (*Run).detect, (*Run).disclaim},
		{"gate", (*Run).gate, nil},
		{"approve", (*Run).approve, nil},
		{commit, (*Run).fence, nil},
		{"await", (*Run).await, nil},
		{"promote", (*Run).promote, nil},
		{"verify", (*Run).verify, nil},
		{"release", (*Run).release, nil},
		{"route", (*Run).route, nil},
		{"repair", (*Run).repair, nil},
		{"measure", (*Run).measure, nil},
		{"rejoin", (*Run).rejoin, nil},
		{"report", (*Run).report, nil},
	}
}

// Steps are the names of all steps in order.
func Steps() []string {
	all := steps()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Undoable are the steps that have something to undo: whoever runs one sees to it before
// that [Run.RollBack] is called should the run end before the commit point.
func Undoable() []string {
	var names []string
	for _, s := range steps() {
		if s.undo != nil {
			names = append(names, s.name)
		}
	}
	return names
}

// Reversible reports whether a failover in which this step comes next can be taken back.
func Reversible(name string) bool {
	at := slices.Index(Steps(), name)
	return at >= 0 && at <= slices.Index(Steps(), commit)
}

// Done is a step that was done.
type Done struct {
	Step    string    `json:"step"`
	BegunAt time.Time `json:"begun_at"`
	EndedAt time.Time `json:"ended_at"`
	// Found are codes, counts and positions by name.
	Found map[string]string `json:"found,omitempty"`

	Counted   *Counted   `json:"counted,omitempty"`   // of detect
	Look      *Look      `json:"look,omitempty"`      // of gate
	Judgement *Judgement `json:"judgement,omitempty"` // of gate and fence
	Approval  uuid.UUID  `json:"approval,omitzero"`   // of approve
	Measured  *Measured  `json:"measured,omitempty"`  // of measure
}

func (d *Done) found(name, format string, args ...any) {
	if d.Found == nil {
		d.Found = map[string]string{}
	}
	d.Found[name] = fmt.Sprintf(format, args...)
}

// The names of a journal's entries.
const (
	planEntry   = "plan"
	resultEntry = "result"
	reportEntry = "report"
)

func doneEntry(name string) string {
	return fmt.Sprintf("steps/%02d-%s", slices.Index(Steps(), name)+1, name)
}

func begunEntry(name string) string {
	return fmt.Sprintf("begun/%02d-%s", slices.Index(Steps(), name)+1, name)
}

// Begin claims the register for a failover and writes its plan down, or goes on with the
// one of that id. It fails with [ErrUnderWay] while there is another, with
// [fence.ErrHeld] while somebody else runs this one, and with [ErrOver] when it has ended.
func (c *Controller) Begin(ctx context.Context, in Input) (*Run, error) {
	if in.ID == uuid.Nil {
		in.ID = uuid.New()
	}
	run, err := c.open(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := run.begin(ctx, in); err != nil {
		return nil, errors.Join(fmt.Errorf("begin failover %s: %w", in.ID, err), run.Close(ctx))
	}
	return run, nil
}

// Resume goes on with a failover that was begun, whoever ran it: what it lacks of a plan it
// does not invent. It fails as [Controller.Begin] does.
func (c *Controller) Resume(ctx context.Context, in Input) (*Run, error) {
	run, err := c.open(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := run.resume(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("go on with failover %s: %w", in.ID, err), run.Close(ctx))
	}
	return run, nil
}

func (c *Controller) open(ctx context.Context, in Input) (*Run, error) {
	runner, err := c.Register.Elect(ctx, in.ID.String(), c.Name)
	if err != nil {
		return nil, fmt.Errorf("become the runner of failover %s: %w", in.ID, err)
	}
	run := &Run{c: c, id: in.ID, runner: runner, asked: in}
	if run.entries, err = c.Register.Entries(ctx, in.ID.String()); err != nil {
		return nil, errors.Join(fmt.Errorf("read the journal of failover %s: %w", in.ID, err), run.Close(ctx))
	}
	if text, ok := run.entries[planEntry]; ok {
		if err := json.Unmarshal(text, &run.plan); err != nil {
			return nil, errors.Join(fmt.Errorf("read the plan of failover %s: %w", in.ID, err), run.Close(ctx))
		}
	}
	return run, nil
}

func (run *Run) begin(ctx context.Context, in Input) error {
	if _, planned := run.entries[planEntry]; planned {
		return run.resume(ctx)
	}
	snapshot, err := run.c.Register.Read(ctx)
	if err != nil {
		return err
	}
	desired := snapshot.Desired.Value
	plan := Plan{ID: run.id, From: desired.Region, To: in.To, Planned: in.Planned, Epoch: desired.Epoch, At: run.c.now()}
	other, err := run.c.other(plan.From)
	switch {
	case err != nil:
		return err
	case plan.To == "":
		plan.To = other
	case plan.To != other:
		return fmt.Errorf("%w: region %s serves, and %q is not the other one", ErrStale, plan.From, plan.To)
	}
	// The plan comes after the claim: a claim without a plan is nothing that has begun.
	holder, err := run.c.Register.Claim(ctx, run.id.String())
	if errors.Is(err, fence.ErrHeld) {
		return fmt.Errorf("%w: %s", ErrUnderWay, holder)
	}
	if err != nil {
		return err
	}
	return run.record(ctx, planEntry, plan, &run.plan)
}

func (run *Run) resume(ctx context.Context) error {
	if result, ok, err := run.Result(); ok || err != nil {
		if ok && err == nil {
			// The runner may have been lost between the result and this.
			err = errors.Join(fmt.Errorf("%w: %s", ErrOver, result.State), run.disclaim(ctx))
		}
		return err
	}
	if _, planned := run.entries[planEntry]; !planned {
		return errors.Join(fmt.Errorf("%w: it had no plan yet", ErrOver), run.disclaim(ctx))
	}
	committed, err := run.committed(ctx)
	if err != nil || committed {
		return err
	}
	if _, withdrawn := run.entries[fence.Withdrawn]; !withdrawn {
		return nil
	}
	if err := run.RollBack(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrOver, RolledBack)
}

// record writes an entry once, and reads into whatever is there in the end.
func (run *Run) record(ctx context.Context, name string, entry, into any) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	stored, _, err := run.runner.Record(ctx, name, text)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	run.entries[name] = stored
	if err := json.Unmarshal(stored, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// Do does one step, unless it was done before. Those before it must have been done.
func (run *Run) Do(ctx context.Context, name string) (Done, error) {
	steps := steps()
	i := slices.IndexFunc(steps, func(s step) bool { return s.name == name })
	if i < 0 {
		return Done{}, fmt.Errorf("there is no step %q", name)
	}
	if done, ok, err := run.done(name); ok || err != nil {
		return done, err
	}
	if i > 0 {
		if _, ok, err := run.done(steps[i-1].name); err != nil || !ok {
			return Done{}, errors.Join(fmt.Errorf("%s comes before %s, and is not done", steps[i-1].name, name), err)
		}
	}
	ctx, stop := run.whileElected(ctx)
	defer stop()
	var begun, done Done
	if err := run.record(ctx, begunEntry(name), Done{Step: name, BegunAt: run.c.now()}, &begun); err != nil {
		return Done{}, err
	}
	done = begun
	if err := steps[i].do(run, ctx, &done); err != nil {
		return Done{}, fmt.Errorf("%s: %w", name, err)
	}
	done.EndedAt = run.c.now()
	err := run.record(ctx, doneEntry(name), done, &done)
	return done, err
}

// whileElected ends a context when somebody else may run the failover.
func (run *Run) whileElected(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-run.runner.Lost():
			cancel(fence.ErrLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (run *Run) done(name string) (done Done, ok bool, err error) {
	return entry[Done](run.entries, doneEntry(name))
}

func entry[T any](entries map[string]json.RawMessage, name string) (value T, ok bool, err error) {
	text, ok := entries[name]
	if !ok {
		return value, false, nil
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, true, fmt.Errorf("read %s: %w", name, err)
	}
	return value, true, nil
}

// Plan is what the run does.
func (run *Run) Plan() Plan { return run.plan }

// Result is how it ended; ok is false while it has not.
func (run *Run) Result() (result Result, ok bool, err error) {
	return entry[Result](run.entries, resultEntry)
}

// committed reports whether the record that decides was changed by this failover. Who made
// the change may have been lost before the journal had it.
func (run *Run) committed(ctx context.Context) (bool, error) {
	if _, ok := run.entries[doneEntry(commit)]; ok {
		return true, nil
	}
	snapshot, err := run.c.Register.Read(ctx)
	if err != nil {
		return false, fmt.Errorf("read whether it is decided: %w", err)
	}
	return snapshot.Desired.Value.Failover == run.id.String(), nil
}

// RollBack takes a failover back and ends it. It fails with [ErrCommitted] behind the
// commit point; it can be repeated.
func (run *Run) RollBack(ctx context.Context, reasons ...Reason) error {
	if committed, err := run.committed(ctx); committed || err != nil {
		return errors.Join(err, only(committed, ErrCommitted))
	}
	// From here on the change is refused. One that came just before has happened.
	var at time.Time
	if err := run.record(ctx, fence.Withdrawn, run.c.now(), &at); err != nil {
		return err
	}
	if committed, err := run.committed(ctx); committed || err != nil {
		return errors.Join(err, only(committed, ErrCommitted))
	}
	for _, s := range slices.Backward(steps()) {
		if s.undo != nil {
			if err := s.undo(run, ctx); err != nil {
				return fmt.Errorf("undo %s: %w", s.name, err)
			}
		}
	}
	var result Result
	return run.record(ctx, resultEntry, Result{State: RolledBack, At: run.c.now(), Reasons: reasons}, &result)
}

// only is err if that is so.
func only(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

func (run *Run) disclaim(ctx context.Context) error {
	if err := run.c.Register.Disclaim(ctx, run.id.String()); err != nil {
		return fmt.Errorf("give the claim back: %w", err)
	}
	return nil
}

// Supersede ends a failover that has committed and does not come to its end, because the
// region that was to serve is lost as well, so that another one can be begun.
func (run *Run) Supersede(ctx context.Context) error {
	committed, err := run.committed(ctx)
	if err != nil {
		return err
	}
	if !committed {
		return errors.New("it has not committed: roll it back")
	}
	var result Result
	if err := run.record(ctx, resultEntry, Result{State: Superseded, At: run.c.now()}, &result); err != nil {
		return err
	}
	return run.disclaim(ctx)
}

// Close lets others run the failover.
func (run *Run) Close(ctx context.Context) error {
	if err := run.runner.Close(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("let others run the failover: %w", err)
	}
	return nil
}

// Finish does all steps that are not done, in order, and rolls back what fails for good
// before the commit point. It waits a moment and tries again whatever may mend itself.
func (run *Run) Finish(ctx context.Context, tell func(name string, done Done, err error)) error {
	for _, name := range Steps() {
		for {
			done, err := run.Do(ctx, name)
			tell(name, done, err)
			if err == nil {
				break
			}
			if ctx.Err() != nil || errors.Is(err, fence.ErrLost) || errors.Is(err, ErrStuck) {
				return err // somebody else goes on, or the same command
			}
			if permanent(err) && Reversible(name) {
				if back := run.RollBack(ctx, run.reasons()...); !errors.Is(back, ErrCommitted) {
					return errors.Join(err, back)
				}
			}
			select {
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			case <-time.After(10 * run.c.every()):
			}
		}
	}
	return nil
}

// permanent reports whether trying again does not help.
func permanent(err error) bool {
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrStale)
}

func (run *Run) reasons() []Reason {
	if done, ok, err := run.done("gate"); ok && err == nil && done.Judgement != nil {
		return done.Judgement.Reasons
	}
	return nil
}
