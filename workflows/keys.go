package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/keys"
)

// The keys' workflows carry opaque ids and counts only, and their ids name no
// person as "person/…" does: the payload codec seals them under the system's key. Where
// one is about somebody its id has their digest: Temporal keeps it in the clear, longer
// than the person is known.

const (
	// ProgressQuery asks a running workflow of queue privacy how far it is.
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
