package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/upkeep"
)

// UpkeepInput starts the nightly upkeep; there is nothing to choose.
type UpkeepInput struct{}

// Upkeep prepares the database for the time ahead.
func Upkeep(ctx workflow.Context, _ UpkeepInput) (upkeep.Partitioned, error) {
	return extendPartitions.run(ctx, struct{}{})
}
