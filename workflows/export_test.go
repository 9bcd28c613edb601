package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/memory"
	"meai/activities/privacy/export"
	"meai/internal/failure"
)

// exportScene answers for the activities and notes which were called, when.
type exportScene struct {
	env   *testsuite.TestWorkflowEnvironment
	calls []string
	write func() (export.Written, error)
	// waiting are the answers of Expire and Await, in turn; nothing is left after the last.
	waiting []time.Time
	filled  export.Imported
	fill    error
	dropped string
}

func newExportScene(t *testing.T) *exportScene {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &exportScene{env: suite.NewTestWorkflowEnvironment()}
	s.env.SetTestTimeout(time.Minute)
	on := func(name string, f any) { s.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	look := func(name string) func(context.Context, export.Ref) (export.Waiting, error) {
		return func(context.Context, export.Ref) (export.Waiting, error) {
			s.calls = append(s.calls, name)
			if len(s.waiting) == 0 {
				return export.Waiting{}, nil
			}
			next := s.waiting[0]
			s.waiting = s.waiting[1:]
			return export.Waiting{Until: next}, nil
		}
	}
	drop := func(name string) func(context.Context, export.FailInput) (struct{}, error) {
		return func(_ context.Context, in export.FailInput) (struct{}, error) {
			s.calls, s.dropped = append(s.calls, name), in.Reason
			return struct{}{}, nil
		}
	}
	on(writeExport.name, func(context.Context, export.WriteInput) (export.Written, error) {
		s.calls = append(s.calls, "write")
		return s.write()
	})
	on(expireExport.name, look("expire"))
	on(awaitImport.name, look("await"))
	on(failExport.name, drop("fail"))
	on(dropImport.name, drop("drop"))
	on(fillImport.name, func(context.Context, export.Ref) (export.Imported, error) {
		s.calls = append(s.calls, "fill")
		return s.filled, s.fill
	})
	on(repairIndex.name, func(_ context.Context, in memory.RepairInput) (memory.Repaired, error) {
		s.calls = append(s.calls, "index")
		if in.After == uuid.Nil {
			return memory.Repaired{Next: uuid.Max}, nil
		}
		return memory.Repaired{}, nil
	})
	on(concludeImport.name, func(context.Context, export.Ref) (export.Imported, error) {
		s.calls = append(s.calls, "conclude")
		return export.Imported{State: export.Done}, nil
	})
	return s
}

func TestAnExportIsKeptUntilItsTimeIsOver(t *testing.T) {
	s := newExportScene(t)
	began := s.env.Now()
	expires := began.Add(7 * 24 * time.Hour)
	s.write = func() (export.Written, error) { return export.Written{ExpiresAt: expires}, nil }
	s.env.ExecuteWorkflow(Export, export.WriteInput{Subject: uuid.New(), Export: uuid.New()})
	require.NoError(t, s.env.GetWorkflowError())
	require.Equal(t, []string{"write", "expire"}, s.calls)
	require.False(t, s.env.Now().Before(expires), "it was not removed early")
}

func TestWhoIsWokenLooksAtOnceAndGoesOnWaitingWhenThereIsNothingToDo(t *testing.T) {
	s := newExportScene(t)
	expires := s.env.Now().Add(7 * 24 * time.Hour)
	s.write = func() (export.Written, error) { return export.Written{ExpiresAt: expires}, nil }
	s.waiting = []time.Time{expires} // woken for nothing
	s.env.RegisterDelayedCallback(func() { s.env.SignalWorkflow(ExportWakeSignal, nil) }, time.Hour)
	s.env.RegisterDelayedCallback(func() {
		require.Equal(t, []string{"write", "expire"}, s.calls)
		s.env.SignalWorkflow(ExportWakeSignal, nil) // the person has deleted it
	}, 2*time.Hour)
	s.env.ExecuteWorkflow(Export, export.WriteInput{Subject: uuid.New(), Export: uuid.New()})
	require.NoError(t, s.env.GetWorkflowError())
	require.Equal(t, []string{"write", "expire", "expire"}, s.calls)
	require.True(t, s.env.Now().Before(expires))
}

func TestAnExportThatCannotBeWrittenIsGivenUpWithACode(t *testing.T) {
	for what, c := range map[string]struct {
		cause  error
		reason string
	}{
		"the person is being erased": {failure.New(failure.SubjectInactive, "no", nil), failure.SubjectInactive},
		"no retry has helped":        {errors.New("the bucket is away"), retriesExhausted},
	} {
		s := newExportScene(t)
		s.write = func() (export.Written, error) { return export.Written{}, c.cause }
		s.env.ExecuteWorkflow(Export, export.WriteInput{Subject: uuid.New(), Export: uuid.New()})
		require.Error(t, s.env.GetWorkflowError(), what)
		require.Equal(t, "fail", s.calls[len(s.calls)-1], what)
		require.Equal(t, c.reason, s.dropped, what)
	}
}

func TestACancelledExportIsCleanedUp(t *testing.T) {
	s := newExportScene(t)
	s.write = func() (export.Written, error) {
		s.env.CancelWorkflow()
		return export.Written{ExpiresAt: s.env.Now().Add(time.Hour)}, nil
	}
	s.env.ExecuteWorkflow(Export, export.WriteInput{Subject: uuid.New(), Export: uuid.New()})
	require.Error(t, s.env.GetWorkflowError())
}

func TestAnImportWaitsForItsArchiveThenFillsAndIndexes(t *testing.T) {
	s := newExportScene(t)
	s.waiting = []time.Time{s.env.Now().Add(6 * time.Hour)}
	s.filled = export.Imported{State: export.Indexing}
	s.env.RegisterDelayedCallback(func() { s.env.SignalWorkflow(ExportWakeSignal, nil) }, time.Minute)
	s.env.ExecuteWorkflow(ImportExport, export.Ref{Subject: uuid.New(), ID: uuid.New()})
	require.NoError(t, s.env.GetWorkflowError())
	require.Equal(t, []string{"await", "await", "fill", "index", "index", "conclude"}, s.calls)
}

func TestAnArchiveThatIsRefusedEndsTheImportWithoutAFailureOfTheWorkflow(t *testing.T) {
	s := newExportScene(t)
	s.filled = export.Imported{State: export.ImportFailed}
	s.env.ExecuteWorkflow(ImportExport, export.Ref{Subject: uuid.New(), ID: uuid.New()})
	require.NoError(t, s.env.GetWorkflowError())
	require.Equal(t, []string{"await", "fill"}, s.calls)
}

func TestAnImportThatCannotBeFilledInIsDropped(t *testing.T) {
	s := newExportScene(t)
	s.fill = failure.New(failure.KeyDestroyed, "no", nil)
	s.env.ExecuteWorkflow(ImportExport, export.Ref{Subject: uuid.New(), ID: uuid.New()})
	require.Error(t, s.env.GetWorkflowError())
	require.Equal(t, []string{"await", "fill", "drop"}, s.calls)
	require.Equal(t, failure.KeyDestroyed, s.dropped)
}
