package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/approval"
	"meai/activities/keys"
)

// The keys' workflows carry opaque ids and counts only, and their ids name no
// person as "person/…" does: the payload codec seals them under the system's key. Where
// one is about somebody its id has their digest: Temporal keeps it in the clear, longer
// than the person is known.

const (
	// ProgressQuery asks a running workflow of the keys how far it is.
	ProgressQuery = "progress"

	defaultKeysPage = 500
	keysPagesPerRun = 20

	// leased is a little more than the life of a lease: afterwards no process
	// uses keys that it loaded before.
	leased = keys.Lease + time.Second
)

// KeysInput starts a run over the keys of everybody. The zero value is a whole run.
type KeysInput struct {
	// Subject restricts the run to one person.
	Subject uuid.UUID `json:"subject,omitzero"`
	// Before: a key version that was made before this time is replaced; zero for
	// the start of the run. Only Rekey looks at it.
	Before   time.Time `json:"before,omitzero"`
	PageSize int       `json:"page_size,omitempty"`
	// At and Done carry a long run over to its continuation.
	At   keys.Cursor `json:"at,omitzero"`
	Done keys.Counts `json:"done,omitzero"`
}

// Rekey gives people new keys. It publishes the new version, waits until no
// process can be without it, makes it the one that seals, waits until every
// process seals under it, and seals the rows anew. The old version stays, for
// histories and archives, until RetireKeys finds it unused.
func Rekey(ctx workflow.Context, in KeysInput) (keys.Counts, error) {
	if in.Before.IsZero() {
		in.Before = workflow.Now(ctx)
	}
	done, err := overKeys(ctx, Rekey, in, func(ctx workflow.Context, subjects []uuid.UUID, done *keys.Counts) error {
		published, err := publishKeys.run(ctx, keys.SubjectsInput{Subjects: subjects, Before: in.Before})
		done.Add(published.Counts)
		if err != nil || len(published.Subjects) == 0 {
			return err
		}
		waiting := keys.SubjectsInput{Subjects: published.Subjects, Before: in.Before}
		for _, step := range []call[keys.SubjectsInput, keys.Counts]{promoteKeys, resealRows} {
			if err := workflow.Sleep(ctx, leased); err != nil {
				return err
			}
			counts, err := step.run(ctx, waiting)
			done.Add(counts)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return done, recorded(ctx, keys.Rekey, in.Subject, err)
}

// RetireKeys removes old key versions that no row, history or archive needs.
func RetireKeys(ctx workflow.Context, in KeysInput) (keys.Counts, error) {
	done, err := overKeys(ctx, RetireKeys, in, func(ctx workflow.Context, subjects []uuid.UUID, done *keys.Counts) error {
		counts, err := retireKeys.run(ctx, keys.SubjectsInput{Subjects: subjects})
		done.Add(counts)
		return err
	})
	return done, recorded(ctx, keys.Retire, in.Subject, err)
}

// Rewrap wraps everybody's keys under the KEK in use and mends what replicas
// lack. At the end it records when KEKs that nothing needs may be destroyed.
func Rewrap(ctx workflow.Context, in KeysInput) (keys.Counts, error) {
	done, err := overKeys(ctx, Rewrap, in, func(ctx workflow.Context, subjects []uuid.UUID, done *keys.Counts) error {
		counts, err := rewrapKeys.run(ctx, keys.SubjectsInput{Subjects: subjects})
		done.Add(counts)
		return err
	})
	if err == nil && in.Subject == uuid.Nil {
		_, err = endEpochs.run(ctx, struct{}{})
	}
	return done, recorded(ctx, keys.Rewrap, in.Subject, err)
}

// recorded has the end of a run written to the audit log, a run that was cancelled
// included. One that continues as new has not ended.
func recorded(ctx workflow.Context, run keys.Run, subject uuid.UUID, err error) error {
	if workflow.IsContinueAsNewError(err) {
		return err
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	_, unrecorded := recordRun.run(ctx, keys.RunInput{Run: run, Subject: subject, Succeeded: err == nil})
	if err != nil {
		return err
	}
	return unrecorded
}

// overKeys calls step for each page of the keyring, and continues as new.
func overKeys(ctx workflow.Context, self any, in KeysInput, step func(workflow.Context, []uuid.UUID, *keys.Counts) error) (keys.Counts, error) {
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (keys.Counts, error) { return in.Done, nil }); err != nil {
		return in.Done, err
	}
	if in.Subject != uuid.Nil {
		err := step(ctx, []uuid.UUID{in.Subject}, &in.Done)
		return in.Done, err
	}
	if in.PageSize <= 0 {
		in.PageSize = defaultKeysPage
	}
	for range keysPagesPerRun {
		page, err := listKeys.run(ctx, keys.PageInput{At: in.At, Limit: in.PageSize})
		if err != nil {
			return in.Done, err
		}
		if len(page.Subjects) > 0 {
			if err := step(ctx, page.Subjects, &in.Done); err != nil {
				return in.Done, err
			}
		}
		if in.At = page.Next; in.At.Ended {
			return in.Done, nil
		}
	}
	return in.Done, workflow.NewContinueAsNewError(ctx, self, in)
}

// DestroyKeysInput names the person whose data becomes unreadable for ever.
type DestroyKeysInput struct {
	Subject uuid.UUID `json:"subject"`
	// Approval is that of two others to [approval.EarlyDelete] of this person.
	Approval uuid.UUID `json:"approval"`
	// Settle is how long starts and steps that were under way when the person was
	// frozen may take to end; zero for [settle].
	Settle time.Duration `json:"settle,omitempty"`
}

// settle is longer than any request waits for an answer (60 s) and than any
// activity that holds a person's words runs (30 s).
const settle = 90 * time.Second

// quiet is how often in a row nothing may be found running, at this distance,
// before nothing is: what the server lists lags behind what it does.
const (
	quietSweeps   = 3
	quietDistance = 3 * time.Second
)

// DestroyKeysDone tells how far a destruction is.
type DestroyKeysDone struct {
	// Step is "approving", "freezing", "ending", "burying", "clearing", "confirming" or "erased".
	Step string `json:"step"`
	// Ended counts the workflows that were terminated.
	Ended int `json:"ended"`
	// UnusableSince is when a quorum of the keyring's replicas had the tombstone;
	// every process follows within a lease, 5 s.
	UnusableSince time.Time `json:"unusable_since,omitzero"`
}

// DestroyKeys makes everything of one person unreadable for ever, in the order
// in which no replay meets a destroyed key: freeze, so that nothing begins; end
// what runs, on the server, and confirm; then the tombstone; then the keys. It
// begins with the approval of others, which is spent on it.
//
// A worker may still have an ended workflow in its sticky cache. It gets no task
// for it any more, so nothing is played from there; the cache forgets it when
// others need the room, or when the process ends. The SDK allows the cache to be
// purged only while all workers are stopped.
func DestroyKeys(ctx workflow.Context, in DestroyKeysInput) (DestroyKeysDone, error) {
	d := destruction{in: in, person: keys.SubjectInput{Subject: in.Subject}}
	if d.in.Settle <= 0 {
		d.in.Settle = settle
	}
	err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (DestroyKeysDone, error) { return d.done, nil })
	if err != nil {
		return d.done, err
	}
	for _, step := range []struct {
		name string
		run  func(workflow.Context) error
	}{
		{"approving", d.approve}, {"freezing", d.freeze}, {"ending", d.endWorkflows}, {"burying", d.bury},
		{"clearing", d.clear}, {"confirming", d.confirm},
	} {
		d.done.Step = step.name
		if err := step.run(ctx); err != nil {
			return d.done, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	d.done.Step = "erased"
	return d.done, nil
}

type destruction struct {
	in     DestroyKeysInput
	person keys.SubjectInput
	done   DestroyKeysDone
}

func (d *destruction) approve(ctx workflow.Context) error {
	_, err := useApproval.run(ctx, approval.UseInput{
		ID: d.in.Approval, Act: approval.EarlyDelete, Parameters: map[string]string{"subject": d.in.Subject.String()},
		By: workflow.GetInfo(ctx).WorkflowExecution.ID,
	})
	return err
}

func (d *destruction) freeze(ctx workflow.Context) error {
	_, err := freeze.run(ctx, d.person)
	return err
}

// endWorkflows ends what runs, lets what was under way come to its end, and
// sweeps until nothing has been found for a while.
func (d *destruction) endWorkflows(ctx workflow.Context) error {
	ended, err := endWorkflows.run(ctx, d.person)
	d.done.Ended += ended.Workflows
	if err != nil {
		return err
	}
	if err := workflow.Sleep(ctx, d.in.Settle); err != nil {
		return err
	}
	for quiet := 0; quiet < quietSweeps; {
		ended, err := endWorkflows.run(ctx, d.person)
		if err != nil {
			return err
		}
		d.done.Ended += ended.Workflows
		if quiet++; ended.Workflows > 0 {
			quiet = 0
		}
		if err := workflow.Sleep(ctx, quietDistance); err != nil {
			return err
		}
	}
	return nil
}

func (d *destruction) bury(ctx workflow.Context) error {
	_, err := buryKeys.run(ctx, keys.ErasedInput{Subject: d.in.Subject, Approval: d.in.Approval})
	d.done.UnusableSince = workflow.Now(ctx)
	return err
}

func (d *destruction) clear(ctx workflow.Context) error {
	_, err := clearKeys.run(ctx, d.person)
	return err
}

// confirm looks again when everyone who still held a lease is done: somebody may
// have written keys at the very moment in which they were destroyed.
func (d *destruction) confirm(ctx workflow.Context) error {
	if err := workflow.Sleep(ctx, 2*leased); err != nil {
		return err
	}
	if err := d.clear(ctx); err != nil {
		return err
	}
	_, err := markErased.run(ctx, keys.ErasedInput{Subject: d.in.Subject, Approval: d.in.Approval})
	return err
}

// StartKeys starts a run over the keys, or joins the one that is running: there
// is one of each kind at a time.
func (s *Starter) StartKeys(ctx context.Context, run keys.Run, in KeysInput) (client.WorkflowRun, error) {
	workflows := map[keys.Run]any{keys.Rekey: Rekey, keys.Rewrap: Rewrap, keys.Retire: RetireKeys}
	id := "keys/" + string(run)
	if in.Subject != uuid.Nil {
		id += "/" + keys.Digest(in.Subject)
	}
	return s.startKeys(ctx, id, workflows[run], in)
}

// StartDestroyKeys starts the destruction of a person's keys, or joins it.
func (s *Starter) StartDestroyKeys(ctx context.Context, in DestroyKeysInput) (client.WorkflowRun, error) {
	return s.startKeys(ctx, "keys/destroy/"+keys.Digest(in.Subject), DestroyKeys, in)
}

func (s *Starter) startKeys(ctx context.Context, id string, workflow, in any) (client.WorkflowRun, error) {
	run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: QueuePrivacy,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, workflow, in)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", id, err)
	}
	return run, nil
}
