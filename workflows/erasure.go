package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/privacy/erasure"
	"meai/internal/failure"
)

// WakeSignal makes an erasure look at its row again. It carries nothing: the row says what
// was decided, and nobody else.
const WakeSignal = "wake"

const (
	// settle is longer than any request waits for an answer (60 s) and than any
	// activity that holds a person's words runs (30 s).
	settle = 90 * time.Second

	// quiet is how often in a row nothing may be found running, at this distance,
	// before nothing is: what the server lists lags behind what it does.
	quietSweeps   = 3
	quietDistance = 3 * time.Second

	// longestWait is after how long an erasure that waits looks again by itself.
	longestWait = 24 * time.Hour
	// firstAgain and longestAgain are how long it waits until it deletes, or searches,
	// once more what was not gone.
	firstAgain, longestAgain = 2 * time.Second, 10 * time.Minute
)

// ErasureInput names an erasure. What it is about, and who asked, is in its row.
type ErasureInput struct {
	Erasure uuid.UUID `json:"erasure"`
	// Settle is how long starts and steps that were under way when the person was
	// frozen may take to end; zero for [settle].
	Settle time.Duration `json:"settle,omitempty"`
}

// ErasureProgress tells how far an erasure is.
type ErasureProgress struct {
	State erasure.State `json:"state"`
	// Ended counts the workflows that were terminated.
	Ended int `json:"ended,omitempty"`
	// Found is what all stores held, Deleted what of it was deleted so far.
	Found   int64 `json:"found,omitempty"`
	Deleted int64 `json:"deleted,omitempty"`
	// Stores is how many there are to be emptied, Emptied how many are.
	Stores  int `json:"stores,omitempty"`
	Emptied int `json:"emptied,omitempty"`
	// Left is what the newest search has found.
	Left int64 `json:"left,omitempty"`
	// UnreadableSince is when a quorum of the keyring's replicas had the tombstone;
	// every process follows within a lease, 5 s.
	UnreadableSince time.Time `json:"unreadable_since,omitzero"`
	// Expected is when it will be done, as far as can be told.
	Expected time.Time `json:"expected,omitzero"`
}

// Erasure deletes everything of a person and proves it. It waits out the cooling-off and
// legal holds, prepares, passes the point of no return, destroys the person's keys, empties
// every store, clears up, searches until nothing is found, and has that certified. In the
// order of the first half no replay meets a destroyed key: freeze, so that nothing begins;
// end what runs, on the server, and confirm; then the tombstone; then the keys.
//
// Each step looks at the erasure's row: started anew at any time, the workflow goes on
// where the row is.
//
// A worker may still have an ended workflow in its sticky cache. It gets no task
// for it any more, so nothing is played from there; the cache forgets it when
// others need the room, or when the process ends. The SDK allows the cache to be
// purged only while all workers are stopped.
func Erasure(ctx workflow.Context, in ErasureInput) (ErasureProgress, error) {
	if workflow.GetInfo(ctx).WorkflowExecution.ID != erasure.WorkflowID(in.Erasure) {
		return ErasureProgress{}, failure.New(failure.InvalidInput, "the workflow of an erasure is named after it", nil)
	}
	e := &erasing{in: in, ref: erasure.Ref{ID: in.Erasure}}
	if e.in.Settle <= 0 {
		e.in.Settle = settle
	}
	err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (ErasureProgress, error) { return e.done, nil })
	if err != nil {
		return e.done, err
	}
	e.listen(ctx)
	if goes, err := e.prepare(ctx); err != nil || !goes {
		return e.done, err
	}
	for _, step := range []func(workflow.Context) error{e.destroy, e.erase, e.certify} {
		if err := step(ctx); err != nil {
			return e.done, err
		}
	}
	return e.done, nil
}

type erasing struct {
	in    ErasureInput
	ref   erasure.Ref
	done  ErasureProgress
	woken bool
}

func (e *erasing) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		for signals := workflow.GetSignalChannel(ctx, WakeSignal); ; {
			signals.Receive(ctx, nil)
			e.woken = true
		}
	})
}

// prepare does all that can be taken back, and passes the point of no return. It begins
// again when a hold comes in between, and reports false for what was cancelled.
func (e *erasing) prepare(ctx workflow.Context) (goes bool, err error) {
	for {
		s, err := e.await(ctx)
		if err != nil || s.Ended {
			return false, err
		}
		for _, step := range []func(workflow.Context) (erasure.Standing, error){e.freeze, e.count, e.endWorkflows, e.passPoint} {
			if stopped(s) {
				break
			}
			if s, err = step(ctx); err != nil {
				return false, err
			}
			e.done.State = s.State
		}
		if !stopped(s) {
			return true, nil
		}
		if s.State == erasure.Requested { // the row's clock is behind
			if err := workflow.Sleep(ctx, time.Second); err != nil {
				return false, err
			}
		}
		if _, err := thawPerson.run(ctx, e.ref); err != nil {
			return false, err
		}
		if s.State == erasure.Cancelled {
			_, err := endCancelled.run(ctx, e.ref)
			return false, err
		}
	}
}

