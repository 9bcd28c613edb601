package evaluation

import (
	"bytes"
	"fmt"
	"strings"

	"meai/internal/measure"
)

const pageHead = `<!-- Written by make eval. -->
# How well recurring patterns are found

In the histories of invented people ([how they are drawn](../../activities/memory/patterns/evaluation/people.go)). They write for half a year to fourteen months, those with a
pattern of the year for two to three and a half years, on a fifth to 70 % of the days, with favourite days, months and hours, at length on some days and shortly on others, and with pauses. They have favourite feelings, moods that last, weeks in which one
feeling or topic comes up often, and a fifth of the labels is any label, as Mirror errs. In some one pattern is planted, which takes effect on 40, 60 or 80 % of its occasions, and
shows in three of four messages then; it has shown on five days at least. Found is the same feeling at the same time, or with the same person or theme: a weekend for a Saturday is not found.
`

// Page is what was measured as a page of documentation.
func Page(seed uint64, tables ...measure.Table) []byte {
	var page bytes.Buffer
	page.WriteString(pageHead)
	fmt.Fprintf(&page, "\n`meai eval patterns --seed N` draws other people. The thresholds were chosen on the seeds 1, 3, 4 and 7; this page is of seed %d.\n", seed)
	for _, t := range tables {
		fmt.Fprintf(&page, "\n## %s\n\n| | value | 95 %% | people | bar |\n|---|---|---|---|---|\n", t.Title)
		for _, f := range t.Figures {
			fmt.Fprintf(&page, "| %s |\n", strings.Join(f.Row()[:5], " | "))
		}
	}
	return page.Bytes()
}
