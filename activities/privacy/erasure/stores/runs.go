package stores

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"meai/activities/memory"
	"meai/internal/codec"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Runs are the executions of people's workflows, running and closed, with what is
// listed of them. An execution is deleted by the server, a moment after it was asked.
type Runs struct {
	Temporal  client.Client
	Namespace string
	// DB has rows that name workflows: what has begun just now may not be listed yet. It
	// may be nil.
	DB *postgres.DB
	// Patience is how long Delete waits for what it asked for; zero for a minute.
	Patience time.Duration
}

const (
	// runsPage is how many executions are listed at once.
	runsPage = 500
	// atOnce and apart bound how many deletions are asked for at a time, and a second.
	atOnce = 16
	apart  = time.Second / 1000
	// again is after how long what is still listed is asked for once more. A server that
	// closes an execution deletes it up to half a minute later.
	again = 20 * time.Second
)

// Name implements [Store].
func (*Runs) Name() string { return "temporal.histories" }

// Covers implements [Covering].
func (*Runs) Covers() []string { return []string{"temporal.visibility"} }

// Early implements [Early]: rows of other stores name executions.
func (*Runs) Early() bool { return true }

// listed is a query for what visibility lists of a person.
func (*Runs) listed(subject uuid.UUID) string {
	return fmt.Sprintf("WorkflowId STARTS_WITH %q", workflowsOf(subject))
}

func workflowsOf(subject uuid.UUID) string { return "person/" + subject.String() + "/" }

// Count implements [Store].
func (r *Runs) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	count, err := r.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: r.Namespace, Query: r.listed(subject)})
	if err != nil {
		return 0, fmt.Errorf("count the person's workflows: %w", err)
	}
	return count.GetCount(), nil
}

// Sample implements [Store]: ids of executions and of workflows.
func (r *Runs) Sample(ctx context.Context, subject uuid.UUID, n int) ([][]byte, error) {
	page, err := r.page(ctx, r.listed(subject), n, nil)
	if err != nil {
		return nil, err
	}
	var samples [][]byte
	for _, w := range page.GetExecutions() {
		run, err := uuid.Parse(w.GetExecution().GetRunId())
		if err != nil || len(samples) == n {
			continue
		}
		samples = append(samples, run[:]) // the scan looks for its text as well
	}
	return samples, nil
}

func (r *Runs) page(ctx context.Context, query string, size int, token []byte) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: r.Namespace, PageSize: int32(size), NextPageToken: token, Query: query,
	})
	if err != nil {
		return nil, fmt.Errorf("list people's workflows: %w", err)
	}
	return page, nil
}

// Delete implements [Store]. It asks for the deletion of everything that is listed or that
// rows name, several at a time, and waits until nothing is listed any more, or for as long
// as it has patience: [Runs.Count] tells.
func (r *Runs) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (int64, error) {
	patience := r.Patience
	if patience == 0 {
		patience = time.Minute
	}
	before, err := r.Count(ctx, subject)
	if err != nil {
		return 0, err
	}
	d := deletion{Runs: r, beat: beat}
	last, end := time.Now(), time.Now().Add(patience)
	if err := errors.Join(d.all(ctx, subject), d.named(ctx, subject)); err != nil {
		return 0, err
	}
	for {
		left, err := r.Count(ctx, subject)
		if err != nil || left == 0 || time.Now().After(end) {
			return max(0, before-left), err
		}
		if time.Since(last) > again {
			last = time.Now()
			if err := d.all(ctx, subject); err != nil {
				return 0, err
			}
		}
		beat(before - left)
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// deletion is one call of Delete.
type deletion struct {
	*Runs
	asked atomic.Int64
	beat  func(done int64)
}

// all asks for the deletion of everything that is listed.
func (d *deletion) all(ctx context.Context, subject uuid.UUID) error {
	for token := []byte(nil); ; {
		page, err := d.page(ctx, d.listed(subject), runsPage, token)
		if err != nil {
			return err
		}
		executions := make([]*commonpb.WorkflowExecution, 0, runsPage)
		for _, w := range page.GetExecutions() {
			executions = append(executions, w.GetExecution())
		}
		if err := d.ask(ctx, executions); err != nil {
			return err
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

// ask asks for the deletion of executions. One that is gone already is done.
func (d *deletion) ask(ctx context.Context, executions []*commonpb.WorkflowExecution) error {
	tick := time.NewTicker(apart)
	defer tick.Stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, execution := range executions {
		select {
		case <-ctx.Done():
			return errors.Join(group.Wait(), ctx.Err())
		case <-tick.C:
		}
		group.Go(func() error {
			_, err := d.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
				Namespace: d.Namespace, WorkflowExecution: execution,
			})
			var absent *serviceerror.NotFound
			if errors.As(err, &absent) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("delete a history: %w", err)
			}
			d.asked.Add(1)
			return nil
		})
	}
	err := group.Wait()
	d.beat(d.asked.Load())
	return err
}

// named asks for the deletion of the workflows that rows name: of messages, and of what is
// or was on its way into memory.
func (d *deletion) named(ctx context.Context, subject uuid.UUID) error {
	if d.DB == nil {
		return nil
	}
	messages := func(ctx context.Context, q *queries.Queries, after uuid.UUID) (ids []uuid.UUID, workflows []string, err error) {
		rows, err := q.WorkflowsOfSubject(ctx, subject, after, runsPage)
		for _, row := range rows {
			ids, workflows = append(ids, row.ID), append(workflows, row.WorkflowID)
		}
		return ids, workflows, err
	}
	writes := func(ctx context.Context, q *queries.Queries, after uuid.UUID) (ids []uuid.UUID, workflows []string, err error) {
		ids, err = q.WritesOfSubject(ctx, subject, after, runsPage)
		for _, id := range ids {
			workflows = append(workflows, memory.WorkflowOf(subject, id))
		}
		return ids, workflows, err
	}
	for _, list := range []func(context.Context, *queries.Queries, uuid.UUID) ([]uuid.UUID, []string, error){messages, writes} {
		for after := uuid.Nil; ; {
			var ids []uuid.UUID
			var workflows []string
			err := d.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
				ids, workflows, err = list(ctx, q, after)
				return err
			})
			if err != nil {
				return fmt.Errorf("list the workflows that rows name: %w", err)
			}
			var executions []*commonpb.WorkflowExecution
			for _, workflow := range workflows {
				executions = append(executions, &commonpb.WorkflowExecution{WorkflowId: workflow})
			}
			if err := d.ask(ctx, executions); err != nil {
				return err
			}
			if len(ids) < runsPage {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	return nil
}

// Find implements [Finder].
func (r *Runs) Find(ctx context.Context, found func(uuid.UUID) error) error {
	for token := []byte(nil); ; {
		page, err := r.page(ctx, "WorkflowId STARTS_WITH 'person/'", runsPage, token)
		if err != nil {
			return err
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
