package finetune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"meai/internal/embedding/encoder"
)

// Pair is two texts to learn from, as their tokens, at least one each.
type Pair struct {
	First, Then []int32
	// Relation is the place among the options' labels.
	Relation int
}

// TrainComparer returns the file of a comparer for [encoder.Encoder.Comparer]; labels are
// its relations. The same pairs in the same order with the same options give the same
// bytes.
func TrainComparer(ctx context.Context, e *encoder.Encoder, pairs []Pair, o Options) ([]byte, error) {
	if err := o.checkPairs(pairs); err != nil {
		return nil, err
	}
	c := newComparer(e, o)
	err := o.run(ctx, len(pairs), c.params(), func(picked []int, _ *rand.Rand, drop *dropout) float64 {
		batch := make([]Pair, len(picked))
		for i, at := range picked {
			batch[i] = pairs[at]
		}
		return c.step(batch, drop)
	})
	if err != nil {
		return nil, err
	}
	return encoder.PackComparer(c.weights(), o.Labels, c.headWeights())
}

func (o Options) checkPairs(pairs []Pair) error {
	if err := o.check(nil); err != nil {
		return err
	}
	for i, p := range pairs {
		if len(p.First) == 0 || len(p.Then) == 0 || p.Relation < 0 || p.Relation >= len(o.Labels) {
			return fmt.Errorf("train: pair %d has %d and %d tokens and relation %d of %d", i, len(p.First), len(p.Then), p.Relation, len(o.Labels))
		}
	}
	return nil
}

// comparer is the transformer with the head of an [encoder.Comparer].
type comparer struct {
	transformer
	project, first, second, inner *linear
	outer, bias                   *param
	counts                        []float32 // the relations' weights
}

func newComparer(e *encoder.Encoder, o Options) *comparer {
	random := rand.New(rand.NewPCG(o.Seed, 3))
	fresh := func(in, out int) *linear { return newLinear(freshWeights(in, out, random), o.HeadRate) }
	relations := len(o.Labels)
	c := &comparer{
		transformer: newTransformer(e, o), counts: o.Weights,
		project: fresh(encoder.Wide, encoder.ComparisonWidth), first: fresh(encoder.ComparedWidth, encoder.ComparisonWidth),
		second: fresh(encoder.ComparisonWidth, encoder.ComparisonWidth), inner: fresh(encoder.ComparisonFeatures, encoder.ComparisonInner),
		outer: newParam(freshWeights(encoder.ComparisonInner, relations, random).Rows, o.HeadRate), bias: newParam(make([]float32, relations), o.HeadRate),
	}
	shrink(c.project.w.value, encoder.FeatureScale) // what the transformer makes is about so large
	shrink(c.outer.value, 10)                       // nothing is certain at first
	return c
}

func shrink(x []float32, by float32) {
	for i := range x {
		x[i] /= by
	}
}

// freshWeights keep the size of what passes through them (He et al., 2015).
func freshWeights(in, out int, random *rand.Rand) encoder.LinearWeights {
	w := encoder.LinearWeights{In: in, Out: out, Rows: make([]float32, in*out), Bias: make([]float32, out)}
	for i := range w.Rows {
		w.Rows[i] = float32(random.NormFloat64() * math.Sqrt(2/float64(in)))
	}
	return w
}

func (c *comparer) params() []*param {
	all := []*param{c.tokens, c.outer, c.bias}
	for _, l := range []*linear{c.project, c.first, c.second, c.inner} {
		all = append(all, l.params()...)
	}
	return append(all, c.transformer.params()...)
}

func (c *comparer) headWeights() encoder.ComparisonWeights {
	return encoder.ComparisonWeights{
		Project: c.project.weights(), First: c.first.weights(), Second: c.second.weights(), Inner: c.inner.weights(),
		Outer: c.outer.value, Bias: c.bias.value,
	}
}

// step computes the mean loss of a batch's pairs, the weighted cross-entropy of their
// relations, and sets all gradients.
func (c *comparer) step(batch []Pair, drop *dropout) float64 {
	texts := make([][]int32, 0, 2*len(batch))
	for _, p := range batch {
		texts = append(texts, p.First, p.Then)
	}
	x := c.forward(texts, drop)
	projected := c.project.forward(x)
	sides, compared := beside(projected, c.ends)
	comparedKept := drop.head(compared)
	read := c.first.forward(compared)
	rectify(read)
	readKept := drop.head(read)
	found := c.second.forward(read)
	rectify(found)
	features := c.pool(found)
	featuresKept := drop.head(features)
	inner := c.inner.forward(features)
	rectify(inner)
	innerKept := drop.head(inner)
	d, loss := c.relate(inner, batch)

	d = unrectify(innerKept.apply(d), inner)
	d = featuresKept.apply(c.inner.backward(features, d))
	d = unrectify(c.unpool(found, d), found)
	d = unrectify(readKept.apply(c.second.backward(read, d)), read)
	d = comparedKept.apply(c.first.backward(compared, d))
	c.backward(c.project.backward(x, unbeside(sides, d, projected, c.ends)))
	return loss
}

