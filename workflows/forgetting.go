package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// Forgetting carries out what a person has confirmed: the rows go first, all at once, then
// every copy; at last each store is searched for what should be gone. It ends with a receipt.
func Forgetting(ctx workflow.Context, in memory.ForgettingRef) (memory.Receipt, error) {
	if _, err := forget.run(ctx, in); err != nil {
		return memory.Receipt{}, err
	}
	if _, err := forgetCopies.run(ctx, in); err != nil {
		return memory.Receipt{}, err
	}
	return proveForgotten.run(ctx, in)
}
