package evaluation

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/activities/mirror/models"
	"meai/internal/classify"
)

// Emotional is a text with the places of its labels among [models.Outputs].
type Emotional struct {
	Text   string
	Labels []int
}

// Emotion evaluates rows of text and labels, by the vocabulary that the labels are of:
// GoEmotions' 28 (names or numbers), Ekman's groups, sentiments, or MeAi's own, which
// may have columns for secondary emotions and intensity.
func (e Evaluator) Emotion(ctx context.Context, rows [][]string) (Table, error) {
	for _, prefix := range []string{"sentiment/", "ekman/", ""} {
		texts, ok := labelled(rows, prefix)
		if !ok {
			continue
		}
		chosen := levels
		switch prefix {
		case "sentiment/":
			chosen = levels[2:]
		case "ekman/":
			chosen = levels[1:2]
		}
		return e.goEmotions(ctx, texts, chosen)
	}
	return e.Feelings(ctx, rows)
}

// GoEmotions evaluates texts with labels of all three levels.
func (e Evaluator) GoEmotions(ctx context.Context, texts []Emotional) (Table, error) {
	return e.goEmotions(ctx, texts, levels)
}

// labelled reads comma-separated labels of one vocabulary; false when one is not of it.
func labelled(rows [][]string, prefix string) ([]Emotional, bool) {
	texts := make([]Emotional, len(rows))
	names := models.Outputs()
	for i, row := range rows {
		texts[i].Text = row[0]
		for label := range strings.SplitSeq(row[1], ",") {
			at := slices.Index(names, prefix+label)
			if number, err := strconv.Atoi(label); err == nil && prefix == "" && number >= 0 && number < len(models.Emotions) {
				at = number
			}
			if at < 0 {
				return nil, false
			}
			texts[i].Labels = append(texts[i].Labels, at)
		}
		if prefix == "" {
			texts[i].Labels = models.WithGroups(texts[i].Labels)
		}
	}
	return texts, true
}

// published are macro-F1 of others on GoEmotions' test half.
var published = map[string]string{
	"28 emotions":  "BERT .46 (Demszky et al. 2020); .503 (monologg's re-run); linear SVM .468",
	"Ekman's 7":    "BERT .64; .624 (re-run); linear SVM .585",
	"4 sentiments": "BERT .69; .701 (re-run); linear SVM .663",
}

// level is a range of the outputs.
type level struct {
	name     string
	from, to int
	bar      float64
}

var levels = []level{
	{"28 emotions", 0, len(models.Emotions), 0.49},
	{"Ekman's 7", len(models.Emotions), len(models.Emotions) + len(models.Ekman), 0.60},
	{"4 sentiments", len(models.Emotions) + len(models.Ekman), len(models.Emotions) + len(models.Ekman) + len(models.Sentiments), 0.67},
}

// goEmotions evaluates the models of emotions: macro-F1 at the chosen levels, with and
// without the embedding, and how long a text takes on one core.
func (e Evaluator) goEmotions(ctx context.Context, texts []Emotional, chosen []level) (Table, error) {
	m, err := models.Load()
	if err != nil {
		return Table{}, err
	}
	t := Table{Title: "Emotions of GoEmotions (macro-F1)"}
	for _, way := range []struct {
		name    string
		meaning bool
	}{{"", true}, {", words alone", false}} {
		begun := time.Now()
		given, want := make([][]int, len(texts)), make([][]int, len(texts))
		var sure []Bin
		for i, text := range texts {
			var embedding []float32
			if way.meaning {
				vectors, err := e.Embed(ctx, text.Text)
				if err != nil {
					return Table{}, err
				}
				embedding = vectors[0]
			}
			probabilities, labels := m.Emotions(text.Text, embedding)
			given[i], want[i] = labels, text.Labels
			for label, p := range probabilities[:len(models.Emotions)] {
				sure = append(sure, Bin{Mean: p, Right: toFloat(slices.Contains(text.Labels, label)), N: 1})
			}
		}
		took := time.Since(begun)
		for _, level := range chosen {
			f := resampled(level.name+way.name, given, want, len(models.Outputs()), func(c []classify.Counts) float64 {
				return classify.MacroF1(c[level.from:level.to])
			})
			f.Published = published[level.name]
			if way.meaning {
				f = f.least(level.bar)
				t.Bins = bins(sure)
			}
			t.Figures = append(t.Figures, f)
		}
		limit := 1.0
		if way.meaning {
			limit = 10
		}
		each := float64(took.Microseconds()) / 1000 / float64(max(len(texts), 1))
		t.Figures = append(t.Figures, Figure{Name: "ms a text" + way.name, Value: each, Low: each, High: each, N: len(texts)}.most(limit))
	}
	return t, nil
}
