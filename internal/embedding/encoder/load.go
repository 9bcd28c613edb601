package encoder

import (
	"fmt"
	"math"
	"strings"
)

// Load makes an encoder from a weights file, computing with the fastest
// instructions at hand. The encoder keeps pointing into file.
func Load(file []byte) (*Encoder, error) {
	return load(file, kernels()[0])
}

func load(file []byte, k kernel) (*Encoder, error) {
	a, err := openArchive(file)
	if err != nil {
		return nil, err
	}
	l := loader{archive: a}
	e := &Encoder{
		tokenizer:  l.tokenizer("vocabulary"),
		tokens:     l.tokens("embedding"),
		timing:     positions(l.floats("timing", narrow/2)),
		projection: l.matrix("projection", wide, Dimensions),
		kernel:     k,
	}
	l.layers(e)
	return e, l.err
}

// loader reads tensors until the first error.
type loader struct {
	archive *archive
	err     error
}

func (l *loader) layers(e *Encoder) {
	for i := range e.layers {
		e.layers[i] = l.layer(fmt.Sprintf("layer%d.", i), widthInto(i))
	}
}

// stack loads a transformer into e that computes and counts positions as base does. It
// has no vocabulary and no projection of its own.
func (l *loader) stack(e, base *Encoder) {
	e.tokens, e.timing, e.kernel = l.tokens("embedding"), base.timing, base.kernel
	l.layers(e)
}

func (l *loader) layer(name string, in int) layer {
	loaded := layer{
		width:         in,
		attentionNorm: l.norm(name+"attention_norm", in),
		attentionIn:   l.matrix(name+"attention_in", in, 3*in),
		attentionOut:  l.matrix(name+"attention_out", in, wide),
		feedNorm:      l.norm(name+"feed_norm", wide),
		feedIn:        l.matrix(name+"feed_in", wide, hidden),
		feedOut:       l.matrix(name+"feed_out", hidden, wide),
	}
	if in != wide {
		widen := l.matrix(name+"widen", in, wide)
		loaded.widen = &widen
	}
	return loaded
}

func (l *loader) norm(name string, n int) layerNorm {
	return layerNorm{scale: l.floats(name+".scale", n), bias: l.floats(name+".bias", n)}
}

func (l *loader) matrix(name string, in, out int) matrix {
	raw := l.bytes(name, int8Panels, out, in)
	if raw == nil {
		return matrix{}
	}
	return matrix{in: in, out: out, scale: readFloats(raw[:4*out]), weights: asPanels(raw[4*out:]), bias: l.floats(name+".bias", out)}
}

func (l *loader) tokens(name string) tokenTable {
	raw := l.bytes(name, int8Rows, tokenRows, narrow)
	if raw == nil {
		return tokenTable{}
	}
	return tokenTable{scale: readFloats(raw[:4*tokenRows]), rows: raw[4*tokenRows:]}
}

func (l *loader) tokenizer(name string) *tokenizer {
	if l.err != nil {
		return nil
	}
	raw, e, err := l.archive.bytes(name, scoredPieces, -1, 1)
	if err != nil {
		l.err = err
		return nil
	}
	t, err := newTokenizer(raw, e.Rows)
	l.err = err
	return t
}

func (l *loader) lines(name string) []string {
	if l.err != nil {
		return nil
	}
	raw, e, err := l.archive.bytes(name, lines, -1, 1)
	texts := strings.Split(string(raw), "\n")
	if err == nil && len(texts) != e.Rows {
		err = fmt.Errorf("weights file: tensor %q has %d lines, want %d", name, len(texts), e.Rows)
	}
	l.err = err
	return texts
}

func (l *loader) floats(name string, n int) []float32 {
	if l.err != nil {
		return nil
	}
	values, err := l.archive.floats(name, n)
	l.err = err
	return values
}

func (l *loader) bytes(name string, as layout, rows, columns int) []byte {
	if l.err != nil {
		return nil
	}
	raw, _, err := l.archive.bytes(name, as, rows, columns)
	l.err = err
	return raw
}

// tokenTable holds a vector per token id, rounded to int8.
type tokenTable struct {
	scale []float32
	rows  []byte
}

// addTo adds the vector of id, times factor, to dst.
func (t tokenTable) addTo(dst []float32, id int, factor float32) {
	scale := factor * t.scale[id]
	for i, v := range t.rows[id*narrow : (id+1)*narrow] {
		dst[i] += float32(scale * float32(int8(v)))
	}
}

// positions computes the timing signal: per position the sines, then the
// cosines, of position × frequency. There are none when the frequencies are missing.
func positions(frequencies []float32) []float32 {
	signal := make([]float32, 0, 2*MaxTokens*len(frequencies))
	for t := range MaxTokens {
		for _, wave := range []func(float64) float64{math.Sin, math.Cos} {
			for _, f := range frequencies {
				signal = append(signal, float32(wave(float64(t)*float64(f))))
			}
		}
	}
	return signal
}
