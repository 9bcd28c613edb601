package encoder

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Source is the model as it is published: float32 tensors by name, and the
// vocabulary.
type Source interface {
	// Tensor returns the values of the one tensor whose name contains all of
	// parts, row by row.
	Tensor(parts ...string) ([]float32, error)
	Vocabulary() []Piece
}

// Piece is one entry of the vocabulary with its log probability.
type Piece struct {
	Text  string
	Score float64
}

// Pack writes the weights file of a published model: matrices rounded to int8
// with one scale per output, everything else as it is. The same source always
// gives the same bytes.
func Pack(source Source, out io.Writer) error {
	p := packer{source: source}
	p.pieces("vocabulary", source.Vocabulary())
	p.rows("embedding", tokenRows, narrow, "module/Embeddings_en")
	p.floats("timing", narrow/2, "TimingSignal/ExpandDims_1")
	for i := range layers {
		p.layer(fmt.Sprintf("layer%d.", i), fmt.Sprintf("Layer_%d/", i), widthInto(i))
	}
	p.dense("projection", "tanh_layer_0", Dimensions, Dimensions)
	if p.err != nil {
		return fmt.Errorf("pack weights: %w", p.err)
	}
	return p.file.writeTo(out)
}

// packer adds tensors until the first error.
type packer struct {
	source Source
	file   archiveWriter
	err    error
}

func (p *packer) layer(to, from string, in int) {
	p.norm(to+"attention_norm", in, from, "/TransformerLayer/layer_prepostprocess/layer_norm")
	p.kernel(to+"attention_in", in, 3*in, from, "qkv_transform_single")
	p.kernel(to+"attention_out", in, wide, from, "output_transform_single")
	if in != wide {
		p.kernel(to+"widen", in, wide, from, "TransformerLayer/dense")
	}
	p.norm(to+"feed_norm", wide, from, "/FFN/layer_prepostprocess/layer_norm")
	p.matrix(to+"feed_in", wide, hidden, from, "conv1/Tensordot/Reshape_1")
	p.floats(to+"feed_in.bias", hidden, from, "FFN/conv1/bias")
	p.matrix(to+"feed_out", hidden, wide, from, "conv2/Tensordot/Reshape_1")
	p.floats(to+"feed_out.bias", wide, from, "FFN/conv2/bias")
}

func (p *packer) norm(to string, n int, layer, name string) {
	p.floats(to+".scale", n, layer, name+"/layer_norm_scale")
	p.floats(to+".bias", n, layer, name+"/layer_norm_bias")
}

func (p *packer) kernel(to string, in, out int, layer, name string) {
	p.matrix(to, in, out, layer, name+"/kernel")
	p.floats(to+".bias", out, layer, name+"/bias")
}

func (p *packer) dense(to, name string, in, out int) {
	p.matrix(to, in, out, name+"/weights")
	p.floats(to+".bias", out, name+"/bias")
}

// matrix adds a published in × out matrix as out rows in panels.
func (p *packer) matrix(to string, in, out int, parts ...string) {
	if values, ok := p.tensor(in*out, parts); ok {
		p.file.addPanels(to, transpose(values, in, out), out, in)
	}
}

func (p *packer) rows(to string, rows, columns int, parts ...string) {
	if values, ok := p.tensor(rows*columns, parts); ok {
		p.file.addRows(to, values, rows, columns)
	}
}

func (p *packer) floats(to string, n int, parts ...string) {
	if values, ok := p.tensor(n, parts); ok {
		p.file.addFloats(to, values)
	}
}

func (p *packer) tensor(n int, parts []string) ([]float32, bool) {
	if p.err != nil {
		return nil, false
	}
	values, err := p.source.Tensor(parts...)
	if err == nil && len(values) != n {
		err = fmt.Errorf("tensor %q holds %d values, want %d", parts, len(values), n)
	}
	p.err = err
	return values, err == nil
}

func (p *packer) pieces(to string, vocabulary []Piece) {
	var raw []byte
	for _, piece := range vocabulary {
		if len(piece.Text) > math.MaxUint8 {
			p.err = fmt.Errorf("piece of %d bytes is too long", len(piece.Text))
			return
		}
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(piece.Score))
		raw = append(append(raw, byte(len(piece.Text))), piece.Text...)
	}
	p.file.add(to, scoredPieces, len(vocabulary), 1, raw)
}
