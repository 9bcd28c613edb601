// Train-recall makes what recall has learned: the map of questions from pairs, and the
// weights of the ranking from the conversations of the people it may be tuned on.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"meai/activities/memory/evaluation"
	"meai/activities/memory/ranking/training"
	"meai/internal/embedding"
	"meai/internal/embedding/asking"
)

type cli struct {
	Pairs   string `help:"Folder of the pairs." default:"internal/embedding/asking/pairs" type:"existingdir"`
	Map     string `help:"Where the map goes." default:"internal/embedding/asking/map.bin" type:"path"`
	Weights string `help:"Where the weights go." default:"activities/memory/ranking/model.json" type:"path"`
	Only    string `help:"Only one of ${enum}." enum:"all,map,weights" default:"all"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("train-recall"), kong.Description("Makes what recall has learned from the project's pairs and conversations."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "train-recall:", err)
		os.Exit(1)
	}
}

func (c cli) run(ctx context.Context) error {
	e, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	begun := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%7s  %s\n", time.Since(begun).Round(time.Second), fmt.Sprintf(format, args...))
	}
	if c.Only != "weights" {
		if err := c.learnMap(ctx, e, say); err != nil {
			return fmt.Errorf("map: %w", err)
		}
	}
	if c.Only != "map" {
		if err := c.fitWeights(ctx, e, say); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
	}
	return nil
}

// heldOut is the share of the pairs by which the map is judged, before it is made of all.
const heldOut = 10

func (c cli) learnMap(ctx context.Context, e embedding.Embedder, say func(string, ...any)) error {
	pairs, err := asking.ReadPairs(os.DirFS(c.Pairs))
	if err != nil {
		return err
	}
	asked, err := asking.Embed(ctx, e, pairs)
	if err != nil {
		return err
	}
	say("%d pairs are embedded", len(pairs))
	var kept, held = asked[:0:0], asked[:0:0]
	for i, a := range asked {
		if i%heldOut == 0 {
			held = append(held, a)
		} else {
			kept = append(kept, a)
		}
	}
	quiet := func(int, float64) {}
	m, err := asking.Train(ctx, kept, quiet)
	if err != nil {
		return err
	}
	say("held out: mean reciprocal rank %.3f, without the map %.3f", asking.Ranks(m, held, asked), asking.Ranks(nil, held, asked))
	if m, err = asking.Train(ctx, asked, quiet); err != nil {
		return err
	}
	raw, err := m.Write()
	if err != nil {
		return err
	}
	say("%s: %d bytes", filepath.Base(c.Map), len(raw))
	return os.WriteFile(c.Map, raw, 0o644)
}

func (c cli) fitWeights(ctx context.Context, e embedding.Embedder, say func(string, ...any)) error {
	raw, err := os.ReadFile(c.Map)
	if err != nil {
		return err
	}
	m, err := asking.Read(raw)
	if err != nil {
		return err
	}
	people, err := evaluation.Own()
	if err != nil {
		return err
	}
	models, err := training.Fit(ctx, training.Examples{Embedder: e, Map: m}, people, say)
	if err != nil {
		return err
	}
	if raw, err = models.Write(); err != nil {
		return err
	}
	return os.WriteFile(c.Weights, raw, 0o644)
}
