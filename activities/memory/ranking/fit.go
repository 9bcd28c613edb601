package ranking

import "math"

// Case is one question to learn from: what may be found, and what should be.
type Case struct {
	Memories []Features
	Right    []bool
	// Counts is how much it weighs among all.
	Counts float64
}

const (
	// steps and rate of the fitting; the loss no longer changes in its fourth digit.
	steps = 3000
	rate  = 0.05
	// shrinking keeps weights small that few questions speak for. By cross-validation on
	// the questions of the tuning people .003 to .01 were alike, .03 worse.
	shrinking = 0.01
)

// Fit finds the weights that put the right memories of all cases first: the softmax over
// a question's memories is to be on its right ones. Then it finds how the sum relates to
// the odds of being right. without are names of features that it must not use.
func Fit(cases []Case, without ...string) Model {
	w := fitOrder(cases, without)
	m := Model{Weights: make(map[string]float64), list: w}
	for i, name := range Names {
		m.Weights[name] = w[i]
	}
	m.Slope, m.Shift = fitOdds(cases, w)
	return m
}

func fitOrder(cases []Case, without []string) [features]float64 {
	var w, mean, square [features]float64
	wide := spread(cases)
	left := [features]bool{}
	for i, name := range Names {
		for _, other := range without {
			left[i] = left[i] || name == other
		}
	}
	total := 0.0
	for _, c := range cases {
		total += c.Counts
	}
	for step := range steps {
		var grad [features]float64
		for _, c := range cases {
			c.slope(&w, c.Counts/total, &grad)
		}
		share := rate * (1 - float64(step)/steps)
		for i := range w {
			if left[i] {
				continue
			}
			g := grad[i]/wide[i] + 2*shrinking*w[i]*wide[i]
			mean[i], square[i] = 0.9*mean[i]+0.1*g, 0.999*square[i]+0.001*g*g
			unbias1, unbias2 := 1-math.Pow(0.9, float64(step+1)), 1-math.Pow(0.999, float64(step+1))
			w[i] -= share / wide[i] * mean[i] / unbias1 / (math.Sqrt(square[i]/unbias2) + 1e-8)
		}
	}
	return w
}

// spread is the standard deviation of each feature over all memories: by it weights are
// shrunk alike, whatever their features' units.
func spread(cases []Case) [features]float64 {
	var sum, squares, wide [features]float64
	n := 0.0
	for _, c := range cases {
		for _, f := range c.Memories {
			n++
			for i, v := range f {
				sum[i] += v
				squares[i] += v * v
			}
		}
	}
	for i := range wide {
		wide[i] = max(math.Sqrt(max(squares[i]/n-sum[i]/n*sum[i]/n, 0)), 1e-6)
	}
	return wide
}

// slope adds the gradient of the cross-entropy to grad.
func (c Case) slope(w *[features]float64, counts float64, grad *[features]float64) {
	scores, largest, right := make([]float64, len(c.Memories)), math.Inf(-1), 0.0
	for i, f := range c.Memories {
		for j, v := range f {
			scores[i] += w[j] * v
		}
		largest = max(largest, scores[i])
		right += truth(c.Right[i])
	}
	sum := 0.0
	for i := range scores {
		scores[i] = math.Exp(scores[i] - largest)
		sum += scores[i]
	}
	for i, f := range c.Memories {
		d := counts * (scores[i]/sum - truth(c.Right[i])/right)
		for j, v := range f {
			grad[j] += d * v
		}
	}
}

// fitOdds is a logistic regression on the sum alone (Platt, 1999), by Newton's method with
// short steps.
func fitOdds(cases []Case, w [features]float64) (slope, shift float64) {
	slope, shift = 1, -5
	const rounds, longest, damping = 200, 1, 1e-6
	for range rounds {
		var g0, g1, h00, h01, h11 float64
		for _, c := range cases {
			for i, f := range c.Memories {
				sum := 0.0
				for j, v := range f {
					sum += w[j] * v
				}
				p := 1 / (1 + math.Exp(-(slope*sum + shift)))
				d, h := c.Counts*(p-truth(c.Right[i])), c.Counts*p*(1-p)
				g0, g1 = g0+d, g1+d*sum
				h00, h01, h11 = h00+h, h01+h*sum, h11+h*sum*sum
			}
		}
		h00, h11 = h00+damping, h11+damping
		det := h00*h11 - h01*h01
		dshift, dslope := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		share := min(1, longest/max(math.Abs(dshift), math.Abs(dslope)))
		shift, slope = shift-share*dshift, slope-share*dslope
	}
	return slope, shift
}
