package workflows

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
	"meai/activities/privacy/retention"
)

// The workflows of retention go through everybody under the system's key: opaque ids, codes
// and counts only.

// RetentionInput starts a run of retention. The zero value is a whole run.
type RetentionInput struct {
	// DryRun: nothing goes; what would is in the report.
	DryRun   bool `json:"dry_run,omitempty"`
	PageSize int  `json:"page_size,omitempty"`
	// Run, After, Dropped and Done carry a long run over to its continuation.
	Run     retention.Run        `json:"run,omitzero"`
	After   uuid.UUID            `json:"after,omitzero"`
	Dropped bool                 `json:"dropped,omitempty"`
	Done    retention.Conclusion `json:"done,omitzero"`
}

// RetentionProgress tells how far a run is; what it deleted is in its report.
type RetentionProgress struct {
	// Report is the id of the run's report.
	Report uuid.UUID `json:"report"`
	// Step is "partitions", "people", "rest" or "done".
	Step   string `json:"step"`
	People int    `json:"people"`
	Failed int    `json:"failed"`
	// Deleted counts rows, of a dry run those that would be; Kept those that stay.
	Deleted int64 `json:"deleted"`
	Kept    int64 `json:"kept"`
}

// Retention deletes what is older than it is kept: first the partitions of which everything
// is old enough, then what is left of each person, whose memories are forgotten, then what is
// nobody's. At the end, however it comes, the report says what went and what did not. Each
// step leaves things whole, so it can be ended anywhere; the next run goes on.
func Retention(ctx workflow.Context, in RetentionInput) (RetentionProgress, error) {
	r := aging{in: in}
	if err := r.begin(ctx); err != nil {
		return RetentionProgress{}, err
	}
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (RetentionProgress, error) { return r.progress(), nil }); err != nil {
		return RetentionProgress{}, err
	}
	err := r.run(ctx)
	if workflow.IsContinueAsNewError(err) {
		return r.progress(), err
	}
	if concluded := r.conclude(ctx, err); err == nil {
		err = concluded
	}
	r.step = "done"
	return r.progress(), err
}

// aging is a run of retention under way.
type aging struct {
	in   RetentionInput
	step string
}

// reportOf names the report of a run after the run.
func reportOf(ctx workflow.Context) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(workflow.GetInfo(ctx).WorkflowExecution.RunID))
}

func (r *aging) begin(ctx workflow.Context) error {
	if r.in.PageSize <= 0 {
		r.in.PageSize = defaultPageSize
	}
	if r.in.Run.ID == uuid.Nil {
		r.in.Run = retention.Run{ID: reportOf(ctx), At: workflow.Now(ctx), DryRun: r.in.DryRun}
	}
	if r.in.Done.Counts == nil {
		r.in.Done.Counts = retention.Counts{}
	}
	return nil
}

func (r *aging) progress() RetentionProgress {
	p := RetentionProgress{Report: r.in.Run.ID, Step: r.step, People: r.in.Done.People, Failed: r.in.Done.Failed}
	p.Deleted, p.Kept = r.in.Done.Counts.Sum()
	return p
}

func (r *aging) run(ctx workflow.Context) error {
	if !r.in.Dropped {
		if err := r.partitions(ctx); err != nil {
			return err
		}
	}
	if err := r.people(ctx); err != nil {
		return err
	}
	r.step = "rest"
	rest, err := applyToRest.run(ctx, r.in.Run)
	if err != nil {
		return err
	}
	r.in.Done.Counts.Add(rest)
	return nil
}

func (r *aging) partitions(ctx workflow.Context) (err error) {
	r.step = "partitions"
	if !r.in.DryRun {
		if _, err := prepareRetention.run(ctx, r.in.Run); err != nil {
			return err
		}
	}
	r.in.Done.Partitions, err = dropPartitions.run(ctx, r.in.Run)
	r.in.Dropped = err == nil
	return err
}

// people goes through everybody, page by page, and continues as new.
func (r *aging) people(ctx workflow.Context) error {
	r.step = "people"
	for range pagesPerRun {
		page, err := listSubjects.run(ctx, memory.ListSubjectsInput{After: r.in.After, Limit: r.in.PageSize})
		if err != nil {
			return err
		}
		r.in.Done.People += len(page.Subjects)
		if err := r.apply(ctx, page.Subjects, false); err != nil {
			return err
		}
		if len(page.Subjects) < r.in.PageSize {
			return nil
		}
		r.in.After = page.Subjects[len(page.Subjects)-1]
	}
	return workflow.NewContinueAsNewError(ctx, Retention, r.in)
}

