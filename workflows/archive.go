package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"meai/activities/backup/people"
)

const defaultArchivePage = 50

// ArchivePeopleInput starts the daily archiving of people. The zero value is a whole run.
type ArchivePeopleInput struct {
	PageSize int `json:"page_size,omitempty"`
	// Run, After, Expiring and Done carry a long run over to its continuation.
	Run      time.Time         `json:"run,omitzero"`
	After    uuid.UUID         `json:"after,omitzero"`
	Expiring bool              `json:"expiring,omitempty"`
	Token    []byte            `json:"token,omitempty"`
	Done     ArchivePeopleDone `json:"done,omitzero"`
}

// ArchivePeopleDone counts what a run did. It holds no ids and no words.
type ArchivePeopleDone struct {
	Seen int `json:"seen"`
	people.Counts
	// Removed archives were old enough, or nobody's any more.
	Removed int `json:"removed"`
}

// ArchivePeople writes down everybody who changed since their last archive, each under
// their own key, then removes archives that are old enough or of people whose keys were
// destroyed.
func ArchivePeople(ctx workflow.Context, in ArchivePeopleInput) (ArchivePeopleDone, error) {
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (ArchivePeopleDone, error) { return in.Done, nil }); err != nil {
		return in.Done, err
	}
	if in.Run.IsZero() {
		in.Run = workflow.Now(ctx)
	}
	if in.PageSize <= 0 {
		in.PageSize = defaultArchivePage
	}
	for range pagesPerRun {
		step := in.archivePage
		if in.Expiring {
			step = in.expirePage
		}
		ended, err := step(ctx)
		if err != nil || ended {
			return in.Done, err
		}
	}
	return in.Done, workflow.NewContinueAsNewError(ctx, ArchivePeople, in)
}

// archivePage archives those of one page who changed.
func (in *ArchivePeopleInput) archivePage(ctx workflow.Context) (bool, error) {
	page, err := listChanged.run(ctx, people.PageInput{Run: in.Run, After: in.After, Limit: in.PageSize})
	if err != nil {
		return false, err
	}
	in.Done.Seen += page.Seen
	in.Done.Failed += page.Failed
	if len(page.Subjects) > 0 {
		counts, err := archivePeople.run(ctx, people.Input{Run: in.Run, Subjects: page.Subjects})
		if err != nil {
			return false, err
		}
		in.Done.Add(counts)
	}
	in.After, in.Expiring = page.Next, page.Ended
	return false, nil
}

// expirePage looks at one page of the bucket.
func (in *ArchivePeopleInput) expirePage(ctx workflow.Context) (bool, error) {
	page, err := expireArchives.run(ctx, people.ExpireInput{Run: in.Run, Token: in.Token, Limit: 10 * in.PageSize})
	if err != nil {
		return false, err
	}
	in.Done.Removed += page.Aged + page.Unreadable
	in.Token = page.Next
	return page.Ended, nil
}
