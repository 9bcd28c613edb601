package evaluation

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/activities/mirror/models"
	"meai/internal/classify"
	"meai/internal/measure"
)

// Emotion evaluates rows of text and labels, by the vocabulary that the labels are of:
// GoEmotions' 28 (names or numbers), Ekman's groups, sentiments, or MeAi's own, which
// may have columns for secondary emotions and intensity.
func (e Evaluator) Emotion(ctx context.Context, rows [][]string) (measure.Table, error) {
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

// GoEmotions evaluates texts with labels of all three levels, which are places among
// [models.Outputs].
func (e Evaluator) GoEmotions(ctx context.Context, texts []classify.Example) (measure.Table, error) {
	return e.goEmotions(ctx, texts, levels)
}

// labelled reads comma-separated labels of one vocabulary; false when one is not of it.
func labelled(rows [][]string, prefix string) ([]classify.Example, bool) {
	texts := make([]classify.Example, len(rows))
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
func (e Evaluator) goEmotions(ctx context.Context, texts []classify.Example, chosen []level) (measure.Table, error) {
	m, err := models.Load()
	if err != nil {
		return measure.Table{}, err
	}
	t := measure.Table{Title: "Emotions of GoEmotions (macro-F1)"}
	for _, way := range []way{{name: "", meaning: true, limit: 10}, {name: ", words alone", limit: 1}} {
		begun := time.Now()
		read, err := e.score(ctx, m, texts, way.meaning)
		if err != nil {
			return measure.Table{}, err
		}
		each := float64(time.Since(begun).Microseconds()) / 1000 / float64(max(len(texts), 1))
		if e.CalibratedOnThese && way.meaning {
			recalibrate(read, texts)
		}
		given, want := make([][]int, len(texts)), make([][]int, len(texts))
		var sure []measure.Bin
		for i, text := range texts {
			probabilities := read[i].model.Probabilities(read[i].scores)
			given[i], want[i] = read[i].model.Given(probabilities), text.Labels
			for label, p := range probabilities[:len(models.Emotions)] {
				sure = append(sure, measure.Bin{Mean: p, Right: toFloat(slices.Contains(text.Labels, label)), N: 1})
			}
		}
		for _, level := range chosen {
			f := resampled(level.name+way.name, given, want, len(models.Outputs()), func(c []classify.Counts) float64 {
				return classify.MacroF1(c[level.from:level.to])
			})
			f.Published = published[level.name]
			if way.meaning {
				f = f.Least(level.bar)
				t.Bins = bins(sure)
			}
			t.Figures = append(t.Figures, f)
		}
		t.Figures = append(t.Figures, measure.Figure{Name: "ms a text" + way.name, Value: each, Low: each, High: each, N: len(texts)}.Most(way.limit))
	}
	return t, nil
}

// way is one of reading a text: with its meaning or by the words alone, in at most
// limit milliseconds.
type way struct {
	name    string
	meaning bool
	limit   float64
}

// scored are the scores of a text and the model that judges them.
type scored struct {
	model  *classify.Model
	scores []float32
}

func (e Evaluator) score(ctx context.Context, m *models.Models, texts []classify.Example, meaning bool) ([]scored, error) {
	all := make([]scored, len(texts))
	for i, text := range texts {
		var embedding []float32
		var told models.Told
		if meaning {
			vectors, err := e.Embed(ctx, text.Text)
			if err != nil {
				return nil, err
			}
			embedding, told = vectors[0], m.Tell(text.Text)
		}
		all[i].model, all[i].scores = m.EmotionScores(text.Text, embedding, told)
	}
	return all, nil
}

// recalibrate gives every second text a model whose thresholds come from the others:
// those that the program has were chosen on these very texts.
func recalibrate(all []scored, texts []classify.Example) {
	var halves [2]*classify.Model
	for half := range halves {
		var others [][]float32
		var examples []classify.Example
		for i := 1 - half; i < len(all); i += 2 {
			others, examples = append(others, all[i].scores), append(examples, texts[i])
		}
		if len(others) == 0 {
			return
		}
		fresh := *all[0].model
		fresh.Calibrations = make([]classify.Calibration, len(fresh.Labels))
		fresh.Calibrate(others, examples)
		halves[half] = &fresh
	}
	for i := range all {
		all[i].model = halves[i%2]
	}
}
