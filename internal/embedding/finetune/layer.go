package finetune

import (
	"math"

	"meai/internal/embedding/encoder"
)

// param is a tensor that training changes, with its gradient of the current step and
// Adam's running means.
type param struct {
	value, grad, mean, square []float32
	rate                      float64
}

func newParam(value []float32, rate float64) *param {
	n := len(value)
	return &param{value, make([]float32, n), make([]float32, n), make([]float32, n), rate}
}

// linear is y = x·Wᵀ + b for rows x.
type linear struct {
	in, out int
	w, b    *param
}

func newLinear(w encoder.LinearWeights, rate float64) *linear {
	return &linear{w.In, w.Out, newParam(w.Rows, rate), newParam(w.Bias, rate)}
}

func (l *linear) params() []*param { return []*param{l.w, l.b} }

func (l *linear) forward(x []float32) []float32 {
	y := multiply(rowMajor(x, len(x)/l.in, l.in), rowMajor(l.w.value, l.out, l.in).transposed())
	for row := y; len(row) > 0; row = row[l.out:] {
		add(row[:l.out], l.b.value)
	}
	return y
}

// backward sets the gradients and returns that of x.
func (l *linear) backward(x, dy []float32) []float32 {
	rows := len(x) / l.in
	l.w.grad = multiply(rowMajor(dy, rows, l.out).transposed(), rowMajor(x, rows, l.in))
	clear(l.b.grad)
	for row := dy; len(row) > 0; row = row[l.out:] {
		add(l.b.grad, row[:l.out])
	}
	return multiply(rowMajor(dy, rows, l.out), rowMajor(l.w.value, l.out, l.in))
}

// norm is layer normalisation.
type norm struct{ scale, bias *param }

func newNorm(w encoder.NormWeights, rate float64) *norm {
	return &norm{newParam(w.Scale, rate), newParam(w.Bias, rate)}
}

func (n *norm) params() []*param { return []*param{n.scale, n.bias} }

// forward returns the output, and for the way back the normalised rows and the factor
// that made each.
func (n *norm) forward(x []float32) (y, normal, factor []float32) {
	width := len(n.scale.value)
	rows := len(x) / width
	y, normal, factor = make([]float32, len(x)), make([]float32, len(x)), make([]float32, rows)
	parallel(rows, func(r int) {
		from, to, out := x[r*width:(r+1)*width], normal[r*width:(r+1)*width], y[r*width:(r+1)*width]
		var sum, squares float64
		for _, v := range from {
			sum += float64(v)
		}
		mean := sum / float64(width)
		for _, v := range from {
			d := float64(v) - mean
			squares += float64(d * d)
		}
		factor[r] = float32(1 / math.Sqrt(squares/float64(width)+encoder.Epsilon))
		for i, v := range from {
			to[i] = (v - float32(mean)) * factor[r]
			out[i] = float32(to[i]*n.scale.value[i]) + n.bias.value[i]
		}
	})
	return y, normal, factor
}

func (n *norm) backward(normal, factor, dy []float32) []float32 {
	width := len(n.scale.value)
	clear(n.scale.grad)
	clear(n.bias.grad)
	for i, d := range dy {
		n.scale.grad[i%width] += float32(d * normal[i])
		n.bias.grad[i%width] += d
	}
	dx := make([]float32, len(dy))
	parallel(len(factor), func(r int) {
		d, to, out := dy[r*width:(r+1)*width], normal[r*width:(r+1)*width], dx[r*width:(r+1)*width]
		var sum, along float64
		for i, v := range d {
			v *= n.scale.value[i]
			out[i] = v
			sum += float64(v)
			along += float64(v) * float64(to[i])
		}
		mean, slope := float32(sum/float64(width)), float32(along/float64(width))
		for i, v := range out {
			out[i] = factor[r] * (v - mean - float32(to[i]*slope))
		}
	})
	return dx
}

// layer is one layer of the transformer with what its last forward pass left behind
// for the way back.
type layer struct {
	attentionNorm, feedNorm                           *norm
	attentionIn, attentionOut, widen, feedIn, feedOut *linear
	x, normal, normalised, factor, projected, mixed   []float32
	attention                                         [][]float32
	feedNormal, feedNormalised, feedFactor, inner     []float32
	attentionKept, feedKept                           mask
}

func newLayer(w encoder.LayerWeights, rate float64) *layer {
	l := &layer{
		attentionNorm: newNorm(w.AttentionNorm, rate), feedNorm: newNorm(w.FeedNorm, rate),
		attentionIn: newLinear(w.AttentionIn, rate), attentionOut: newLinear(w.AttentionOut, rate),
		feedIn: newLinear(w.FeedIn, rate), feedOut: newLinear(w.FeedOut, rate),
	}
	if w.Widen != nil {
		l.widen = newLinear(*w.Widen, rate)
	}
	return l
}

func (l *layer) params() []*param {
	all := append(l.attentionNorm.params(), l.feedNorm.params()...)
	for _, m := range []*linear{l.attentionIn, l.attentionOut, l.widen, l.feedIn, l.feedOut} {
		if m != nil {
			all = append(all, m.params()...)
		}
	}
	return all
}

// forward passes the tokens of all texts, one row each; ends says where each text ends.
func (l *layer) forward(x []float32, ends []int, drop *dropout) []float32 {
	l.x = x
	l.normal, l.normalised, l.factor = l.attentionNorm.forward(x)
	l.projected = l.attentionIn.forward(l.normal)
	l.mixed, l.attention = attend(l.projected, ends, l.attentionIn.in)
	out := l.attentionOut.forward(l.mixed)
	l.attentionKept = drop.apply(out)
	if l.widen != nil {
		x = l.widen.forward(x)
	}
	add(out, x)

	l.feedNormal, l.feedNormalised, l.feedFactor = l.feedNorm.forward(out)
	l.inner = l.feedIn.forward(l.feedNormal)
	rectify(l.inner)
	fed := l.feedOut.forward(l.inner)
	l.feedKept = drop.apply(fed)
	add(fed, out)
	return fed
}

// backward sets the gradients and returns that of x.
func (l *layer) backward(dy []float32, ends []int) []float32 {
	d := l.feedKept.apply(dy)
	d = unrectify(l.feedOut.backward(l.inner, d), l.inner)
	d = l.feedNorm.backward(l.feedNormalised, l.feedFactor, l.feedIn.backward(l.feedNormal, d))
	add(d, dy)

	dx := d
	if l.widen != nil {
		dx = l.widen.backward(l.x, d)
	}
	m := l.attentionOut.backward(l.mixed, l.attentionKept.apply(d))
	m = attendBackward(l.projected, l.attention, m, ends, l.attentionIn.in)
	m = l.attentionNorm.backward(l.normalised, l.factor, l.attentionIn.backward(l.normal, m))
	add(m, dx)
	return m
}

func add(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += x[i]
	}
}

func rectify(x []float32) {
	for i, v := range x {
		x[i] = max(v, 0)
	}
}

// unrectify returns the gradient of what rectify was given, by that of what came out, y.
func unrectify(dy, y []float32) []float32 {
	for i, v := range y {
		if v <= 0 {
			dy[i] = 0
		}
	}
	return dy
}
