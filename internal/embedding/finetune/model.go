package finetune

import (
	"math"
	"math/rand/v2"

	"meai/internal/embedding/encoder"
)

// model is the transformer with a linear head over the features that
// [encoder.Pool] makes.
type model struct {
	timing func(position int) []float32
	tokens *param
	layers []*layer
	head   *param // a row of encoder.Features per label
	bias   *param
	counts []float32 // the labels' weights
}

// lesson is a text as the model sees it in one step.
type lesson struct {
	tokens  []int32
	targets []float32
}

func newModel(e *encoder.Encoder, o Options) *model {
	w, labels := e.Weights(), len(o.Labels)
	m := &model{
		timing: e.Timing, tokens: newParam(w.Tokens, o.TokenRate),
		head: newParam(make([]float32, labels*encoder.Features), o.HeadRate), bias: newParam(make([]float32, labels), o.HeadRate), counts: o.Weights,
	}
	for _, l := range w.Layers {
		m.layers = append(m.layers, newLayer(l, o.Rate))
	}
	return m
}

func (m *model) params() []*param {
	all := []*param{m.tokens, m.head, m.bias}
	for _, l := range m.layers {
		all = append(all, l.params()...)
	}
	return all
}

// step computes the mean loss of a batch's texts and sets all gradients. The loss of a
// text is the weighted sum of the cross-entropies of its known labels.
func (m *model) step(batch []lesson, drop *dropout) float64 {
	x, ids, ends := m.start(batch, drop)
	for _, l := range m.layers {
		x = l.forward(x, ends, drop)
	}
	dx, loss := m.judge(x, batch, ends, drop)
	for i := len(m.layers) - 1; i >= 0; i-- {
		dx = m.layers[i].backward(dx, ends)
	}
	clear(m.tokens.grad)
	for t, id := range ids {
		addScaled(m.tokens.grad[int(id)*encoder.Narrow:][:encoder.Narrow], dx[t*encoder.Narrow:][:encoder.Narrow], 2)
	}
	return loss
}

// start lays the tokens of all texts out in rows. The published graph counts a token's
// vector twice.
func (m *model) start(batch []lesson, drop *dropout) (x []float32, ids []int32, ends []int) {
	for _, e := range batch {
		tokens := e.tokens[:min(len(e.tokens), encoder.MaxTokens)]
		for position, id := range tokens {
			if drop.hides() {
				id = 0
			}
			row := append([]float32(nil), m.timing(position)...)
			addScaled(row, m.tokens.value[int(id)*encoder.Narrow:][:encoder.Narrow], 2)
			x, ids = append(x, row...), append(ids, id)
		}
		ends = append(ends, len(ids))
	}
	return x, ids, ends
}

// judge passes the states through the head, sets its gradients and returns that of the
// states with the loss.
func (m *model) judge(x []float32, batch []lesson, ends []int, drop *dropout) (dx []float32, loss float64) {
	dx = make([]float32, len(x))
	clear(m.head.grad)
	clear(m.bias.grad)
	labels := len(m.bias.value)
	for text, e := range batch {
		from, to := beginOf(ends, text)*encoder.Wide, ends[text]*encoder.Wide
		features := encoder.Pool(x[from:to])
		kept := drop.head(features)
		slopes := make([]float32, encoder.Features)
		for label := range labels {
			row := m.head.value[label*encoder.Features:][:encoder.Features]
			target, counts := float64(e.targets[label]), float64(m.counts[label])/float64(len(batch))
			if target == Unknown {
				continue
			}
			score := float64(dot(row, features) + m.bias.value[label])
			loss += counts * (math.Max(score, 0) - score*target + math.Log1p(math.Exp(-math.Abs(score))))
			slope := float32(counts * (1/(1+math.Exp(-score)) - target))
			addScaled(m.head.grad[label*encoder.Features:][:encoder.Features], features, slope)
			m.bias.grad[label] += slope
			addScaled(slopes, row, slope)
		}
		unpool(dx[from:to], x[from:to], kept.apply(slopes))
	}
	return dx, loss
}

// unpool brings the gradient of the features back to the states.
func unpool(dx, x, slopes []float32) {
	n := len(x) / encoder.Wide
	for i := range encoder.Wide {
		largest := 0
		for t := range n {
			dx[t*encoder.Wide+i] = slopes[i] / float32(encoder.FeatureScale*n)
			if x[t*encoder.Wide+i] > x[largest*encoder.Wide+i] {
				largest = t
			}
		}
		dx[largest*encoder.Wide+i] += slopes[encoder.Wide+i] / encoder.FeatureScale
	}
}

// weights returns those of the transformer.
func (m *model) weights() encoder.Weights {
	w := encoder.Weights{Tokens: m.tokens.value}
	for i, l := range m.layers {
		w.Layers[i] = encoder.LayerWeights{
			AttentionNorm: l.attentionNorm.weights(), FeedNorm: l.feedNorm.weights(),
			AttentionIn: l.attentionIn.weights(), AttentionOut: l.attentionOut.weights(), FeedIn: l.feedIn.weights(), FeedOut: l.feedOut.weights(),
		}
		if l.widen != nil {
			widen := l.widen.weights()
			w.Layers[i].Widen = &widen
		}
	}
	return w
}

func (n *norm) weights() encoder.NormWeights {
	return encoder.NormWeights{Scale: n.scale.value, Bias: n.bias.value}
}

func (l *linear) weights() encoder.LinearWeights {
	return encoder.LinearWeights{In: l.in, Out: l.out, Rows: l.w.value, Bias: l.b.value}
}

// dropout hides a share of values at random during training, so that the model does not
// rely on any one.
type dropout struct {
	random            *rand.Rand
	inner, top, words float64
}

// mask is the factor of each value: 0 where it is hidden. A nil mask hides nothing.
type mask []float32

func (d *dropout) apply(x []float32) mask { return d.hide(x, d.inner) }
func (d *dropout) head(x []float32) mask  { return d.hide(x, d.top) }
func (d *dropout) hides() bool            { return d.words > 0 && d.random.Float64() < d.words }

// hide drops values of x in place and scales the others up to keep their sum.
func (d *dropout) hide(x []float32, share float64) mask {
	if share == 0 {
		return nil
	}
	kept := make(mask, len(x))
	for i := range x {
		if d.random.Float64() >= share {
			kept[i] = float32(1 / (1 - share))
		}
		x[i] *= kept[i]
	}
	return kept
}

// apply returns the gradient before the mask; without one, dy itself.
func (m mask) apply(dy []float32) []float32 {
	if m == nil {
		return dy
	}
	dx := make([]float32, len(dy))
	for i, v := range dy {
		dx[i] = v * m[i]
	}
	return dx
}
