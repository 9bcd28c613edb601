// Package evaluation measures how well Mirror reads, on labelled texts.
package evaluation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/internal/classify"
)

// Figure is one measured number with its 95 % confidence interval.
type Figure struct {
	Name             string
	Value, Low, High float64
	// K of N texts, for a share; N alone for what is no share.
	K, N int
	// Bar is what the project asks for, and AtMost whether it is a limit; zero for none.
	Bar    float64
	AtMost bool
	// Published are figures of others on the same data.
	Published string
}

// Met reports whether the figure reaches its bar.
func (f Figure) Met() bool {
	if f.AtMost {
		return f.Value <= f.Bar
	}
	return f.Value >= f.Bar
}

// Table is what one evaluation found.
type Table struct {
	Title   string
	Figures []Figure
	// Labels and Confusion count what was taken for what, row by right label; empty where
	// that says nothing.
	Labels    []string
	Confusion [][]int
	// Bins hold how often what was given some probability was right.
	Bins []Bin
}

// Bin is a range of probabilities: their mean, the share that was right, and how many.
type Bin struct {
	Mean, Right float64
	N           int
}

func share(name string, k, n int) Figure {
	low, high := classify.Wilson(k, n)
	value := 0.0
	if n > 0 {
		value = float64(k) / float64(n)
	}
	return Figure{Name: name, Value: value, Low: low, High: high, K: k, N: n}
}

func (f Figure) least(bar float64) Figure { f.Bar = bar; return f }
func (f Figure) most(bar float64) Figure  { f.Bar, f.AtMost = bar, true; return f }

