package embedding

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"meai/internal/embedding/encoder"
)

// Builtin embeds with the Universal Sentence Encoder lite, for English, whose
// weights are part of the binary. It needs no network and never fails but for
// an ended context.
type Builtin struct {
	encoder *encoder.Encoder
}

// sharedEncoder is immutable once made; every Builtin uses the same one.
var sharedEncoder = sync.OnceValues(encoder.New)

// NewBuiltin returns the built-in embedder. The first call loads the model,
// which takes some 10 ms; further ones share it.
func NewBuiltin() (*Builtin, error) {
	e, err := sharedEncoder()
	if err != nil {
		return nil, fmt.Errorf("load the built-in encoder: %w", err)
	}
	return &Builtin{encoder: e}, nil
}

// Model implements [Embedder]. The name changes with the weights and with the
// way texts are prepared.
func (*Builtin) Model() string { return "use-lite-en-int8/1" }

// Dimensions implements [Embedder].
func (*Builtin) Dimensions() int { return encoder.Dimensions }

// Kernel names the instruction set in use: "scalar", "avx2" or "avx512".
func (b *Builtin) Kernel() string { return b.encoder.Kernel() }

// Encoder is the model behind it, for [encoder.Encoder.Classifier].
func (b *Builtin) Encoder() *encoder.Encoder { return b.encoder }

// Embed implements [Embedder]. Runs of white space count as one space. A text
// of more than 128 pieces, some 100 words, is read in windows whose vectors are
// averaged; a text without words has the vector of a space. Several texts are
// embedded in parallel, on as many processors as there are.
func (b *Builtin) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, text := range texts {
		all.Go(func() (err error) {
			if vectors[i], err = b.embed(ctx, text); err != nil {
				return fmt.Errorf("embedding text %d of %d: %w", i+1, len(texts), err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return vectors, nil
}

func (b *Builtin) embed(ctx context.Context, text string) ([]float32, error) {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		text = " "
	}
	tokens := b.encoder.Tokens(text)
	tokens = tokens[:min(len(tokens), encoder.MaxWindows*encoder.MaxTokens)]
	sum := make([]float32, encoder.Dimensions)
	for window := range slices.Chunk(tokens, encoder.MaxTokens) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vector, err := b.encoder.Encode(window)
		if err != nil {
			return nil, err
		}
		if len(window) == len(tokens) {
			return vector, nil
		}
		for i, v := range vector {
			sum[i] += v * float32(len(window))
		}
	}
	normalise(sum)
	return sum, nil
}

func normalise(vector []float32) {
	var squares float64
	for _, v := range vector {
		squares += float64(v) * float64(v)
	}
	length := float32(math.Sqrt(squares))
	for i := range vector {
		vector[i] /= length
	}
}
