package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"

	"meai/activities/backup/quarantine"
	"meai/activities/memory"
	"meai/internal/postgres/queries"
)

// SubjectInput names a person.
type SubjectInput struct {
	Subject uuid.UUID `json:"subject"`
}

// Ended counts the workflows that one sweep found running.
type Ended struct {
	Workflows int `json:"workflows"`
}

const (
	endReason = "the person's data is being erased"
	// endPage is how many workflows are asked for at once.
	endPage = 200
)

// EndWorkflows terminates a person's workflows on the server, so that no worker
// plays them again, and counts those that were running. What the visibility
// store lists may lag behind, so every workflow that the person's rows name is
// ended as well: terminating asks the workflow itself, and finds one that has
// closed already, or never was, not there.
func (a *Activities) EndWorkflows(ctx context.Context, in SubjectInput) (Ended, error) {
	var ended Ended
	for _, sweep := range []func(context.Context, uuid.UUID, func(string) error) error{a.running, a.recorded} {
		err := sweep(ctx, in.Subject, func(workflow string) error {
			was, err := a.end(ctx, workflow)
			if was {
				ended.Workflows++
			}
			activity.RecordHeartbeat(ctx, ended.Workflows)
			return err
		})
		if err != nil {
			return Ended{}, err
		}
	}
	return ended, nil
}

// running goes through the open workflows that visibility knows.
func (a *Activities) running(ctx context.Context, subject uuid.UUID, end func(string) error) error {
	for token := []byte(nil); ; {
		page, err := a.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: a.Namespace, PageSize: endPage, NextPageToken: token,
			Query: fmt.Sprintf("WorkflowId STARTS_WITH %q AND ExecutionStatus = 'Running'", workflowsOf(subject)),
		})
		if err != nil {
			return fmt.Errorf("list workflows of subject %s: %w", subject, err)
		}
		for _, w := range page.GetExecutions() {
			if err := end(w.GetExecution().GetWorkflowId()); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

// recorded goes through the workflows of the messages that the person ever sent, and of
// what is or was on its way into memory.
func (a *Activities) recorded(ctx context.Context, subject uuid.UUID, end func(string) error) error {
	messages := func(ctx context.Context, q *queries.Queries, after uuid.UUID) (ids []uuid.UUID, workflows []string, err error) {
		rows, err := q.WorkflowsOfSubject(ctx, subject, after, endPage)
		for _, row := range rows {
			ids, workflows = append(ids, row.ID), append(workflows, row.WorkflowID)
		}
		return ids, workflows, err
	}
	writes := func(ctx context.Context, q *queries.Queries, after uuid.UUID) (ids []uuid.UUID, workflows []string, err error) {
		ids, err = q.WritesOfSubject(ctx, subject, after, endPage)
		for _, id := range ids {
			workflows = append(workflows, memory.WorkflowOf(subject, id))
		}
		return ids, workflows, err
	}
	return errors.Join(a.endAll(ctx, subject, messages, end), a.endAll(ctx, subject, writes, end))
}

// endAll goes through pages of workflows.
func (a *Activities) endAll(ctx context.Context, subject uuid.UUID,
	list func(context.Context, *queries.Queries, uuid.UUID) ([]uuid.UUID, []string, error), end func(string) error,
) error {
	for after := uuid.Nil; ; {
		var ids []uuid.UUID
		var workflows []string
		err := a.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
			ids, workflows, err = list(ctx, q, after)
			return err
		})
		if err != nil {
			return fmt.Errorf("list workflows of subject %s: %w", subject, err)
		}
		for _, workflow := range workflows {
			if err := end(workflow); err != nil {
				return err
			}
		}
		if len(ids) < endPage {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// end terminates a workflow and reports whether it was running.
func (a *Activities) end(ctx context.Context, workflow string) (bool, error) {
	err := a.Temporal.TerminateWorkflow(ctx, workflow, "", endReason)
	var absent *serviceerror.NotFound
	if errors.As(err, &absent) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("end workflow %s: %w", workflow, err)
	}
	return true, nil
}

// Bury makes the person's keys unusable in every process within one [Lease], and commits
// that to the ledger, so that the person stays erased in a restored database. It fails
// with [failure.EpochOver] when it was asked for before a restore.
func (a *Activities) Bury(ctx context.Context, in ErasedInput) error {
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return err
	}
	if err := a.Keyring.Bury(ctx, in.Subject); err != nil {
		return err
	}
	return a.commitErased(ctx, in)
}

// Clear deletes the person's keys from every replica. It fails, to be tried
// again, for as long as one of them is down.
func (a *Activities) Clear(ctx context.Context, in SubjectInput) error {
	if err := quarantine.Permit(ctx, a.DB); err != nil {
		return err
	}
	return a.Keyring.Clear(ctx, in.Subject)
}
