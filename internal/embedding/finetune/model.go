package finetune

import (
	"math"
	"math/rand/v2"

	"meai/internal/embedding/encoder"
)

// transformer is what reads; a head makes something of what it has read.
type transformer struct {
	timing func(position int) []float32
	tokens *param
	layers []*layer
	// What the last forward pass left for the way back: the tokens' ids, and where each
	// text ends among them.
	ids  []int32
	ends []int
}

func newTransformer(e *encoder.Encoder, o Options) transformer {
	w := e.Weights()
	t := transformer{timing: e.Timing, tokens: newParam(w.Tokens, o.TokenRate)}
	for _, l := range w.Layers {
		t.layers = append(t.layers, newLayer(l, o.Rate))
	}
	return t
}

func (t *transformer) params() []*param {
	var all []*param
	for _, l := range t.layers {
		all = append(all, l.params()...)
	}
	return all
}

// forward reads texts, one row for each of their tokens.
func (t *transformer) forward(texts [][]int32, drop *dropout) []float32 {
	x := t.start(texts, drop)
	for _, l := range t.layers {
		x = l.forward(x, t.ends, drop)
	}
	return x
}

// start lays the tokens of all texts out in rows. The published graph counts a token's
// vector twice.
func (t *transformer) start(texts [][]int32, drop *dropout) (x []float32) {
	t.ids, t.ends = t.ids[:0], t.ends[:0]
	for _, tokens := range texts {
		for position, id := range tokens[:min(len(tokens), encoder.MaxTokens)] {
			if drop.hides() {
				id = 0
			}
			row := append([]float32(nil), t.timing(position)...)
			addScaled(row, t.tokens.value[int(id)*encoder.Narrow:][:encoder.Narrow], 2)
			x, t.ids = append(x, row...), append(t.ids, id)
		}
		t.ends = append(t.ends, len(t.ids))
	}
	return x
}

// backward sets the gradients, given that of what forward returned.
func (t *transformer) backward(dx []float32) {
	for i := len(t.layers) - 1; i >= 0; i-- {
		dx = t.layers[i].backward(dx, t.ends)
	}
	clear(t.tokens.grad)
	for i, id := range t.ids {
		addScaled(t.tokens.grad[int(id)*encoder.Narrow:][:encoder.Narrow], dx[i*encoder.Narrow:][:encoder.Narrow], 2)
	}
}

// model is the transformer with a linear head over the features that [encoder.Pool] makes.
type model struct {
	transformer
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
	labels := len(o.Labels)
	return &model{
		transformer: newTransformer(e, o), counts: o.Weights,
		head: newParam(make([]float32, labels*encoder.Features), o.HeadRate), bias: newParam(make([]float32, labels), o.HeadRate),
	}
}

func (m *model) params() []*param {
	return append([]*param{m.tokens, m.head, m.bias}, m.transformer.params()...)
}

// step computes the mean loss of a batch's texts and sets all gradients. The loss of a
// text is the weighted sum of the cross-entropies of its known labels.
func (m *model) step(batch []lesson, drop *dropout) float64 {
	texts := make([][]int32, len(batch))
	for i, l := range batch {
		texts[i] = l.tokens
	}
	dx, loss := m.judge(m.forward(texts, drop), batch, drop)
	m.backward(dx)
	return loss
}

// judge passes the states through the head, sets its gradients and returns that of the
// states with the loss.
func (m *model) judge(x []float32, batch []lesson, drop *dropout) (dx []float32, loss float64) {
	dx = make([]float32, len(x))
	clear(m.head.grad)
	clear(m.bias.grad)
	labels := len(m.bias.value)
	for text, e := range batch {
		from, to := beginOf(m.ends, text)*encoder.Wide, m.ends[text]*encoder.Wide
		features := encoder.Pool(x[from:to], encoder.Wide)
		kept := drop.head(features)
		slopes := make([]float32, encoder.Features)
		for label := range labels {
			row := m.head.value[label*encoder.Features:][:encoder.Features]
			target, counts := float64(e.targets[label]), float64(m.counts[label])/float64(len(batch))
			if target == Unknown {
				continue
			}
			score := float64(encoder.Dot(row, features) + m.bias.value[label])
			loss += counts * (math.Max(score, 0) - score*target + math.Log1p(math.Exp(-math.Abs(score))))
			slope := float32(counts * (1/(1+math.Exp(-score)) - target))
			addScaled(m.head.grad[label*encoder.Features:][:encoder.Features], features, slope)
			m.bias.grad[label] += slope
			addScaled(slopes, row, slope)
		}
		unpool(dx[from:to], x[from:to], kept.apply(slopes), encoder.Wide)
	}
	return dx, loss
}

// unpool brings the gradient of a text's features back to its rows of some width.
func unpool(dx, x, slopes []float32, width int) {
	n := len(x) / width
	for i := range width {
		largest := 0
		for t := range n {
			dx[t*width+i] = slopes[i] / float32(encoder.FeatureScale*n)
			if x[t*width+i] > x[largest*width+i] {
				largest = t
			}
		}
		dx[largest*width+i] += slopes[width+i] / encoder.FeatureScale
	}
}

func (t *transformer) weights() encoder.Weights {
	w := encoder.Weights{Tokens: t.tokens.value}
	for i, l := range t.layers {
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
