package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/truthfilter/feedback"
)

// FilterPolicyInput starts the nightly look at feedback; there is nothing to choose.
type FilterPolicyInput struct{}

// FilterPolicy lets feedback move TruthFilter's policy by one step: a candidate is
// proposed, held to the project's own cases, and adopted or refused.
func FilterPolicy(ctx workflow.Context, _ FilterPolicyInput) (feedback.Outcome, error) {
	proposal, err := proposePolicy.run(ctx, struct{}{})
	if err != nil || len(proposal.Moves) == 0 {
		return feedback.Outcome{}, err
	}
	evaluation, err := evaluatePolicy.run(ctx, proposal)
	if err != nil {
		return feedback.Outcome{}, err
	}
	run := workflow.GetInfo(ctx).WorkflowExecution.RunID
	return adoptPolicy.run(ctx, feedback.AdoptInput{Run: run, Proposal: proposal, Evaluation: evaluation})
}
