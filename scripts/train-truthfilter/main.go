// Train-truthfilter makes TruthFilter's models from the statements in the repository.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"meai/activities/truthfilter/models/training"
)

type cli struct {
	Out  string `help:"Folder of the models." default:"activities/truthfilter/models/data" type:"path"`
	Only string `help:"Only one of ${enum}." enum:"all,unsafe,false,tuned,compared-pairs,compared-all" default:"all"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("train-truthfilter"), kong.Description("Makes TruthFilter's models from the project's statements."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "train-truthfilter:", err)
		os.Exit(1)
	}
}

func (c cli) run(ctx context.Context) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	begun := time.Now()
	t := &training.Trainer{
		Folder:   c.Out,
		Progress: func(what string) { fmt.Printf("%7s  %s\n", time.Since(begun).Round(time.Second), what) },
	}
	for _, model := range []struct {
		name string
		make func(context.Context) error
	}{{"unsafe", t.Unsafe}, {"false", t.False}, {"tuned", t.Tuned}, {"compared-pairs", t.ComparedPairs}, {"compared-all", t.ComparedAll}} {
		if c.Only != "all" && c.Only != model.name {
			continue
		}
		if err := model.make(ctx); err != nil {
			return fmt.Errorf("%s: %w", model.name, err)
		}
	}
	return nil
}
