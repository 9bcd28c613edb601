package classify

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
)

// Example is a text with its dense features and the places of its labels.
type Example struct {
	Text   string
	Dense  []float32
	Labels []int
}

// Options of training.
type Options struct {
	Labels []string
	Grams  Grams
	// Least is in how many texts a feature must occur; 0 means 2.
	Least int
	// C is how much an error costs beside large weights; Balance is how much more a
	// rare label's example costs: 1 in inverse proportion to its frequency, 0 not.
	C, Balance float64
	// Rounds bounds the passes over the examples; 0 means 60.
	Rounds int
	Seed   uint64
}

// Train makes a model, whose calibrations are still to be set. The same examples in
// the same order give the same model, bit for bit, on a machine that computes with
// 64-bit floats and no fused multiply-add (amd64).
//
// Each label is learned against the rest by dual coordinate descent for a linear
// support vector machine with squared hinge loss (Hsieh et al. 2008,
// https://www.csie.ntu.edu.tw/~cjlin/papers/cddual.pdf).
func Train(examples []Example, o Options) (*Model, error) {
	if len(examples) == 0 || len(o.Labels) == 0 {
		return nil, errors.New("classify: no examples or no labels")
	}
	m := &Model{
		Labels: o.Labels, Grams: o.Grams, Bias: make([]float32, len(o.Labels)), Calibrations: make([]Calibration, len(o.Labels)),
	}
	rows := m.rows(examples, o)
	learned := make([]weights, len(o.Labels))
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for label := range next {
				learned[label] = learn(rows, has(examples, label), o, uint64(label))
			}
		})
	}
	for label := range o.Labels {
		next <- label
	}
	close(next)
	wait.Wait()
	m.keep(learned, len(examples[0].Dense))
	return m, m.check()
}

// Fit makes a model with one output, which learns the target of each example: ridge
// regression, by the same descent.
func Fit(examples []Example, targets []float64, o Options) (*Model, error) {
	if len(examples) == 0 || len(targets) != len(examples) || len(o.Labels) != 1 {
		return nil, errors.New("classify: a target for each example and one label are needed")
	}
	m := &Model{Labels: o.Labels, Grams: o.Grams, Bias: make([]float32, 1), Calibrations: make([]Calibration, 1)}
	rows := m.rows(examples, o)
	w := newWeights(rows, o)
	alpha, diagonal := make([]float64, len(rows)), 0.5/o.C
	o.descend(rows, 0, func(i int, square float64) float64 {
		gradient := w.dot(rows[i]) - targets[i] + alpha[i]*diagonal
		d := -gradient / (square + diagonal)
		alpha[i] += d
		w.add(rows[i], d)
		return math.Abs(gradient)
	})
	m.keep([]weights{w}, len(examples[0].Dense))
	return m, m.check()
}

func has(examples []Example, label int) []bool {
	y := make([]bool, len(examples))
	for i, e := range examples {
		for _, l := range e.Labels {
			y[i] = y[i] || l == label
		}
	}
	return y
}

// row is an example's features.
type row struct {
	Vector
	dense []float32
}

// rows counts in how many texts each feature occurs and weighs them by that.
func (m *Model) rows(examples []Example, o Options) []row {
	rows := make([]row, len(examples))
	if o.Grams.Bits == 0 {
		for i, e := range examples {
			rows[i].dense = e.Dense
		}
		return rows
	}
	all := make([]counts, len(examples))
	seen := make([]int, 1<<o.Grams.Bits)
	for i, e := range examples {
		all[i] = o.Grams.count(e.Text)
		for place := range all[i].words {
			seen[place]++
		}
		for place := range all[i].chars {
			seen[place]++
		}
	}
	least := max(o.Least, 1)
	if o.Least == 0 {
		least = 2
	}
	m.Rarity = make([]byte, len(seen))
	m.rarity = make([]float32, len(seen))
	for place, n := range seen {
		if n < least {
			continue
		}
		idf := math.Log(float64(1+len(examples))/float64(1+n)) + 1
		m.Rarity[place] = byte(min(math.Round(idf*raritySteps), 255))
		m.rarity[place] = float32(m.Rarity[place]) / raritySteps
	}
	for i, e := range examples {
		rows[i] = row{all[i].vector(m.rarity), e.Dense}
	}
	return rows
}

