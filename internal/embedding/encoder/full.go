package encoder

import "fmt"

// Weights are a transformer's weights in full precision: what training changes. Those
// of [Encoder.Weights] are the rounded ones of the published model.
type Weights struct {
	// Tokens has a row of [Narrow] values for each of [TokenRows] ids.
	Tokens []float32
	Layers [layers]LayerWeights
}

// LayerWeights are those of one layer; see [Encoder] for what it computes.
type LayerWeights struct {
	AttentionNorm, FeedNorm NormWeights
	// AttentionIn makes query, key and value, a third of its outputs each.
	AttentionIn, AttentionOut, FeedIn, FeedOut LinearWeights
	// Widen brings a narrow input to the width of the output; nil where it has it.
	Widen *LinearWeights
}

// LinearWeights are an affine map: a row of In values per output, and the bias.
type LinearWeights struct {
	In, Out int
	Rows    []float32
	Bias    []float32
}

// NormWeights are the scale and bias of a layer normalisation.
type NormWeights struct{ Scale, Bias []float32 }

// What training has to know of the shape of the model.
const (
	TokenRows = tokenRows
	Narrow    = narrow
	Wide      = wide
	Heads     = heads
	Epsilon   = epsilon
)

// Timing returns what is added to the token at a position, Narrow values. It is shared.
func (e *Encoder) Timing(position int) []float32 {
	return e.timing[position*narrow : (position+1)*narrow]
}

// Weights returns a copy of the model's weights.
func (e *Encoder) Weights() Weights {
	w := Weights{Tokens: make([]float32, tokenRows*narrow)}
	for id := range tokenRows {
		e.tokens.addTo(w.Tokens[id*narrow:(id+1)*narrow], id, 1)
	}
	for i := range e.layers {
		l := &e.layers[i]
		w.Layers[i] = LayerWeights{
			AttentionNorm: l.attentionNorm.full(), FeedNorm: l.feedNorm.full(),
			AttentionIn: l.attentionIn.full(), AttentionOut: l.attentionOut.full(), FeedIn: l.feedIn.full(), FeedOut: l.feedOut.full(),
		}
		if l.widen != nil {
			widen := l.widen.full()
			w.Layers[i].Widen = &widen
		}
	}
	return w
}

func (l layerNorm) full() NormWeights {
	return NormWeights{append([]float32(nil), l.scale...), append([]float32(nil), l.bias...)}
}

func (m *matrix) full() LinearWeights {
	w := LinearWeights{In: m.in, Out: m.out, Rows: make([]float32, m.in*m.out), Bias: append([]float32(nil), m.bias...)}
	for o := range m.out {
		row, lane := w.Rows[o*m.in:(o+1)*m.in], 2*(o%panelWidth)
		for i, pair := range m.panel(o / panelWidth * panelWidth) {
			row[2*i], row[2*i+1] = m.scale[o]*float32(int8(pair[lane])), m.scale[o]*float32(int8(pair[lane+1]))
		}
	}
	return w
}

// pack adds the weights, rounded as those of the published model, under the names that
// [Load] knows.
func (w Weights) pack(file *archiveWriter) {
	file.addRows("embedding", w.Tokens, tokenRows, narrow)
	for i, l := range w.Layers {
		name := fmt.Sprintf("layer%d.", i)
		l.AttentionNorm.pack(file, name+"attention_norm")
		l.AttentionIn.pack(file, name+"attention_in")
		l.AttentionOut.pack(file, name+"attention_out")
		if l.Widen != nil {
			l.Widen.pack(file, name+"widen")
		}
		l.FeedNorm.pack(file, name+"feed_norm")
		l.FeedIn.pack(file, name+"feed_in")
		l.FeedOut.pack(file, name+"feed_out")
	}
}

func (n NormWeights) pack(file *archiveWriter, name string) {
	file.addFloats(name+".scale", n.Scale)
	file.addFloats(name+".bias", n.Bias)
}

func (w LinearWeights) pack(file *archiveWriter, name string) {
	file.addPanels(name, w.Rows, w.Out, w.In)
	file.addFloats(name+".bias", w.Bias)
}
