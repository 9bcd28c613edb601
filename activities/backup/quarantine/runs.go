package quarantine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"meai/internal/codec"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	runsPage = 200
	// Nothing may be found this often in a row, at this distance, before nothing is
	// open: what the server lists lags behind what it does.
	quietSweeps   = 3
	quietDistance = time.Second
)

// endRuns ends every open run of the queues that act for nobody in particular. Whether
// such a run had done its work is known to the ledger, not to its history.
func (r *Release) endRuns(ctx context.Context, s postgres.State) error {
	queues := make([]string, len(r.Queues))
	for i, queue := range r.Queues {
		queues[i] = fmt.Sprintf("%q", queue)
	}
	query := "ExecutionStatus = 'Running' AND TaskQueue IN (" + strings.Join(queues, ", ") + ")"
	ended, err := r.endAll(ctx, query, s.Restore, func(_ context.Context, page []*workflowpb.WorkflowExecutionInfo) ([]*workflowpb.WorkflowExecutionInfo, error) {
		return slices.DeleteFunc(page, func(w *workflowpb.WorkflowExecutionInfo) bool { return ofPerson(w) != uuid.Nil }), nil
	})
	r.reportRuns(ended, "that were open were ended")
	return err
}

// endErased ends the runs of people whose erasure the ledger has told of: a worker
// would meet keys that are destroyed.
func (r *Release) endErased(ctx context.Context, s postgres.State) error {
	query := "ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH 'person/'"
	ended, err := r.endAll(ctx, query, s.Restore, r.ofErased)
	r.reportRuns(ended, "of people who are erased were ended")
	return err
}

func (r *Release) reportRuns(ended map[string]int, which string) {
	for _, kind := range slices.Sorted(maps.Keys(ended)) {
		r.did("runs", "%d of %s %s", ended[kind], kind, which)
	}
}

// ofErased chooses the runs of people who are not active.
func (r *Release) ofErased(ctx context.Context, page []*workflowpb.WorkflowExecutionInfo) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var people []uuid.UUID
	for _, w := range page {
		people = append(people, ofPerson(w))
	}
	active := map[uuid.UUID]bool{}
	err := r.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.SubjectStates(ctx, people)
		for _, row := range rows {
			active[row.ID] = row.State == "active"
		}
		return err
	})
	// Somebody whom the restored database does not know has no rows to work on either,
	// but nobody has asked for their erasure.
	return slices.DeleteFunc(page, func(w *workflowpb.WorkflowExecutionInfo) bool {
		is, known := active[ofPerson(w)]
		return is || !known
	}), err
}

// ofPerson is the person whom a run is of; zero for nobody's.
func ofPerson(w *workflowpb.WorkflowExecutionInfo) uuid.UUID {
	person, err := codec.PersonOf(w.GetExecution().GetWorkflowId())
	if err != nil {
		return uuid.Nil
	}
	return person
}

// endAll terminates what is listed and chosen, until nothing has been found for a while,
// and counts by workflow type what was running.
func (r *Release) endAll(ctx context.Context, query, restore string,
	choose func(context.Context, []*workflowpb.WorkflowExecutionInfo) ([]*workflowpb.WorkflowExecutionInfo, error),
) (ended map[string]int, err error) {
	ended = map[string]int{}
	for quiet := 0; ; {
		found := 0
		err := r.eachPage(ctx, query, func(page []*workflowpb.WorkflowExecutionInfo) error {
			chosen, err := choose(ctx, page)
			if err != nil {
				return err
			}
			for _, w := range chosen {
				was, err := r.end(ctx, w, restore)
				if err != nil {
					return err
				}
				if was {
					ended[w.GetType().GetName()]++
					found++
				}
			}
			return nil
		})
		if err != nil {
			return ended, err
		}
		if quiet++; found > 0 {
			quiet = 0
		}
		if quiet == quietSweeps {
			return ended, nil
		}
		select {
		case <-ctx.Done():
			return ended, ctx.Err()
		case <-time.After(quietDistance):
		}
	}
}

func (r *Release) eachPage(ctx context.Context, query string, do func([]*workflowpb.WorkflowExecutionInfo) error) error {
	for token := []byte(nil); ; {
		page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: r.Namespace, PageSize: runsPage, NextPageToken: token, Query: query,
		})
		if err != nil {
			return fmt.Errorf("list open runs: %w", err)
		}
		if err := do(page.GetExecutions()); err != nil {
			return err
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

// end terminates a run and reports whether it was running.
func (r *Release) end(ctx context.Context, w *workflowpb.WorkflowExecutionInfo, restore string) (bool, error) {
	id := w.GetExecution()
	err := r.Temporal.TerminateWorkflow(ctx, id.GetWorkflowId(), id.GetRunId(), "it was open at the point of restore "+restore)
	var absent *serviceerror.NotFound
	if errors.As(err, &absent) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("end %s: %w", id.GetWorkflowId(), err)
	}
	return true, nil
}
