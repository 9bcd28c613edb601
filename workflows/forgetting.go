package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
)

// Forgetting carries out what a person has confirmed: the rows go first, all at once, then
// every copy; at last each store is searched for what should be gone. It ends with a receipt,
// and with a look for the patterns that still hold without what is gone.
func Forgetting(ctx workflow.Context, in memory.ForgettingRef) (memory.Receipt, error) {
	if _, err := forget.run(ctx, in); err != nil {
		return memory.Receipt{}, err
	}
	if _, err := forgetCopies.run(ctx, in); err != nil {
		return memory.Receipt{}, err
	}
	receipt, err := proveForgotten.run(ctx, in)
	if err != nil {
		return memory.Receipt{}, err
	}
	if _, err := consolidate.run(ctx, memory.ConsolidateInput{Subject: in.Subject}); err != nil {
		workflow.GetLogger(ctx).Warn("patterns are left to the nightly consolidation", "error", err)
	}
	return receipt, nil
}
