package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/drill"
	"meai/internal/failure"
)

func TestADrillThatWentUndetectedFailsTheNight(t *testing.T) {
	drilled := func(outcome drill.Outcome) *nightWatch {
		w := newNightWatch(t)
		does(w, "prover.Drill", func(drill.Input) drill.Outcome { return outcome })
		w.ExecuteWorkflow(BackupDrill, drill.Input{})
		require.True(t, w.IsWorkflowCompleted())
		return w
	}
	all := drill.Outcome{Drills: 3, Detected: 3, Seconds: 1.5}
	w := drilled(all)
	require.NoError(t, w.GetWorkflowError())
	var outcome drill.Outcome
	require.NoError(t, w.GetWorkflowResult(&outcome))
	require.Equal(t, all, outcome)

	err := drilled(drill.Outcome{Drills: 3, Detected: 1, Undetected: []string{"missing key", "full disk"}}).GetWorkflowError()
	require.True(t, failure.Is(err, failure.Unsound), "%v", err)
	require.ErrorContains(t, err, "not detected: missing key; not detected: full disk")
}
