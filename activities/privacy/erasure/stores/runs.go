package stores

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"meai/internal/codec"
)

// runsPage is how many runs are asked for at once.
const runsPage = 200

// Runs are the histories of people's workflows, running and closed, with what visibility
// says of them.
type Runs struct {
	Temporal  client.Client
	Namespace string
}

// Name implements [Store].
func (*Runs) Name() string { return "temporal.histories" }

// Early implements [Early]: the rows of other stores name runs.
func (*Runs) Early() bool { return true }

func (r *Runs) query(subject uuid.UUID) string {
	return fmt.Sprintf("WorkflowId STARTS_WITH %q", "person/"+subject.String()+"/")
}

// Count implements [Store].
func (r *Runs) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	count, err := r.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: r.Namespace, Query: r.query(subject)})
	if err != nil {
		return 0, fmt.Errorf("count the person's workflows: %w", err)
	}
	return count.GetCount(), nil
}

// Sample implements [Store]: the ids of runs, which are in history and visibility.
func (r *Runs) Sample(ctx context.Context, subject uuid.UUID, n int) ([][]byte, error) {
	page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: r.Namespace, PageSize: int32(n), Query: r.query(subject)})
	if err != nil {
		return nil, fmt.Errorf("list the person's workflows: %w", err)
	}
	var samples [][]byte
	for _, w := range page.GetExecutions() {
		samples = append(samples, []byte(w.GetExecution().GetRunId()))
	}
	return samples, nil
}

// Delete implements [Store]. The server deletes a moment later; [Runs.Count] sees when.
func (r *Runs) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (done int64, err error) {
	for token := []byte(nil); ; {
		page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: r.Namespace, PageSize: runsPage, NextPageToken: token, Query: r.query(subject),
		})
		if err != nil {
			return done, fmt.Errorf("list the person's workflows: %w", err)
		}
		for _, w := range page.GetExecutions() {
			if err := r.delete(ctx, w.GetExecution()); err != nil {
				return done, err
			}
			done++
		}
		beat(done)
		if token = page.GetNextPageToken(); len(token) == 0 {
			return done, nil
		}
	}
}

func (r *Runs) delete(ctx context.Context, run *commonpb.WorkflowExecution) error {
	_, err := r.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{Namespace: r.Namespace, WorkflowExecution: run})
	var absent *serviceerror.NotFound
	if err != nil && !errors.As(err, &absent) {
		return fmt.Errorf("delete a history: %w", err)
	}
	return nil
}

// Find implements [Finder].
func (r *Runs) Find(ctx context.Context, found func(uuid.UUID) error) error {
	for token := []byte(nil); ; {
		page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: r.Namespace, PageSize: runsPage, NextPageToken: token, Query: "WorkflowId STARTS_WITH 'person/'",
		})
		if err != nil {
			return fmt.Errorf("list people's workflows: %w", err)
		}
		for _, w := range page.GetExecutions() {
			person, err := codec.PersonOf(w.GetExecution().GetWorkflowId())
			if err != nil || person == uuid.Nil {
				continue // nobody's
			}
			if err := found(person); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}
