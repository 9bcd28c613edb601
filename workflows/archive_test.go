package workflows

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"meai/activities/backup/copies"
	"meai/activities/backup/people"
	"meai/internal/failure"
)

// archiving is a night watch over the given number of people, every second of whom has
// changed, and over two pages of archives.
func archiving(t *testing.T, everybody int) (w *nightWatch, visits map[uuid.UUID]int, runs map[time.Time]bool) {
	t.Helper()
	w, visits, runs = newNightWatch(t), map[uuid.UUID]int{}, map[time.Time]bool{}
	does(w, "people.ListChanged", func(in people.PageInput) people.Page {
		runs[in.Run] = true
		page := people.Page{Next: in.After}
		for n := ordinal(in.After) + 1; n <= everybody && page.Seen < in.Limit; n++ {
			page.Next = uuid.UUID{14: byte(n >> 8), 15: byte(n)}
			if page.Seen++; n%2 == 0 {
				page.Subjects = append(page.Subjects, page.Next)
			}
		}
		page.Ended = page.Seen < in.Limit
		return page
	})
	does(w, "people.Archive", func(in people.Input) people.Counts {
		runs[in.Run] = true
		for _, subject := range in.Subjects {
			visits[subject]++
		}
		return people.Counts{Archived: len(in.Subjects), Rows: int64(len(in.Subjects))}
	})
	does(w, "people.Expire", func(in people.ExpireInput) people.Expired {
		if in.Token == nil {
			return people.Expired{Aged: 2, Next: []byte("next")}
		}
		return people.Expired{Unreadable: 1, Ended: true}
	})
	return w, visits, runs
}

func TestWhoChangedIsArchivedOnceAndOldArchivesGo(t *testing.T) {
	w, visits, runs := archiving(t, 25)
	w.ExecuteWorkflow(ArchivePeople, ArchivePeopleInput{PageSize: 10})
	var done ArchivePeopleDone
	require.NoError(t, w.GetWorkflowResult(&done))
	require.Equal(t, ArchivePeopleDone{Seen: 25, Counts: people.Counts{Archived: 12, Rows: 12}, Removed: 3}, done)
	require.Len(t, visits, 12)
	for subject, n := range visits {
		require.Equal(t, 1, n, subject)
	}
	require.Len(t, runs, 1, "one run, one time: who was archived since is left out")
}

func TestAPageOnWhichNobodyChangedArchivesNobody(t *testing.T) {
	w, _, _ := archiving(t, 1)
	w.ExecuteWorkflow(ArchivePeople, ArchivePeopleInput{})
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, []string{"people.ListChanged", "people.Expire", "people.Expire"}, w.calls)
}

func TestALongArchivingContinuesAsNewWhereItStopped(t *testing.T) {
	w, _, runs := archiving(t, 1000)
	w.ExecuteWorkflow(ArchivePeople, ArchivePeopleInput{PageSize: 20})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, w.GetWorkflowError(), &next)
	var carried ArchivePeopleInput
	require.NoError(t, inputOf(next, &carried))
	require.Equal(t, 20*pagesPerRun, carried.Done.Seen)
	require.Equal(t, 10*pagesPerRun, carried.Done.Archived)
	require.Equal(t, 20*pagesPerRun, ordinal(carried.After))
	require.Equal(t, 20, carried.PageSize)
	require.False(t, carried.Expiring)
	require.True(t, runs[carried.Run], "it stays the same run")
	require.NotContains(t, w.calls, "people.Expire")

	w, visits, _ := archiving(t, 1000)
	carried.After, carried.Done = uuid.UUID{14: 999 >> 8, 15: 999 & 255}, ArchivePeopleDone{Seen: 999}
	w.ExecuteWorkflow(ArchivePeople, carried)
	var done ArchivePeopleDone
	require.NoError(t, w.GetWorkflowResult(&done))
	require.Equal(t, ArchivePeopleDone{Seen: 1000, Counts: people.Counts{Archived: 1, Rows: 1}, Removed: 3}, done)
	require.Len(t, visits, 1)
}

// copying is a night watch over two buckets, in which a reconciliation may find much
// missing.
func copying(t *testing.T, missing map[string]int64) *nightWatch {
	t.Helper()
	w := newNightWatch(t)
	does(w, "copies.List", func(struct{}) []string { return []string{"keyless", "ledger"} })
	does(w, "copies.Copy", func(in copies.Input) copies.Copied { return copies.Copied{} })
	does(w, "copies.Reconcile", func(in copies.Input) copies.Report {
		var report copies.Report
		report.MissingOlderThan15Min.Count = int(missing[in.Source])
		return report
	})
	does(w, "copies.Expire", func(copies.Input) copies.Expired { return copies.Expired{} })
	return w
}

func TestEveryBucketIsCopiedComparedAndCleaned(t *testing.T) {
	w := copying(t, nil)
	w.ExecuteWorkflow(CopyObjects, CopyObjectsInput{})
	var done CopyObjectsDone
	require.NoError(t, w.GetWorkflowResult(&done))
	require.Len(t, done.Copied, 2)
	require.Equal(t, []string{"copies.List", "copies.Copy", "copies.Reconcile", "copies.Expire", "copies.Copy", "copies.Reconcile", "copies.Expire"}, w.calls)
	require.Equal(t, copies.Input{Source: "ledger"}, w.inputs["copies.Reconcile"])
}

func TestABucketThatDiffersFailsAfterAllHadTheirTurn(t *testing.T) {
	w := copying(t, map[string]int64{"keyless": 3})
	w.ExecuteWorkflow(CopyObjects, CopyObjectsInput{Deep: true})
	require.True(t, failure.Is(w.GetWorkflowError(), failure.Unsound))
	require.ErrorContains(t, w.GetWorkflowError(), "keyless and its copies differ: 3 missing")
	require.Equal(t, copies.Input{Source: "ledger", Deep: true}, w.inputs["copies.Expire"])
}