// stopped reports whether an erasure does not go on for now.
func stopped(s erasure.Standing) bool {
	return s.State == erasure.Held || s.State == erasure.Cancelled || s.State == erasure.Requested
}

// await waits until nothing has to be waited for, or the erasure is cancelled.
func (e *erasing) await(ctx workflow.Context) (erasure.Standing, error) {
	for {
		e.woken = false
		s, err := lookErasure.run(ctx, e.ref)
		if err != nil {
			return s, err
		}
		e.done.State = s.State
		wait := longestWait
		if s.State == erasure.Requested {
			left := s.Begin.Sub(workflow.Now(ctx))
			if left <= 0 {
				s.State = erasure.Freezing // its turn has come
				return s, nil
			}
			e.done.Expected = s.Begin.Add(e.in.Settle + usual)
			wait = min(wait, left+time.Second) // the row's clock is another
		} else if s.State != erasure.Held {
			return s, nil
		}
		if _, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return e.woken }); err != nil {
			return s, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return s, workflow.NewContinueAsNewError(ctx, Erasure, e.in)
		}
	}
}

// afterwards is how long it usually takes from the last deletion on, and usual from the
// freezing on, but for what is waited for.
const afterwards, usual = 15 * time.Second, time.Minute

func (e *erasing) freeze(ctx workflow.Context) (erasure.Standing, error) {
	return freezePerson.run(ctx, e.ref)
}

func (e *erasing) count(ctx workflow.Context) (erasure.Standing, error) {
	found, err := takeInventory.run(ctx, e.ref)
	e.done.Found, e.done.Stores = found.Found, len(found.Stores)
	return found.Standing, err
}

// endWorkflows ends what runs, lets what was under way come to its end, and
// sweeps until nothing has been found for a while. It lets go of a person who
// takes it back.
func (e *erasing) endWorkflows(ctx workflow.Context) (erasure.Standing, error) {
	for quiet, settled := 0, false; ; {
		ended, err := endWorkflows.run(ctx, e.ref)
		if err != nil || ended.State != erasure.Ending {
			return ended.Standing, err
		}
		e.done.Ended += ended.Workflows
		if quiet++; ended.Workflows > 0 || !settled {
			quiet = 0
		}
		if quiet == quietSweeps {
			return ended.Standing, nil
		}
		pause := quietDistance
		if !settled {
			pause = e.in.Settle
		}
		e.woken = false
		if _, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return e.woken }); err != nil {
			return ended.Standing, err
		}
		settled = settled || !e.woken
	}
}

func (e *erasing) passPoint(ctx workflow.Context) (erasure.Standing, error) {
	return passPoint.run(ctx, e.ref)
}

// destroy makes everything of the person unreadable: in every process within a lease, and
// for ever once the keys are gone from every replica.
func (e *erasing) destroy(ctx workflow.Context) error {
	s, err := buryKeys.run(ctx, e.ref)
	if err != nil {
		return fmt.Errorf("bury the keys: %w", err)
	}
	if s.State == erasure.Destroying {
		e.done.UnreadableSince = workflow.Now(ctx)
	}
	if _, err = clearKeys.run(ctx, e.ref); err != nil {
		return fmt.Errorf("clear the keys: %w", err)
	}
	return nil
}

// confirm looks again when everyone who still held a lease is done: somebody may
// have written keys at the very moment in which they were destroyed.
func (e *erasing) confirm(ctx workflow.Context) error {
	if err := workflow.Sleep(ctx, 2*leased); err != nil {
		return err
	}
	if _, err := clearKeys.run(ctx, e.ref); err != nil {
		return fmt.Errorf("clear the keys: %w", err)
	}
	return nil
}

// erase empties every store, clears up and searches, until nothing is found.
func (e *erasing) erase(ctx workflow.Context) error {
	confirmed, settle := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) { settle.Set(nil, e.confirm(ctx)) })
	begun := workflow.Now(ctx)
	for again := firstAgain; ; again = min(2*again, longestAgain) {
		left, err := e.round(ctx, begun)
		if err != nil {
			return err
		}
		if e.done.Left = total(left); left.Nothing() {
			return confirmed.Get(ctx, nil)
		}
		workflow.GetLogger(ctx).Warn("something is left of a person who is erased", "entries", e.done.Left)
		if err := workflow.Sleep(ctx, again); err != nil {
			return err
		}
	}
}