// apply deletes what is old enough of some people, however long that takes: their rows, then
// their memories, then the rows that had waited for these. What fails for them is left to the
// next run.
func (r *aging) apply(ctx workflow.Context, subjects []uuid.UUID, again bool) error {
	for left := subjects; len(left) > 0; {
		done, err := applyToPeople.run(ctx, retention.PeopleInput{Run: r.in.Run, Subjects: left, Again: again})
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			r.in.Done.Failed += len(left)
			workflow.GetLogger(ctx).Warn("a page of people is left to the next run of retention", "error", err)
			return nil
		}
		r.in.Done.Inactive += done.Inactive
		r.in.Done.Counts.Add(done.Counts)
		left = done.Left
		if err := r.expireAll(ctx, done.Expiring); err != nil {
			return err
		}
	}
	return nil
}

func (r *aging) expireAll(ctx workflow.Context, subjects []uuid.UUID) error {
	if len(subjects) == 0 {
		return nil
	}
	err := sideBySide(ctx, subjects, func(ctx workflow.Context, subject uuid.UUID) {
		if err := r.expire(ctx, subject); err != nil && !temporal.IsCanceledError(err) {
			r.in.Done.Failed++
			workflow.GetLogger(ctx).Warn("a subject's memories are left to the next run of retention", "subject", subject, "error", err)
		}
	})
	if err != nil {
		return err
	}
	return r.apply(ctx, subjects, true)
}

// expire has a person's old memories forgotten, and their patterns looked for anew.
func (r *aging) expire(ctx workflow.Context, subject uuid.UUID) error {
	for turn := 0; ; turn++ {
		ref, err := planExpiry.run(ctx, retention.ExpiryInput{Run: r.in.Run, Subject: subject, Turn: turn})
		if err != nil {
			return err
		}
		if ref.Forgetting == uuid.Nil {
			if turn > 0 {
				_, err = consolidate.run(ctx, memory.ConsolidateInput{Subject: subject})
			}
			return err
		}
		if _, err := forget.at(QueueBatch).run(ctx, ref); err != nil {
			return err
		}
		if _, err := forgetCopies.at(QueueBatch).run(ctx, ref); err != nil {
			return err
		}
		if _, err := proveForgotten.at(QueueBatch).run(ctx, ref); err != nil {
			return err
		}
	}
}

// conclude writes the report of a run that ended, cancelled or failed ones included.
func (r *aging) conclude(ctx workflow.Context, ended error) error {
	r.in.Done.Run, r.in.Done.State = r.in.Run, retention.Completed
	if ended != nil {
		r.in.Done.State = retention.Failed
	}
	if temporal.IsCanceledError(ended) {
		r.in.Done.State = retention.Cancelled
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	_, err := concludeRetention.run(ctx, r.in.Done)
	return err
}

// VerifyEncryption looks whether everything that has to be sealed is: values of many people,
// every column, the objects of all buckets, every connection. Its report says where what was
// found, never what.
func VerifyEncryption(ctx workflow.Context, in retention.LookInput) (VerifyEncryptionDone, error) {
	in.ID = reportOf(ctx)
	done := VerifyEncryptionDone{Report: in.ID}
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (VerifyEncryptionDone, error) { return done, nil }); err != nil {
		return done, err
	}
	finish := retention.Finish{ID: in.ID, BeganAt: workflow.Now(ctx)}
	var err error
	for _, step := range []call[retention.LookInput, retention.Look]{checkPlaces, checkColumns, openSamples} {
		look, failed := step.run(ctx, in)
		if failed != nil {
			err = failed
			finish.Stopped, finish.Failed = temporal.IsCanceledError(err), true
			break
		}
		finish.Looked.Add(look.Looked)
		finish.Findings = append(finish.Findings, look.Findings...)
		done.Findings, done.Looked = len(finish.Findings), finish.Looked
	}
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	state, concluded := concludeVerification.run(disconnected, finish)
	done.State = state
	if err != nil {
		return done, err
	}
	return done, concluded
}

// VerifyEncryptionDone tells how far a verification is, and what it comes to.
type VerifyEncryptionDone struct {
	// Report is the id of its report.
	Report   uuid.UUID           `json:"report"`
	State    retention.Soundness `json:"state,omitempty"`
	Looked   retention.Looked    `json:"looked"`
	Findings int                 `json:"findings"`
}

// StartRetention starts a run of retention, or joins the one that is running: one that
// deletes and one that does not may run side by side.
func (s *Starter) StartRetention(ctx context.Context, in RetentionInput) (client.WorkflowRun, error) {
	id := "privacy/retention"
	if in.DryRun {
		id += "/dry-run"
	}
	return s.startOnBatch(ctx, id, Retention, in)
}

// StartVerifyEncryption starts a verification, or joins the one that is running.
func (s *Starter) StartVerifyEncryption(ctx context.Context, in retention.LookInput) (client.WorkflowRun, error) {
	return s.startOnBatch(ctx, "privacy/verify-encryption", VerifyEncryption, in)
}

func (s *Starter) startOnBatch(ctx context.Context, id string, workflow, in any) (client.WorkflowRun, error) {
	run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: QueueBatch, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, workflow, in)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", id, err)
	}
	return run, nil
}
