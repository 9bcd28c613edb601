package workflows

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/bridge"
	"meai/internal/failure"
)

// review45 is a library review over 45 links; one page of them may fail.
func review45(t *testing.T, index error, broken int) (*testsuite.TestWorkflowEnvironment, *[]bridge.CheckLinksInput) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	pages := &[]bridge.CheckLinksInput{}
	perform := func(name string, a any) { env.RegisterActivityWithOptions(a, activity.RegisterOptions{Name: name}) }
	perform("library.Index", func(context.Context, struct{}) error { return index })
	perform("library.Plan", func(context.Context, struct{}) (bridge.ReviewPlan, error) {
		plan := bridge.ReviewPlan{Overdue: []string{"old"}}
		for n := range 45 {
			plan.Links = append(plan.Links, fmt.Sprint("r", n))
		}
		return plan, nil
	})
	perform("library.CheckLinks", func(_ context.Context, in bridge.CheckLinksInput) (bridge.LinksChecked, error) {
		*pages = append(*pages, in)
		if len(*pages) == broken {
			return bridge.LinksChecked{}, failure.New(failure.InvalidInput, "it will not do", nil)
		}
		return bridge.LinksChecked{Checked: len(in.Resources)}, nil
	})
	perform("library.Conclude", func(_ context.Context, in bridge.ReviewPlan) (bridge.ReviewFound, error) {
		return bridge.ReviewFound{Overdue: in.Overdue, Gone: []string{"r7 404 x1"}}, nil
	})
	return env, pages
}

func TestLibraryReviewChecksEachLinkOnce(t *testing.T) {
	env, pages := review45(t, nil, 0)
	env.ExecuteWorkflow(LibraryReview, LibraryReviewInput{})
	var done LibraryReviewed
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, LibraryReviewed{Checked: 45, Found: bridge.ReviewFound{Overdue: []string{"old"}, Gone: []string{"r7 404 x1"}}}, done)
	require.Len(t, *pages, 3)
	seen := map[string]bool{}
	for _, page := range *pages {
		require.Equal(t, (*pages)[0].At, page.At, "one review, one time")
		for _, id := range page.Resources {
			require.False(t, seen[id], id)
			seen[id] = true
		}
	}
	require.Len(t, seen, 45)
}

func TestOnePagesFailureDoesNotStopTheReview(t *testing.T) {
	env, _ := review45(t, nil, 2)
	env.ExecuteWorkflow(LibraryReview, LibraryReviewInput{})
	var done LibraryReviewed
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, 25, done.Checked)
	require.Equal(t, 1, done.Failed)
}

func TestAnIndexThatIsAwayShowsAfterTheReview(t *testing.T) {
	env, pages := review45(t, errors.New("weaviate is away"), 0)
	env.ExecuteWorkflow(LibraryReview, LibraryReviewInput{})
	require.ErrorContains(t, env.GetWorkflowError(), "weaviate is away")
	require.Len(t, *pages, 3, "the links were checked all the same")
}
