package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"meai/activities/bridge"
)

// linksPerPage bounds one activity of the review.
const linksPerPage = 20

// LibraryReviewInput starts the weekly review of the library; there is nothing to choose.
type LibraryReviewInput struct{}

// LibraryReviewed is what a review found.
type LibraryReviewed struct {
	Checked int `json:"checked"`
	// Failed counts pages of links whose check gave up; the next week tries again.
	Failed int                `json:"failed,omitempty"`
	Found  bridge.ReviewFound `json:"found"`
}

// LibraryReview names entries that somebody has to go through again, checks where
// the library's links lead, and repairs its copy in the vector index.
func LibraryReview(ctx workflow.Context, _ LibraryReviewInput) (LibraryReviewed, error) {
	began, done := workflow.Now(ctx).UTC().Truncate(time.Microsecond), LibraryReviewed{}
	indexing := indexLibrary.start(ctx, struct{}{})
	plan, err := planReview.run(ctx, struct{}{})
	if err != nil {
		return done, err
	}
	for page := range slices.Chunk(plan.Links, linksPerPage) {
		checked, err := checkLinks.run(ctx, bridge.CheckLinksInput{Resources: page, At: began})
		if err != nil {
			done.Failed++
			workflow.GetLogger(ctx).Warn("some links were not checked until the next review", "error", err)
		}
		done.Checked += checked.Checked
	}
	if done.Found, err = concludeReview.run(ctx, plan); err != nil {
		return done, err
	}
	// The search goes on without its index; whoever looks at the schedule has to see it.
	_, err = indexing.result(ctx)
	return done, err
}
