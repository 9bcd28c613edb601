// Package evaluation measures how well TruthFilter judges, on labelled texts.
package evaluation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"meai/activities/truthfilter"
	"meai/activities/truthfilter/misconceptions"
	"meai/internal/measure"
)

// Evaluator judges texts with TruthFilter.
type Evaluator struct{ Filter *truthfilter.Filter }

// Safety evaluates rows of text, label ("safe" or "unsafe"), and perhaps harm and type,
// by which safe texts are told apart.
func (e Evaluator) Safety(ctx context.Context, rows [][]string) (measure.Table, error) {
	unsafe, caught := 0, 0
	safe, refused := map[string]int{}, map[string]int{}
	for i, row := range rows {
		rejected := e.Filter.Unsafe(ctx, row[0])
		switch row[1] {
		case "unsafe":
			unsafe++
			if rejected {
				caught++
			}
		case "safe":
			kinds := []string{""}
			if len(row) > 3 && row[3] != "" {
				kinds = append(kinds, ": "+row[3])
			}
			for _, kind := range kinds {
				safe[kind]++
				if rejected {
					refused[kind]++
				}
			}
		default:
			return measure.Table{}, fmt.Errorf("row %d: the label has to be safe or unsafe", i+1)
		}
	}
	t := measure.Table{Title: "Safety"}
	if unsafe > 0 {
		t.Figures = append(t.Figures, measure.Share("unsafe rejected", caught, unsafe).Least(0.99))
	}
	for _, kind := range slices.Sorted(maps.Keys(safe)) {
		f := measure.Share("safe wrongly rejected"+kind, refused[kind], safe[kind])
		if kind == "" {
			f = f.Most(0.10)
		}
		t.Figures = append(t.Figures, f)
	}
	return t, nil
}

// Truth evaluates rows of text, label ("false", "true" or "unrelated") and perhaps the
// entry of the list that the text is about.
func (e Evaluator) Truth(ctx context.Context, rows [][]string) (measure.Table, error) {
	all, flagged, listed := map[string]int{}, map[string]int{}, 0
	for i, row := range rows {
		if !slices.Contains([]string{"false", "true", "unrelated"}, row[1]) {
			return measure.Table{}, fmt.Errorf("row %d: the label has to be false, true or unrelated", i+1)
		}
		all[row[1]]++
		if e.Filter.Misstated(ctx, row[0]) {
			flagged[row[1]]++
		}
		if misconceptions.List.Claims(row[0]) {
			listed++
		}
	}
	t := measure.Table{Title: "Misconceptions", Figures: []measure.Figure{
		measure.Share("false texts flagged", flagged["false"], all["false"]).Least(0.95),
		measure.Share("true texts wrongly flagged", flagged["true"], all["true"]).Most(0.05),
	}}
	if all["unrelated"] > 0 {
		t.Figures = append(t.Figures, measure.Share("other texts wrongly flagged", flagged["unrelated"], all["unrelated"]))
	}
	t.Figures = append(t.Figures, measure.Share("texts with just the content words of a claim of the list", listed, len(rows)))
	if all["false"] > 0 && all["true"] > 0 {
		ratio := float64(flagged["false"]) / float64(all["false"]) / max(float64(flagged["true"]), 0.5) * float64(all["true"])
		t.Figures = append(t.Figures, measure.Figure{Name: "false flagged for each true one", Value: ratio, Low: ratio, High: ratio, N: len(rows)}.Least(3))
	}
	return t, nil
}

// Contradiction evaluates rows of what was said first, what is said then, and the label
// ("contradiction", "entailment" or "neutral").
func (e Evaluator) Contradiction(_ context.Context, rows [][]string) (measure.Table, error) {
	var right, found, there int
	for i, row := range rows {
		if len(row) < 3 || !slices.Contains([]string{"contradiction", "entailment", "neutral"}, row[2]) {
			return measure.Table{}, fmt.Errorf("row %d: the label has to be contradiction, entailment or neutral", i+1)
		}
		contradicts := e.Filter.Contradicts(row[1], row[0])
		if contradicts {
			found++
		}
		if row[2] == "contradiction" {
			there++
			if contradicts {
				right++
			}
		}
	}
	f1 := 0.0
	if right > 0 {
		f1 = 2 * float64(right) / float64(found+there)
	}
	return measure.Table{Title: "Contradiction", Figures: []measure.Figure{
		measure.Share("precision", right, found).Least(0.90), measure.Share("recall", right, there),
		measure.Figure{Name: "F1", Value: f1, Low: f1, High: f1, N: len(rows)}.Least(0.85),
	}}, nil
}
