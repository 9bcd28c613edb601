package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"meai/activities/backup/drill"
)

// BackupDrill plants what can go wrong with backups on a small cluster of its own, and
// fails with the names of what was not detected: a verifier that sees nothing wrong any
// more must not wait for the day of a restore to be found out.
func BackupDrill(ctx workflow.Context, in drill.Input) (drill.Outcome, error) {
	outcome, err := drillBackups.run(ctx, in)
	if err != nil {
		return outcome, err
	}
	if len(outcome.Undetected) == 0 {
		return outcome, nil
	}
	problems := make([]string, len(outcome.Undetected))
	for i, name := range outcome.Undetected {
		problems[i] = fmt.Sprintf("not detected: %s", name)
	}
	return outcome, unsound(problems)
}
