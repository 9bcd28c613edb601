// Train-mirror makes Mirror's models from the data in the repository.
//
// What the embedding model says of a text is kept in the cache folder, so that a second
// run is quick.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"meai/activities/mirror/models/training"
	"meai/internal/embedding"
)

type cli struct {
	Out   string `help:"Folder of the models." default:"activities/mirror/models/data" type:"path"`
	Cache string `help:"Folder for embeddings that were computed before." default:".local/train" type:"path"`
	Only  string `help:"Only one of ${enum}; blend reads what emotions and tuned made." enum:"all,emotions,feelings,intensity,kinds,needs,hazard,tuned,blend" default:"all"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("train-mirror"), kong.Description("Makes Mirror's models from GoEmotions and from the project's statements."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "train-mirror:", err)
		os.Exit(1)
	}
}

func (c cli) run(ctx context.Context) error {
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(c.Cache, 0o755), os.MkdirAll(c.Out, 0o755)); err != nil {
		return err
	}
	begun := time.Now()
	t := &training.Trainer{
		Embedder: cache{encoder, c.Cache}, Folder: c.Out,
		Progress: func(what string) { fmt.Printf("%7s  %s\n", time.Since(begun).Round(time.Second), what) },
	}
	t.Progress("embedding by the " + encoder.Kernel() + " kernel")
	for _, model := range []struct {
		name string
		make func(context.Context) error
	}{
		{"emotions", t.Emotions}, {"feelings", t.Feelings}, {"intensity", t.Intensity}, {"kinds", t.Kinds}, {"needs", t.Needs}, {"hazard", t.Hazard}, {"tuned", t.Tuned}, {"blend", t.Blend},
	} {
		if c.Only != "all" && c.Only != model.name {
			continue
		}
		if err := model.make(ctx); err != nil {
			return fmt.Errorf("%s: %w", model.name, err)
		}
	}
	return nil
}

// cache keeps the vectors of each batch of texts in a file.
type cache struct {
	*embedding.Builtin
	folder string
}

func (c cache) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	path := c.path(texts)
	raw, err := os.ReadFile(path)
	size := c.Dimensions()
	if err == nil && len(raw) == 4*size*len(texts) {
		return decode(raw, size), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	vectors, err := c.Builtin.Embed(ctx, texts...)
	if err != nil {
		return nil, err
	}
	raw = nil
	for _, v := range vectors {
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	return vectors, os.WriteFile(path, raw, 0o644)
}

func (c cache) path(texts []string) string {
	h := sha256.New()
	h.Write(fmt.Appendln(nil, c.Model()))
	for _, t := range texts {
		h.Write(fmt.Appendf(nil, "%d %s\n", len(t), t))
	}
	return filepath.Join(c.folder, fmt.Sprintf("%x", h.Sum(nil)[:12]))
}

func decode(raw []byte, size int) [][]float32 {
	var vectors [][]float32
	for ; len(raw) > 0; raw = raw[4*size:] {
		v := make([]float32, size)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		vectors = append(vectors, v)
	}
	return vectors
}
