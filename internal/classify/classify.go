// Package classify tells which labels a text has, by linear models that were
// trained from examples.
//
// A [Model] looks at pieces of the text, which are hashed to places in a table of
// fixed size (Weinberger et al. 2009, https://arxiv.org/abs/0902.2206), and at dense
// features that its caller computes, such as an embedding. Each label has a linear
// function of its own; [Calibration] turns what it says into a probability. Package
// train makes models.
package classify

import (
	"fmt"
	"math"
)

// Model scores texts. It is safe for concurrent use.
type Model struct {
	// Labels name the scores, in order.
	Labels []string
	// Grams are the text's features; the zero value for a model of dense ones alone.
	Grams Grams
	// Rarity weighs each place: the inverse document frequency, in sixteenths.
	Rarity []byte
	// Sparse holds a row for each place, with a value for each label, in units of
	// SparseScale.
	Sparse      []int8
	SparseScale []float32
	// Dense holds a row for each label, with a value for each dense feature.
	Dense [][]float32
	Bias  []float32
	// Calibrations turn scores into probabilities, one for each label.
	Calibrations []Calibration

	rarity []float32
}

// Calibration is Platt's: the probability of a score s is 1/(1+exp(-(A*s+B))).
type Calibration struct {
	A float32 `json:"a"`
	B float32 `json:"b"`
	// Threshold is the probability from which the label is given.
	Threshold float32 `json:"threshold"`
}

// LogOdds are those of a score's probability.
func (c Calibration) LogOdds(score float32) float64 {
	return float64(float64(c.A)*float64(score)) + float64(c.B)
}

// Probability is that of a score.
func (c Calibration) Probability(score float32) float64 { return 1 / (1 + math.Exp(-c.LogOdds(score))) }

// raritySteps is how many steps of Rarity are one.
const raritySteps = 16

// Scores returns a score for each label. dense are as many features as the model
// was trained with.
func (m *Model) Scores(text string, dense []float32) []float32 {
	scores := make([]float32, len(m.Labels))
	if m.Grams.Bits > 0 {
		m.addSparse(scores, m.Grams.count(text).vector(m.rarity))
	}
	for label := range m.Labels {
		scores[label] += m.Bias[label]
		if len(m.Dense) > 0 {
			scores[label] += dot(m.Dense[label], dense)
		}
	}
	return scores
}

func (m *Model) addSparse(scores []float32, v Vector) {
	labels := len(m.Labels)
	for i, place := range v.Index {
		row := m.Sparse[int(place)*labels:][:labels]
		for label, w := range row {
			scores[label] += float32(w) * v.Value[i]
		}
	}
	for label := range scores {
		scores[label] *= m.SparseScale[label]
	}
}

// Probabilities are those of the scores.
func (m *Model) Probabilities(scores []float32) []float64 {
	p := make([]float64, len(scores))
	for i, s := range scores {
		p[i] = m.Calibrations[i].Probability(s)
	}
	return p
}

// Given are the places of the labels whose probability reaches its threshold.
func (m *Model) Given(probabilities []float64) []int {
	var given []int
	for i, p := range probabilities {
		if p >= float64(m.Calibrations[i].Threshold) {
			given = append(given, i)
		}
	}
	return given
}

// Scaled is a vector times a number: dense features are weighed against words so.
func Scaled(v []float32, by float32) []float32 {
	scaled := make([]float32, len(v))
	for i, x := range v {
		scaled[i] = x * by
	}
	return scaled
}

func dot(a, b []float32) float32 {
	var sum float32
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// check completes a model that was made or read.
func (m *Model) check() error {
	labels := len(m.Labels)
	if labels == 0 || len(m.Bias) != labels || len(m.Calibrations) != labels {
		return fmt.Errorf("classify: %d labels, %d biases, %d calibrations", labels, len(m.Bias), len(m.Calibrations))
	}
	if len(m.Dense) != 0 && len(m.Dense) != labels {
		return fmt.Errorf("classify: dense weights of %d labels, not %d", len(m.Dense), labels)
	}
	if m.Grams.Bits == 0 {
		return nil
	}
	if m.Grams.Bits > 24 || len(m.Rarity) != 1<<m.Grams.Bits || len(m.Sparse) != labels<<m.Grams.Bits || len(m.SparseScale) != labels {
		return fmt.Errorf("classify: the table does not fit %d labels and %d bits", labels, m.Grams.Bits)
	}
	m.rarity = make([]float32, len(m.Rarity))
	for i, r := range m.Rarity {
		m.rarity[i] = float32(r) / raritySteps
	}
	return nil
}
