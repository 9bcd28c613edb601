package evaluation

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"
)

//go:embed conversations/*.jsonl
var own embed.FS

// Own are the project's conversations; see conversations/README.md.
func Own() ([]Conversation, error) {
	folder, err := fs.Sub(own, "conversations")
	if err != nil {
		return nil, err
	}
	return Read(folder)
}

// columns name what a report prints, in the order of [Result.Values].
var columns = []string{"recall@5", "@10", "@20", "all@5", "@10", "nDCG@10", "MRR", "session recall@5", "@10", "session all@5", "@10"}

// Write prints reports as tables.
func Write(out io.Writer, reports ...Report) error {
	var b bytes.Buffer
	for _, r := range reports {
		fmt.Fprintf(&b, "%s\tquestions\t%s\t\n", r.Finder, strings.Join(columns, "\t"))
		for _, one := range r.Results {
			fmt.Fprintf(&b, "%s\t%d\t%s\t\n", one.Category, one.Questions, strings.Join(one.cells(), "\t"))
		}
		fmt.Fprintf(&b, "%s\n\n", r.rest())
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, err := w.Write(b.Bytes())
	return errors.Join(err, w.Flush())
}

const pageHead = `<!-- Written by make eval. -->
# How well memories are found again

On the project's own conversations ([who wrote them](../../activities/memory/evaluation/conversations/README.md)): means over the questions that have evidence, by the measures of
[the format's page](memory-format.md). ` + "`meai eval memory --data DIR`" + ` measures on conversations of others. Without a model as judge: what is measured is whether the turns come back.
`

// Page is the reports as a page of documentation.
func Page(reports ...Report) []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	for _, r := range reports {
		fmt.Fprintf(&b, "\n## %s\n\n| | questions | %s |\n|---|%s\n", r.Finder, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+1))
		for _, one := range r.Results {
			fmt.Fprintf(&b, "| %s | %d | %s |\n", one.Category, one.Questions, strings.Join(one.cells(), " | "))
		}
		fmt.Fprintf(&b, "\n%s\n", r.rest())
	}
	return b.Bytes()
}

func (r Result) cells() []string {
	var cells []string
	for _, v := range r.Values() {
		cells = append(cells, fmt.Sprintf("%.3f", v))
	}
	return cells
}

func (r Report) rest() string {
	return fmt.Sprintf("Nothing was found for %d of %d questions that have no answer. p50 %v, p95 %v.", r.Empty, r.Unanswerable,
		r.Percentile(0.5).Round(10*time.Microsecond), r.Percentile(0.95).Round(10*time.Microsecond))
}
