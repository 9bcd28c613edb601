package export

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed summary.html.tmpl
var summaryTemplate string

// page is escaped by html/template wherever a person's words stand.
var page = template.Must(template.New("summary").Parse(summaryTemplate))

// bar is one of a chart.
type bar struct {
	Label string
	Count int64
	// X, Y, Width and Height are where it stands; LabelX and LabelY where its label does.
	X, Y, Width, Height, LabelX, LabelY int
	// Marked: its label is shown, as not all have room.
	Marked bool
}

// chart is drawn as SVG.
type chart struct {
	Title         string
	Width, Height int
	Bars          []bar
}

// overview is what the page shows.
type overview struct {
	TakenAt, Registered string
	Span                string
	Counts              []named
	Charts              []chart
	Emotions, People    chart
	Facts, Patterns     []string
	Recent              []shownTurn
	Vault               int64
	LeftOut             []LeftOut
	Most                int
}

type named struct {
	Name, About string
	Count       int64
}

type shownTurn struct{ At, Text string }

// summary writes a page that can be read without anything else, also without a network.
func (w *writing) summary(context.Context) error {
	if !w.has(HTML) {
		return nil
	}
	d := w.seen
	o := overview{
		TakenAt: w.snapshot.At.UTC().Format(time.DateTime), Registered: w.snapshot.Registered.UTC().Format(time.DateOnly),
		Facts: d.facts, Patterns: d.patterns, Vault: d.kinds["vault"], LeftOut: w.left, Most: mostShown,
		Charts:   []chart{columns("Messages by month", d.messages), columns("Memories by month", d.memories)},
		Emotions: lines("Feelings in what was said", d.emotions, func(label string) string { return label }),
		People:   lines("What memories are about most", d.about, d.clear.name),
	}
	if !d.first.IsZero() {
		o.Span = d.first.UTC().Format(time.DateOnly) + " to " + d.last.UTC().Format(time.DateOnly)
	}
	for _, t := range w.tables {
		o.Counts = append(o.Counts, named{Name: t.Name, About: about(t.Name), Count: d.counts[t.Name]})
	}
	for _, s := range slices.Backward(d.recent) {
		o.Recent = append(o.Recent, shownTurn{At: s.At.UTC().Format("2006-01-02 15:04"), Text: s.Text})
	}
	return w.file("summary.html", "", func(out io.Writer) (int64, error) {
		if err := page.Execute(out, o); err != nil {
			return 0, fmt.Errorf("write the page: %w", err)
		}
		return 0, nil
	})
}

const (
	chartWidth, chartHeight = 720, 180
	// mostMonths are shown, the last ones.
	mostMonths = 120
	lineHeight = 24
	// lineStart is where the bars of lines begin, lineRoom how long they may be.
	lineStart, lineRoom = 200, 440
	mostLines           = 12
)

// columns is a chart by month.
func columns(title string, counts map[string]int64) chart {
	c := chart{Title: title, Width: chartWidth, Height: chartHeight}
	months := slices.Sorted(maps.Keys(counts))
	months = months[max(0, len(months)-mostMonths):]
	if len(months) == 0 {
		return c
	}
	highest := int64(1)
	for _, m := range months {
		highest = max(highest, counts[m])
	}
	width := max(2, chartWidth/len(months)-1)
	every := max(1, len(months)/8)
	for i, m := range months {
		height := max(1, int(counts[m]*(chartHeight-30)/highest))
		c.Bars = append(c.Bars, bar{
			Label: m, Count: counts[m], X: i * chartWidth / len(months), Y: chartHeight - 20 - height, Width: width, Height: height,
			LabelX: i * chartWidth / len(months), LabelY: chartHeight - 4, Marked: i%every == 0,
		})
	}
	return c
}

// lines is a chart of the values with the highest counts.
func lines(title string, counts map[string]int64, label func(string) string) chart {
	values := most(counts, mostLines)
	c := chart{Title: title, Width: chartWidth, Height: lineHeight * len(values)}
	for i, v := range values {
		length := max(1, int(counts[v]*lineRoom/max(1, counts[values[0]])))
		c.Bars = append(c.Bars, bar{
			Label: shortened(label(v)), Count: counts[v], X: lineStart, Y: i*lineHeight + 4, Width: length, Height: lineHeight - 8,
			LabelX: lineStart - 8, LabelY: i*lineHeight + lineHeight - 8, Marked: true,
		})
	}
	return c
}

func shortened(label string) string {
	const most = 28
	runes := []rune(strings.TrimSpace(label))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-1]) + "…"
}

// readme says what there is and how to read it.
func (w *writing) readme(context.Context) error {
	return w.text("README.txt", fmt.Sprintf(readmeText, w.snapshot.At.UTC().Format(time.RFC3339), formatList(w.formats)))
}

func formatList(formats []Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

const readmeText = `This is everything that MeAi kept of you at %s (UTC).
Forms: %s.

summary.html         A page to read. It loads nothing from anywhere.
data/                Everything, as JSON. schema/export-schema.json describes each file.
csv/                 The same as tables for spreadsheets, in UTF-8. Vectors are left out, and
                     a text that a spreadsheet would take for a formula has ' in front: the
                     exact text is in data/.
provenance/          Where each memory came from, and which models and rules read it.
history/             Your account, your requests, and what the audit log has of you.
manifest.json        Every file with its size and SHA-256, and what was left out and why.
manifest.note        A signature of the manifest, by the system that this comes from.

There is no folder with attachments: MeAi keeps no files of yours.

Is it whole, and from MeAi?
  meai privacy verify-export FILE --key KEY
KEY is what GET /v1/privacy/exports shows as signing_key. Without --key it is only shown
that nothing is missing or changed. Without the program: sha256sum tells the checksums in
manifest.json; the note is one of golang.org/x/mod/sumdb/note.

Somewhere else
  POST /v1/privacy/imports takes the file into an account that is empty.

Whoever has this file can read all of it. Keep it where you would keep a diary.
`
