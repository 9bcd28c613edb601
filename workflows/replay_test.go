package workflows

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/activities/synthesis"
)

// TestRecordedHistoriesReplay guards workflows that are open while a new version
// is deployed. The histories are recorded from the deployed version by
// scripts/record-histories, never from the change under test.
func TestRecordedHistoriesReplay(t *testing.T) {
	paths, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 40)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflow(Interaction)
			replayer.RegisterWorkflow(Memorise)
			replayer.RegisterWorkflow(Import)
			replayer.RegisterWorkflow(Forgetting)
			replayer.RegisterWorkflow(ReflectionPrompts)
			replayer.RegisterWorkflow(Consolidation)
			replayer.RegisterWorkflow(ConsolidateSubject)
			replayer.RegisterWorkflow(RepairIndex)
			replayer.RegisterWorkflow(Upkeep)
			replayer.RegisterWorkflow(LibraryReview)
			replayer.RegisterWorkflow(Rekey)
			replayer.RegisterWorkflow(Rewrap)
			replayer.RegisterWorkflow(RetireKeys)
			replayer.RegisterWorkflow(Erasure)
			replayer.RegisterWorkflow(Approval)
			replayer.RegisterWorkflow(Escalation)
			replayer.RegisterWorkflow(EscalationSweep)
			replayer.RegisterWorkflow(TextAssessment)
			replayer.RegisterWorkflow(FilterPolicy)
			for _, w := range []any{Backup, ProveBackup, MarkBackup, CheckBackups, KeepBackups, HoldBackup, Restore, ArchivePeople, CopyObjects, Retention, VerifyEncryption, LegalHold, PrivacyDeadlines, Failover, HandoverDrill} {
				replayer.RegisterWorkflow(w)
			}
			history := readHistory(t, path)
			id := history.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowId()
			require.NoError(t, replayer.ReplayWorkflowHistoryWithOptions(nil, history, worker.ReplayWorkflowHistoryOptions{
				OriginalExecution: workflow.Execution{ID: id},
			}))
		})
	}
}

// TestReplayNoticesAChangedStory shows that the test above can fail.
func TestReplayNoticesAChangedStory(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context, in InteractionInput) error {
		_, err := compose.run(ctx, synthesis.ComposeInput{Words: in.Words})
		return err
	}, workflow.RegisterOptions{Name: "Interaction"})
	err := replayer.ReplayWorkflowHistory(nil, readHistory(t, "testdata/histories/interaction.json"))
	require.ErrorContains(t, err, "TMPRL1100", "the SDK's code for a story that went another way")
}

func readHistory(t *testing.T, path string) *historypb.History {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, history.Events[0].EventType)
	return history
}
