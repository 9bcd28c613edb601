package classify

import (
	"math"
	"slices"
)

// Calibrate fits Platt's probabilities to scores of examples that the model was not
// trained with, and sets each label's threshold to where F1 is highest on them.
func (m *Model) Calibrate(scores [][]float32, examples []Example) {
	for label := range m.Labels {
		own := make([]float64, len(scores))
		for i, s := range scores {
			own[i] = float64(s[label])
		}
		y := has(examples, label)
		a, b := platt(own, y)
		c := Calibration{A: float32(a), B: float32(b)}
		p := make([]float64, len(own))
		for i := range own {
			p[i] = c.Probability(scores[i][label])
		}
		c.Threshold = float32(BestThreshold(p, y))
		m.Calibrations[label] = c
	}
}

// OutOfFold scores each example by a model that was trained without it: as many models
// as folds, each without every folds-th example.
func OutOfFold(examples []Example, folds int, o Options) ([][]float32, error) {
	scores := make([][]float32, len(examples))
	for fold := range folds {
		var others []Example
		for i, e := range examples {
			if i%folds != fold {
				others = append(others, e)
			}
		}
		m, err := Train(others, o)
		if err != nil {
			return nil, err
		}
		for i := fold; i < len(examples); i += folds {
			scores[i] = m.Scores(examples[i].Text, examples[i].Dense)
		}
	}
	return scores, nil
}

// platt fits the probability 1/(1+exp(-(a*s+b))) by Newton's method with the
// targets that Platt proposed against overfitting (Lin et al. 2007,
// https://www.csie.ntu.edu.tw/~cjlin/papers/plattprob.pdf).
func platt(scores []float64, y []bool) (a, b float64) {
	positive := 0.0
	for _, yes := range y {
		if yes {
			positive++
		}
	}
	negative := float64(len(y)) - positive
	high, low := (positive+1)/(positive+2), 1/(negative+2)
	target := func(i int) float64 {
		if y[i] {
			return high
		}
		return low
	}
	loss := func(a, b float64) float64 {
		sum := 0.0
		for i, s := range scores {
			z := a*s + b
			if z >= 0 {
				sum += (1-target(i))*z + math.Log1p(math.Exp(-z))
			} else {
				sum += -target(i)*z + math.Log1p(math.Exp(z))
			}
		}
		return sum
	}
	a, b = 0, math.Log((positive+1)/(negative+1))
	best := loss(a, b)
	for range 100 {
		h11, h22, h12, g1, g2 := 1e-12, 1e-12, 0.0, 0.0, 0.0
		for i, s := range scores {
			p := 1 / (1 + math.Exp(-(a*s + b)))
			d1, d2 := p-target(i), p*(1-p)
			h11 += s * s * d2
			h22 += d2
			h12 += s * d2
			g1 += s * d1
			g2 += d1
		}
		if math.Abs(g1) < 1e-5 && math.Abs(g2) < 1e-5 {
			break
		}
		det := h11*h22 - h12*h12
		da, db := -(h22*g1-h12*g2)/det, -(h11*g2-h12*g1)/det
		step := 1.0
		for ; step > 1e-10; step /= 2 {
			if l := loss(a+step*da, b+step*db); l < best+1e-4*step*(g1*da+g2*db) {
				a, b, best = a+step*da, b+step*db, l
				break
			}
		}
		if step <= 1e-10 {
			break
		}
	}
	return a, b
}

// BestThreshold is the value from which on to say yes so that F1 is highest, in the
// middle between two of those that were seen.
func BestThreshold(p []float64, y []bool) float64 {
	order := make([]int, len(p))
	total := 0
	for i := range order {
		order[i] = i
		if y[i] {
			total++
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case p[i] > p[j]:
			return -1
		case p[i] < p[j]:
			return 1
		default:
			return i - j
		}
	})
	best, threshold, right := 0.0, 0.5, 0
	for n, i := range order {
		if y[i] {
			right++
		}
		if n+1 < len(order) && p[order[n+1]] == p[i] {
			continue
		}
		if f := 2 * float64(right) / float64(n+1+total); f > best {
			best, threshold = f, p[i]
			if n+1 < len(order) {
				threshold = (p[i] + p[order[n+1]]) / 2
			}
		}
	}
	return threshold
}