// relate sets the gradients of the last layer, and returns that of its input and the loss.
func (c *comparer) relate(inner []float32, batch []Pair) (dinner []float32, loss float64) {
	const width = encoder.ComparisonInner
	dinner = make([]float32, len(inner))
	clear(c.outer.grad)
	clear(c.bias.grad)
	scores := make([]float32, len(c.bias.value))
	for i, p := range batch {
		row, drow := inner[i*width:][:width], dinner[i*width:][:width]
		for r := range scores {
			scores[r] = encoder.Dot(c.outer.value[r*width:][:width], row) + c.bias.value[r]
		}
		encoder.LogSoftmax(scores)
		counts := float64(c.counts[p.Relation]) / float64(len(batch))
		for r, score := range scores {
			share := smoothed / float64(len(scores))
			if r == p.Relation {
				share += 1 - smoothed
			}
			loss -= counts * share * float64(score)
			slope := float32(counts * (math.Exp(float64(score)) - share))
			addScaled(c.outer.grad[r*width:][:width], row, slope)
			c.bias.grad[r] += slope
			addScaled(drow, c.outer.value[r*width:][:width], slope)
		}
	}
	return dinner, loss
}

// smoothed is the share of certainty that is spread over all relations: some pairs are
// labelled wrongly, and more so than a model may be sure of.
const smoothed = 0.05

// pool makes the features of each pair: those of its first text, then those of its second.
func (c *comparer) pool(found []float32) []float32 {
	var features []float32
	for text := range c.ends {
		features = append(features, encoder.Pool(c.rows(found, text), encoder.ComparisonWidth)...)
	}
	return features
}

func (c *comparer) unpool(found, dfeatures []float32) []float32 {
	d := make([]float32, len(found))
	for text := range c.ends {
		unpool(c.rows(d, text), c.rows(found, text), dfeatures[text*2*encoder.ComparisonWidth:][:2*encoder.ComparisonWidth], encoder.ComparisonWidth)
	}
	return d
}

func (c *comparer) rows(x []float32, text int) []float32 {
	return rowsOf(x, c.ends, text, encoder.ComparisonWidth)
}

// rowsOf are those of a text, each of some width.
func rowsOf(x []float32, ends []int, text, width int) []float32 {
	return x[beginOf(ends, text)*width : ends[text]*width]
}

// beside sets each text beside the other one of its pair, as [encoder.Compared] does, and
// keeps the weights for the way back.
func beside(projected []float32, ends []int) (weights [][]float32, compared []float32) {
	weights, compared = make([][]float32, len(ends)), make([]float32, 4*len(projected))
	parallel(len(ends), func(text int) {
		var rows []float32
		rows, weights[text] = encoder.Compared(rowsOf(projected, ends, text, encoder.ComparisonWidth), rowsOf(projected, ends, text^1, encoder.ComparisonWidth))
		copy(rowsOf(compared, ends, text, encoder.ComparedWidth), rows)
	})
	return weights, compared
}

// unbeside returns the gradient of projected, given that of what was compared.
func unbeside(weights [][]float32, dcompared, projected []float32, ends []int) []float32 {
	d := make([]float32, len(projected))
	parallel(len(ends)/2, func(pair int) {
		for _, text := range []int{2 * pair, 2*pair + 1} {
			a, b := rowsOf(projected, ends, text, encoder.ComparisonWidth), rowsOf(projected, ends, text^1, encoder.ComparisonWidth)
			da, db := rowsOf(d, ends, text, encoder.ComparisonWidth), rowsOf(d, ends, text^1, encoder.ComparisonWidth)
			uncompare(weights[text], rowsOf(dcompared, ends, text, encoder.ComparedWidth), a, b, da, db)
		}
	})
	return d
}

// uncompare adds the gradients of a text and of the other that it was compared with.
func uncompare(weights, drows, text, other, dtext, dother []float32) {
	const width = encoder.ComparisonWidth
	m := len(other) / width
	lengths, otherLengths := encoder.Lengths(text), encoder.Lengths(other)
	counterpart, dcounterpart, slopes := make([]float32, width), make([]float32, width), make([]float32, m)
	for i := range len(text) / width {
		token, dtoken := text[i*width:][:width], dtext[i*width:][:width]
		alike, drow := weights[i*m:][:m], drows[i*encoder.ComparedWidth:][:encoder.ComparedWidth]
		clear(counterpart)
		for j, w := range alike {
			addScaled(counterpart, other[j*width:][:width], w)
		}
		for k, v := range token {
			sign := drow[2*width+k]
			if v < counterpart[k] {
				sign = -sign
			}
			dtoken[k] += drow[k] + sign + float32(drow[3*width+k]*counterpart[k])
			dcounterpart[k] = drow[width+k] - sign + float32(drow[3*width+k]*v)
		}
		var along float32
		for j, w := range alike {
			slopes[j] = encoder.Dot(dcounterpart, other[j*width:][:width])
			along += float32(w * slopes[j])
			addScaled(dother[j*width:][:width], dcounterpart, w)
		}
		for j, w := range alike {
			there, dthere := other[j*width:][:width], dother[j*width:][:width]
			both := lengths[i] * otherLengths[j]
			cosine := encoder.Dot(token, there) / both
			slope := w * (slopes[j] - along) * encoder.Sharpness
			addScaled(dtoken, there, slope/both)
			addScaled(dtoken, token, -slope*cosine/(lengths[i]*lengths[i]))
			addScaled(dthere, token, slope/both)
			addScaled(dthere, there, -slope*cosine/(otherLengths[j]*otherLengths[j]))
		}
	}
}
