package retention

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// The picture's measures, in units of its view box.
const (
	pictureWidth  = 960
	pictureHeight = 320
	pictureLeft   = 60
	pictureBottom = 40
	pictureTop    = 16
)

// palette are colours that people who see fewer of them tell apart (Okabe and Ito, 2008).
var palette = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"}

// bar is one category on one day.
type bar struct {
	X, Y, Width, Height float64
	Colour, Title       string
}

// tick is a line of the scale, or a day below it.
type tick struct {
	X, Y float64
	Text string
}

// drawing is what the page shows.
type drawing struct {
	Simulation
	Rows       int64
	Bars       []bar
	Lines      []tick
	Dates      []tick
	Legend     []tick
	Colours    []string
	Categories []string
	Table      []tableRow
	Sentences  []string
}

type tableRow struct {
	Day  string
	Rows []int64
	Sum  int64
}

// WriteHTML writes a page that shows the simulation, with the picture in it; it loads nothing.
func (s Simulation) WriteHTML(w io.Writer) error {
	if err := simulationPage.Execute(w, s.draw()); err != nil {
		return fmt.Errorf("draw the simulation: %w", err)
	}
	return nil
}

// draw stacks the categories of each day.
func (s Simulation) draw() drawing {
	days, categories, rows := s.ByDay()
	d := drawing{Simulation: s, Rows: s.Total(), Categories: categories}
	most := int64(1)
	for _, day := range days {
		row := tableRow{Day: day.Format(time.DateOnly)}
		for _, c := range categories {
			row.Rows, row.Sum = append(row.Rows, rows[day][c]), row.Sum+rows[day][c]
		}
		d.Table, most = append(d.Table, row), max(most, row.Sum)
	}
	step := float64(pictureWidth-pictureLeft) / float64(s.Days)
	height := func(n int64) float64 {
		return float64(n) / float64(most) * (pictureHeight - pictureBottom - pictureTop)
	}
	for _, day := range days {
		top := float64(pictureHeight - pictureBottom)
		for i, c := range categories {
			n := rows[day][c]
			if n == 0 {
				continue
			}
			top -= height(n)
			d.Bars = append(d.Bars, bar{
				X: pictureLeft + day.Sub(s.From).Hours()/24*step, Y: top, Width: max(step*0.9, 0.5), Height: height(n),
				Colour: palette[i%len(palette)], Title: fmt.Sprintf("%s, %s: %d", day.Format(time.DateOnly), c, n),
			})
		}
	}
	for i := range 5 {
		n := most * int64(i) / 4
		d.Lines = append(d.Lines, tick{X: pictureLeft, Y: pictureHeight - pictureBottom - height(n), Text: fmt.Sprint(n)})
	}
	for i := range 7 {
		day := s.Days * i / 7
		d.Dates = append(d.Dates, tick{X: pictureLeft + float64(day)*step, Y: pictureHeight - pictureBottom + 16, Text: s.From.AddDate(0, 0, day).Format(time.DateOnly)})
	}
	for i, c := range categories {
		d.Legend, d.Colours = append(d.Legend, tick{X: pictureLeft + float64(i)*120, Text: c}), append(d.Colours, palette[i%len(palette)])
	}
	for _, c := range s.Conflicts {
		d.Sentences = append(d.Sentences, c.String())
	}
	return d
}

var reasons = map[Reason]string{
	LegalHold: "a legal hold says so", OpenRequest: "a request of the person is open, for which it is evidence",
	Restricted: "the person has their data stored and not used", BeingErased: "the person's erasure deletes it", HeldItem: "it is held",
}

// String is the conflict as a sentence, with what comes of it.
func (c Conflict) String() string {
	from := c.From.Format(time.DateOnly)
	until := "until somebody ends it"
	if !c.Until.IsZero() {
		until = "until " + c.Until.Format(time.DateOnly)
	}
	switch c.Code {
	case Stays:
		return fmt.Sprintf("%d of %s become old enough from %s on and stay: %s.", c.Count, strings.ReplaceAll(c.Rule, "_", " "), from, reasons[c.Reason])
	case ErasureFirst:
		return fmt.Sprintf("%d people are to be erased from %s on, before what they told is seven years old. Erasure wins.", c.Count, from)
	case ErasureHeld:
		return fmt.Sprintf("%d people are to be erased from %s on and are under a legal hold. The hold wins; erasure waits for its end.", c.Count, from)
	case ArchiveOutlives:
		return fmt.Sprintf("%d archives of people who are erased from %s on may lie in a bucket that keeps them %s. Without the keys nobody can read them.", c.Count, from, until)
	case BackupsOutlive:
		return fmt.Sprintf("%d rows of category %s that go from %s on lie in backups %s, sealed.", c.Count, c.Category, from, until)
	case BackupHeld:
		return fmt.Sprintf("%d backups are kept from expiring, with everything that lies in them, %s.", c.Count, until)
	default:
		return fmt.Sprintf("%s: %d from %s on, %s.", c.Code, c.Count, from, until)
	}
}

var simulationPage = template.Must(template.New("simulation").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Retention, the next {{.Days}} days</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd } th:first-child, td:first-child { text-align: left }
svg { width: 100%; height: auto } text { font: 11px system-ui, sans-serif; fill: #444 }
</style></head><body>
<h1>What the next {{.Days}} days delete</h1>
<p>From {{.From.Format "2006-01-02"}}: {{.Rows}} rows go for their age, if nothing is added and a run takes place each day.</p>
<svg viewBox="0 0 960 350" role="img" aria-label="Rows that go each day, by category">
{{range .Lines}}<line x1="{{.X}}" x2="960" y1="{{.Y}}" y2="{{.Y}}" stroke="#ddd"/><text x="4" y="{{.Y}}">{{.Text}}</text>
{{end}}{{range .Bars}}<rect x="{{printf "%.2f" .X}}" y="{{printf "%.2f" .Y}}" width="{{printf "%.2f" .Width}}" height="{{printf "%.2f" .Height}}" fill="{{.Colour}}"><title>{{.Title}}</title></rect>
{{end}}{{range .Dates}}<text x="{{printf "%.2f" .X}}" y="{{.Y}}">{{.Text}}</text>
{{end}}{{$colours := .Colours}}{{range $i, $c := .Legend}}<rect x="{{$c.X}}" y="322" width="10" height="10" fill="{{index $colours $i}}"/><text x="{{$c.X}}" dx="14" y="331">{{$c.Text}}</text>
{{end}}</svg>
<h2>Conflicts</h2>
{{if .Sentences}}<ul>{{range .Sentences}}<li>{{.}}</li>{{end}}</ul>{{else}}<p>None.</p>{{end}}
<h2>By day</h2>
{{if .Table}}<table><tr><th>day</th>{{range .Categories}}<th>{{.}}</th>{{end}}<th>all</th></tr>
{{range .Table}}<tr><td>{{.Day}}</td>{{range .Rows}}<td>{{.}}</td>{{end}}<td>{{.Sum}}</td></tr>
{{end}}</table>{{else}}<p>Nothing goes.</p>{{end}}
</body></html>
`))
