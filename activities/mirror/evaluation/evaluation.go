// Package evaluation measures how well Mirror reads, on labelled texts.
package evaluation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/internal/classify"
	"meai/internal/measure"
)

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
func (e Evaluator) Feelings(ctx context.Context, rows [][]string) (measure.Table, error) {
	t := measure.Table{Title: "Emotions in MeAi's vocabulary"}
	var primary, secondary, secondaries, some, withSome, near, intensities int
	var sure []measure.Bin
	for n, row := range rows {
		a := e.Analyzer.Analyze(ctx, row[0])
		right := slices.Contains(strings.Split(row[1], "/"), a.Primary)
		if right {
			primary++
		}
		sure = append(sure, measure.Bin{Mean: a.Confidence, Right: toFloat(right), N: 1})
		t.Confuse(strings.Split(row[1], "/")[0], a.Primary, right)
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
	t.Figures = append(t.Figures, measure.Share("primary emotion", primary, len(rows)).Least(0.85))
	if secondaries > 0 {
		t.Figures = append(t.Figures, measure.Share("a secondary emotion named, of texts that have some", some, withSome).Least(0.75),
			measure.Share("secondary emotions named, of all there are", secondary, secondaries))
	}
	if intensities > 0 {
		t.Figures = append(t.Figures, measure.Share("intensity within 0.2", near, intensities).Least(0.80))
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

// bins groups single cases into ten ranges of their probability.
func bins(cases []measure.Bin) []measure.Bin {
	var all [10]measure.Bin
	for _, c := range cases {
		b := &all[min(int(c.Mean*10), 9)]
		b.Mean += c.Mean
		b.Right += c.Right
		b.N++
	}
	var filled []measure.Bin
	for _, b := range all {
		if b.N > 0 {
			filled = append(filled, measure.Bin{Mean: b.Mean / float64(b.N), Right: b.Right / float64(b.N), N: b.N})
		}
	}
	return filled
}

// Kinds evaluates rows of kinds.tsv: text, kind of message.
func (e Evaluator) Kinds(ctx context.Context, rows [][]string) (measure.Table, error) {
	t := measure.Table{Title: "Kind of message"}
	right := 0
	for _, row := range rows {
		got := string(e.Analyzer.Analyze(ctx, row[0]).Kind)
		if got == row[1] {
			right++
		}
		t.Confuse(row[1], got, got == row[1])
	}
	t.Figures = []measure.Figure{measure.Share("routed right", right, len(rows)).Least(0.90)}
	return t, nil
}

// Needs evaluates rows of needs.tsv: text, needs.
func (e Evaluator) Needs(ctx context.Context, rows [][]string) (measure.Table, error) {
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
	return measure.Table{Title: "Needs", Figures: []measure.Figure{
		resampled("macro-F1 of 18 (nine needs, met or lacking)", given, want, len(names), classify.MacroF1),
		measure.Share("precision", all.TP, all.TP+all.FP), measure.Share("recall", all.TP, all.TP+all.FN),
	}}, nil
}

// resampled is a figure of all labels with the interval that resampling the texts gives
// (bootstrap percentiles, 500 draws).
func resampled(name string, given, want [][]int, labels int, figure func([]classify.Counts) float64) measure.Figure {
	f := measure.Figure{Name: name, Value: figure(classify.Count(labels, given, want)), N: len(given)}
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
func (e Evaluator) Crisis(ctx context.Context, rows [][]string) (measure.Table, error) {
	all, err := crisis.Statements(rows)
	if err != nil {
		return measure.Table{}, err
	}
	t, next := measure.Table{Title: "Crisis"}, 0
	for _, s := range crisis.Severities() {
		t.Labels, t.Confusion = append(t.Labels, string(s)), append(t.Confusion, make([]int, len(crisis.Severities())))
	}
	r := crisis.Evaluate(all, func(text string) crisis.Assessment {
		found := e.Analyzer.Analyze(ctx, text).Crisis
		t.Confuse(string(all[next].Severity), string(found.Severity), false)
		next++
		return found
	})
	for _, f := range []measure.Figure{
		measure.Share("explicit and imminent detected", r.Explicit.Detected, r.Explicit.Of).Least(0.97),
		measure.Share("implicit detected", r.Implicit.Detected, r.Implicit.Of).Least(0.88),
		measure.Share("false alarms on ordinary statements", r.Ordinary.Detected, r.Ordinary.Of).Most(0.03),
		measure.Share("false alarms on hard negatives", r.Hard.Detected, r.Hard.Of).Most(0.05),
	} {
		if f.N > 0 {
			t.Figures = append(t.Figures, f)
		}
	}
	return t, nil
}