// weights are those of one label; the bias is the weight of a feature that is
// always one.
type weights struct {
	sparse, dense []float64
	bias          float64
}

func (w *weights) dot(r row) float64 {
	sum := w.bias
	for i, place := range r.Index {
		sum += w.sparse[place] * float64(r.Value[i])
	}
	for i, x := range r.dense {
		sum += w.dense[i] * float64(x)
	}
	return sum
}

func (w *weights) add(r row, d float64) {
	w.bias += d
	for i, place := range r.Index {
		w.sparse[place] += d * float64(r.Value[i])
	}
	for i, x := range r.dense {
		w.dense[i] += d * float64(x)
	}
}

func (r row) square() float64 {
	sum := 1.0
	for _, x := range r.Value {
		sum += float64(x) * float64(x)
	}
	for _, x := range r.dense {
		sum += float64(x) * float64(x)
	}
	return sum
}

// enough is the largest violation of optimality that ends the descent.
const enough = 0.05

func newWeights(rows []row, o Options) weights {
	w := weights{dense: make([]float64, len(rows[0].dense))}
	if o.Grams.Bits > 0 {
		w.sparse = make([]float64, 1<<o.Grams.Bits)
	}
	return w
}

func learn(rows []row, y []bool, o Options, label uint64) weights {
	w := newWeights(rows, o)
	positive := 0
	for _, yes := range y {
		if yes {
			positive++
		}
	}
	if positive == 0 {
		w.bias = -1
		return w
	}
	weigh := func(n int) float64 {
		return o.C * math.Pow(float64(len(rows))/float64(2*max(n, 1)), o.Balance)
	}
	cost := map[bool]float64{true: weigh(positive), false: weigh(len(rows) - positive)}
	alpha := make([]float64, len(rows))
	o.descend(rows, label, func(i int, square float64) float64 {
		sign := -1.0
		if y[i] {
			sign = 1
		}
		diagonal := 0.5 / cost[y[i]]
		gradient := sign*w.dot(rows[i]) - 1 + alpha[i]*diagonal
		if alpha[i] == 0 && gradient >= 0 {
			return 0
		}
		before := alpha[i]
		alpha[i] = max(before-gradient/(square+diagonal), 0)
		if d := alpha[i] - before; d != 0 {
			w.add(rows[i], d*sign)
		}
		return math.Abs(gradient)
	})
	return w
}

// descend calls step for each row in random order, with the square of the row's
// length, until the largest violation that step reports is small enough.
func (o Options) descend(rows []row, label uint64, step func(i int, square float64) float64) {
	squares, order := make([]float64, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		squares[i], order[i] = r.square(), i
	}
	random := rand.New(rand.NewPCG(o.Seed, label))
	rounds := o.Rounds
	if rounds == 0 {
		rounds = 60
	}
	for range rounds {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		worst := 0.0
		for _, i := range order {
			worst = max(worst, step(i, squares[i]))
		}
		if worst < enough {
			return
		}
	}
}

// keep stores the weights at the model's precision.
func (m *Model) keep(learned []weights, dense int) {
	labels := len(m.Labels)
	if m.Grams.Bits > 0 {
		m.Sparse = make([]int8, labels<<m.Grams.Bits)
		m.SparseScale = make([]float32, labels)
	}
	for label, w := range learned {
		m.Bias[label] = float32(w.bias)
		if dense > 0 {
			row := make([]float32, dense)
			for i, x := range w.dense {
				row[i] = float32(x)
			}
			m.Dense = append(m.Dense, row)
		}
		largest := 0.0
		for _, x := range w.sparse {
			largest = max(largest, math.Abs(x))
		}
		if largest == 0 {
			continue
		}
		scale := largest / 127
		m.SparseScale[label] = float32(scale)
		for place, x := range w.sparse {
			m.Sparse[place*labels+label] = int8(math.Round(x / scale))
		}
	}
}
