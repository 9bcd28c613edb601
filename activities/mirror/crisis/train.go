package crisis

import (
	"fmt"
	"slices"

	"meai/internal/classify"
)

const (
	// denseScale weighs the embedding against the words; 1 to 4 were tried by
	// cross-validation.
	denseScale = 1.5
	// folds of the cross-validation.
	folds = 5
	// ordinaryAlarms and hardAlarms are the shares of false alarms that the model may
	// cause in cross-validation: half of what the whole may.
	ordinaryAlarms, hardAlarms = 0.025, 0.04
)

// Train teaches a model. embed makes the vector of each text; it must be that of
// [Embedding] by its scalar kernel for the same file to come out. The same statements in
// the same order give the same model.
//
// How sure the model must be is found by cross-validation: as little as keeps false
// alarms within half of what is allowed. Statements of concern are left out, since they
// may be met either way.
func Train(statements []Statement, embed func(texts ...string) ([][]float32, error)) (*Model, error) {
	statements = slices.DeleteFunc(slices.Clone(statements), func(s Statement) bool { return !s.counted() })
	examples, err := examplesOf(statements, embed)
	if err != nil {
		return nil, err
	}
	scores, err := classify.OutOfFold(examples, folds, options)
	if err != nil {
		return nil, err
	}
	m, err := learn(examples)
	if err != nil {
		return nil, err
	}
	m.Calibrate(scores, examples)
	m.Calibrations[0].Threshold = float32(sure(m, scores, statements))
	return &Model{m}, nil
}

// CrossValidated assesses each statement by the rules and by a model that did not see
// it, in the order given; the thresholds are those of [Train].
func CrossValidated(statements []Statement, embed func(texts ...string) ([][]float32, error)) ([]Assessment, error) {
	m, err := Train(statements, embed)
	if err != nil {
		return nil, err
	}
	examples, err := examplesOf(statements, embed)
	if err != nil {
		return nil, err
	}
	all := make([]Assessment, len(statements))
	for fold := range folds {
		var in []classify.Example
		n := 0
		for i, s := range statements {
			if !s.counted() {
				continue
			}
			if n%folds != fold {
				in = append(in, examples[i])
			}
			n++
		}
		part, err := learn(in)
		if err != nil {
			return nil, err
		}
		part.Calibrations = m.classifier.Calibrations
		n = 0
		for i, s := range statements {
			if n%folds == fold {
				all[i] = (&Model{part}).Raise(Assess(s.Text), s.Text, unscaled(examples[i].Dense))
			}
			if s.counted() {
				n++
			}
		}
	}
	return all, nil
}

func examplesOf(statements []Statement, embed func(texts ...string) ([][]float32, error)) ([]classify.Example, error) {
	texts := make([]string, len(statements))
	for i, s := range statements {
		texts[i] = s.Text
	}
	vectors, err := embed(texts...)
	if err != nil {
		return nil, fmt.Errorf("embed the statements: %w", err)
	}
	examples := make([]classify.Example, len(statements))
	for i, s := range statements {
		examples[i] = classify.Example{Text: features(s.Text), Dense: dense(vectors[i]), Labels: s.labels()}
	}
	return examples, nil
}

// labels are the places in modelLabels.
func (s Statement) labels() []int {
	if !s.danger() {
		return nil
	}
	labels := []int{0}
	if level(s.Severity) >= level(Explicit) {
		labels = append(labels, 1)
	}
	if kind := slices.Index(modelLabels, s.Kind); kind >= firstKind {
		labels = append(labels, kind)
	}
	return labels
}

// options of the model's training.
var options = classify.Options{
	Labels: modelLabels, Grams: classify.Grams{Words: 2, ShortestChars: 2, LongestChars: 5, Bits: 16}, C: 0.5, Balance: 0.5, Seed: 1,
}

func learn(examples []classify.Example) (*classify.Model, error) {
	m, err := classify.Train(examples, options)
	if err != nil {
		return nil, fmt.Errorf("train the crisis model: %w", err)
	}
	return m, nil
}

// sure is the probability of danger that at most the allowed shares of the statements
// without danger exceed.
func sure(m *classify.Model, scores [][]float32, statements []Statement) float64 {
	var ordinary, other, hard []float64
	for i, s := range statements {
		p := m.Calibrations[0].Probability(scores[i][0])
		switch {
		case s.danger():
		case s.Kind == Ordinary:
			ordinary = append(ordinary, p)
		case s.Kind == Other:
			other = append(other, p)
		default:
			hard = append(hard, p)
		}
	}
	return max(exceeded(ordinary, ordinaryAlarms), exceeded(other, ordinaryAlarms), exceeded(hard, hardAlarms))
}

// exceeded is a value that at most the share of the others reaches.
func exceeded(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	allowed := int(share * float64(len(values)))
	return values[len(values)-1-allowed] + 1e-6
}

func dense(embedding []float32) []float32   { return classify.Scaled(embedding, denseScale) }
func unscaled(features []float32) []float32 { return classify.Scaled(features, 1.0/denseScale) }