// total is a sum, for which no order matters.
//
//workflowcheck:ignore
func total(left erasure.Left) (n int64) {
	for _, found := range []map[string]int64{left.Stores, left.Files} {
		for _, times := range found {
			n += times
		}
	}
	return n
}

// round empties every store, takes the person out of the registry, clears up, and returns
// what it then finds. What is behind it already, each step passes over.
func (e *erasing) round(ctx workflow.Context, begun time.Time) (erasure.Left, error) {
	if err := e.empty(ctx, begun); err != nil {
		return erasure.Left{}, err
	}
	left, err := removePerson.run(ctx, e.ref)
	if err != nil || !left.Nothing() {
		return left, err
	}
	e.done.State = left.State
	if _, err := cleanUp.run(ctx, e.ref); err != nil {
		return left, fmt.Errorf("clean up: %w", err)
	}
	left, err = scanResidue.run(ctx, e.ref)
	e.done.State = left.State
	return left, err
}

// empty empties the stores, those that read others first: the large ones side by side, and
// beside them the others one after the other.
func (e *erasing) empty(ctx workflow.Context, begun time.Time) error {
	plan, err := planDeletion.run(ctx, e.ref)
	if err != nil {
		return fmt.Errorf("plan the deletion: %w", err)
	}
	e.done.State, e.done.Found = plan.State, max(e.done.Found, plan.Found)
	e.done.Stores, e.done.Emptied = len(plan.Stores), 0
	for _, early := range []bool{true, false} {
		groups := together(plan.Stores, early)
		var deleting []future[erasure.Deleted]
		for _, names := range groups {
			deleting = append(deleting, deleteStores.start(ctx, erasure.StoresInput{Ref: e.ref, Stores: names}))
		}
		for i, group := range deleting {
			deleted, err := group.result(ctx)
			if err != nil {
				return fmt.Errorf("empty the stores: %w", err)
			}
			e.done.Emptied += len(groups[i])
			e.done.Deleted += deleted.Deleted
			e.expect(ctx, begun)
		}
	}
	return nil
}

// together are the stores of which each group is emptied by one step.
func together(stores []erasure.StoreName, early bool) (groups [][]string) {
	var small []string
	for _, s := range stores {
		switch {
		case s.Early != early:
		case s.Large:
			groups = append(groups, []string{s.Name})
		default:
			small = append(small, s.Name)
		}
	}
	if len(small) > 0 {
		groups = append(groups, small)
	}
	return groups
}

// expect estimates when the erasure will be done, by what was deleted so far.
func (e *erasing) expect(ctx workflow.Context, begun time.Time) {
	if e.done.Deleted > 0 && e.done.Deleted <= e.done.Found {
		took := workflow.Now(ctx).Sub(begun).Seconds()
		e.done.Expected = begun.Add(time.Duration(took * float64(e.done.Found) / float64(e.done.Deleted) * float64(time.Second))).Add(afterwards)
	}
}

func (e *erasing) certify(ctx workflow.Context) error {
	s, err := certify.run(ctx, e.ref)
	e.done.State = s.State
	return err
}

// SweepErased erases again whoever is erased and of whom something is there, and begins
// anew what was stopped.
func SweepErased(ctx workflow.Context, _ struct{}) (erasure.Swept, error) {
	return sweepErased.run(ctx, struct{}{})
}

// SettleErasures certifies the later stages of erasures that were reached since.
func SettleErasures(ctx workflow.Context, _ struct{}) (erasure.Settled, error) {
	return settleErasures.run(ctx, struct{}{})
}

// StartErasure carries an erasure out that was requested, or joins it.
func (s *Starter) StartErasure(ctx context.Context, in ErasureInput) (client.WorkflowRun, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	return s.startKeys(ctx, erasure.WorkflowID(in.Erasure), Erasure, in)
}

// NudgeErasure has an erasure look at its row; one that does not run is started.
func (s *Starter) NudgeErasure(ctx context.Context, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err := s.Client.SignalWorkflow(ctx, erasure.WorkflowID(id), "", WakeSignal, nil)
	var absent *serviceerror.NotFound
	if errors.As(err, &absent) {
		_, err = s.StartErasure(ctx, ErasureInput{Erasure: id})
	}
	if err != nil {
		return fmt.Errorf("nudge erasure %s: %w", id, err)
	}
	return nil
}