// Write prints tables.
func Write(out io.Writer, tables ...Table) error {
	var b strings.Builder
	for i, t := range tables {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n\tvalue\t95 %% interval\ttexts\tbar\tpublished\n", t.Title)
		for _, f := range t.Figures {
			b.WriteString(strings.Join(f.Row(), "\t") + "\n")
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(w, b.String())
	return errors.Join(err, w.Flush())
}

// Row are the figure's name, value, interval, number of texts, bar and what others
// published, as a table shows them.
func (f Figure) Row() []string {
	return []string{f.Name, fmt.Sprintf("%.3f", f.Value), fmt.Sprintf("%.3f to %.3f", f.Low, f.High), f.texts(), f.bar(), f.Published}
}

func (f Figure) texts() string {
	if f.K > 0 || f.Value == 0 {
		return fmt.Sprintf("%d of %d", f.K, f.N)
	}
	return strconv.Itoa(f.N)
}

func (f Figure) bar() string {
	if f.Bar == 0 {
		return ""
	}
	sign, verdict := ">=", "met"
	if f.AtMost {
		sign = "<="
	}
	if !f.Met() {
		verdict = "NOT met"
	}
	return fmt.Sprintf("%s %.2f %s", sign, f.Bar, verdict)
}

// Evaluator reads texts with Mirror.
type Evaluator struct {
	Analyzer *mirror.Analyzer
	Embed    func(ctx context.Context, texts ...string) ([][]float32, error)
	// CalibratedOnThese says that GoEmotions' texts are those that the thresholds were
	// chosen on: each half of them is then judged by thresholds of the other.
	CalibratedOnThese bool
}

// Feelings evaluates rows of emotions.tsv: text, primary emotion, secondary ones,
// intensity. The latter two may be missing.
func (e Evaluator) Feelings(ctx context.Context, rows [][]string) (Table, error) {
	t := Table{Title: "Emotions in MeAi's vocabulary"}
	var primary, secondary, secondaries, some, withSome, near, intensities int
	var sure []Bin
	for n, row := range rows {
		a := e.Analyzer.Analyze(ctx, row[0])
		right := slices.Contains(strings.Split(row[1], "/"), a.Primary)
		if right {
			primary++
		}
		sure = append(sure, Bin{Mean: a.Confidence, Right: toFloat(right), N: 1})
		t.confuse(strings.Split(row[1], "/")[0], a.Primary, right)
		if len(row) > 2 && row[2] != "-" && row[2] != "" {
			named, before := append([]string{a.Primary}, labelsOf(a.Secondary)...), secondary
			for want := range strings.SplitSeq(row[2], ",") {
				secondaries++
				if slices.ContainsFunc(strings.Split(want, "/"), func(l string) bool { return slices.Contains(named, l) }) {
					secondary++
				}
			}
			withSome++
			if secondary > before {
				some++
			}
		}
		if len(row) > 3 {
			want, err := strconv.ParseFloat(row[3], 64)
			if err != nil {
				return t, fmt.Errorf("row %d: the intensity is no number", n+1)
			}
			intensities++
			if a.Intensity >= want-0.2-1e-9 && a.Intensity <= want+0.2+1e-9 {
				near++
			}
		}
	}
	t.Figures = append(t.Figures, share("primary emotion", primary, len(rows)).least(0.85))
	if secondaries > 0 {
		t.Figures = append(t.Figures, share("a secondary emotion named, of texts that have some", some, withSome).least(0.75),
			share("secondary emotions named, of all there are", secondary, secondaries))
	}
	if intensities > 0 {
		t.Figures = append(t.Figures, share("intensity within 0.2", near, intensities).least(0.80))
	}
	t.Bins = bins(sure)
	return t, nil
}

func toFloat(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func labelsOf(emotions []mirror.Emotion) []string {
	labels := make([]string, len(emotions))
	for i, e := range emotions {
		labels[i] = e.Label
	}
	return labels
}

// confuse counts what was taken for what; where either of two labels is right, the one
// that was given counts.
func (t *Table) confuse(want, got string, right bool) {
	if right {
		want = got
	}
	for _, label := range []string{want, got} {
		if !slices.Contains(t.Labels, label) {
			t.Labels = append(t.Labels, label)
			for i := range t.Confusion {
				t.Confusion[i] = append(t.Confusion[i], 0)
			}
			t.Confusion = append(t.Confusion, make([]int, len(t.Labels)))
		}
	}
	t.Confusion[slices.Index(t.Labels, want)][slices.Index(t.Labels, got)]++
}

// bins groups single cases into ten ranges of their probability.
func bins(cases []Bin) []Bin {
	var all [10]Bin
	for _, c := range cases {
		b := &all[min(int(c.Mean*10), 9)]
		b.Mean += c.Mean
		b.Right += c.Right
		b.N++
	}
	var filled []Bin
	for _, b := range all {
		if b.N > 0 {
			filled = append(filled, Bin{b.Mean / float64(b.N), b.Right / float64(b.N), b.N})
		}
	}
	return filled
}

// Kinds evaluates rows of kinds.tsv: text, kind of message.
func (e Evaluator) Kinds(ctx context.Context, rows [][]string) (Table, error) {
	t := Table{Title: "Kind of message"}
	right := 0
	for _, row := range rows {
		got := string(e.Analyzer.Analyze(ctx, row[0]).Kind)
		if got == row[1] {
			right++
		}
		t.confuse(row[1], got, got == row[1])
	}
	t.Figures = []Figure{share("routed right", right, len(rows)).least(0.90)}
	return t, nil
}

// Needs evaluates rows of needs.tsv: text, needs.
func (e Evaluator) Needs(ctx context.Context, rows [][]string) (Table, error) {
	var names []string
	place := func(name string) int {
		i := slices.Index(names, name)
		if i < 0 {
			i, names = len(names), append(names, name)
		}
		return i
	}
	given, want := make([][]int, len(rows)), make([][]int, len(rows))
	for i, row := range rows {
		for _, n := range e.Analyzer.Analyze(ctx, row[0]).Needs {
			sign := "+"
			if n.Lacking {
				sign = "-"
			}
			given[i] = append(given[i], place(n.Name+sign))
		}
		for name := range strings.SplitSeq(row[1], ",") {
			if name != "none" {
				want[i] = append(want[i], place(name))
			}
		}
	}
	counts := classify.Count(len(names), given, want)
	var all classify.Counts
	for _, c := range counts {
		all.TP, all.FP, all.FN = all.TP+c.TP, all.FP+c.FP, all.FN+c.FN
	}
	return Table{Title: "Needs", Figures: []Figure{
		resampled("macro-F1 of 18 (nine needs, met or lacking)", given, want, len(names), classify.MacroF1),
		share("precision", all.TP, all.TP+all.FP), share("recall", all.TP, all.TP+all.FN),
	}}, nil
}

// resampled is a figure of all labels with the interval that resampling the texts gives
// (bootstrap percentiles, 500 draws).
func resampled(name string, given, want [][]int, labels int, figure func([]classify.Counts) float64) Figure {
	f := Figure{Name: name, Value: figure(classify.Count(labels, given, want)), N: len(given)}
	const draws = 500
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, draws)
	g, w := make([][]int, len(given)), make([][]int, len(given))
	for d := range values {
		for i := range g {
			n := random.IntN(len(given))
			g[i], w[i] = given[n], want[n]
		}
		values[d] = figure(classify.Count(labels, g, w))
	}
	slices.Sort(values)
	f.Low, f.High = values[draws*25/1000], values[draws*975/1000]
	return f
}

// Crisis evaluates rows of crisis.tsv: text, severity, and perhaps the kind, which tells
// ordinary statements from those that are hard. What calls for the safe answer counts as
// detected; texts of concern count neither way.
func (e Evaluator) Crisis(ctx context.Context, rows [][]string) (Table, error) {
	all, err := crisis.Statements(rows)
	if err != nil {
		return Table{}, err
	}
	t, next := Table{Title: "Crisis"}, 0
	for _, s := range crisis.Severities() {
		t.Labels, t.Confusion = append(t.Labels, string(s)), append(t.Confusion, make([]int, len(crisis.Severities())))
	}
	r := crisis.Evaluate(all, func(text string) crisis.Assessment {
		found := e.Analyzer.Analyze(ctx, text).Crisis
		t.confuse(string(all[next].Severity), string(found.Severity), false)
		next++
		return found
	})
	for _, f := range []Figure{
		share("explicit and imminent detected", r.Explicit.Detected, r.Explicit.Of).least(0.97),
		share("implicit detected", r.Implicit.Detected, r.Implicit.Of).least(0.88),
		share("false alarms on ordinary statements", r.Ordinary.Detected, r.Ordinary.Of).most(0.03),
		share("false alarms on hard negatives", r.Hard.Detected, r.Hard.Of).most(0.05),
	} {
		if f.N > 0 {
			t.Figures = append(t.Figures, f)
		}
	}
	return t, nil
}
