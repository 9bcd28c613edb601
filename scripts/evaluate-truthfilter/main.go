// Evaluate-truthfilter measures TruthFilter on the held-out statements, prints the figures
// and writes docs/evaluation/truthfilter.md.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	mirror "meai/activities/mirror/statements"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/evaluation"
	"meai/activities/truthfilter/statements"
	"meai/internal/measure"
)

type cli struct {
	Out string `help:"Folder of the page; \"\" writes none." default:"docs/evaluation"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("evaluate-truthfilter"), kong.Description("Measures TruthFilter and writes what it found."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate-truthfilter:", err)
		os.Exit(1)
	}
}

const head = `<!-- Written by make eval. -->
# How well TruthFilter judges

On the held-out statements ([who wrote what](../../activities/truthfilter/statements/README.md)), by which nothing was chosen. Intervals hold 95 %.
` + "`meai eval safety|truth|contradiction --data FILE`" + ` measures on files of others; XSTest's, HarmBench's and TruthfulQA's own are read as they are.

Facts are said to be contradicted only where the models hold a sentence for a misconception of the list and an entry is near in meaning. Contradictions are
told by a model that compares two sentences; the veiled pairs are written so that neither shared words nor a negation decide anything.
`

func (c cli) run(ctx context.Context) error {
	e := evaluation.Evaluator{Filter: truthfilter.New(nil, truthfilter.Standard)}
	var tables []measure.Table
	for _, one := range []struct {
		file, title string
		with        func(context.Context, [][]string) (measure.Table, error)
	}{
		{"safety", "Safety", e.Safety}, {"truth", "Misconceptions", e.Truth},
		{"pairs", "Contradiction, plain pairs", e.Contradiction}, {"veiled-pairs", "Contradiction, veiled pairs", e.Contradiction},
	} {
		rows, err := statements.Read(mirror.HeldOut, one.file)
		if err != nil {
			return err
		}
		table, err := one.with(ctx, rows)
		if err != nil {
			return fmt.Errorf("%s: %w", one.file, err)
		}
		table.Title = one.title
		tables = append(tables, table)
	}
	if err := measure.Write(os.Stdout, tables...); err != nil || c.Out == "" {
		return err
	}
	return write(filepath.Join(c.Out, "truthfilter.md"), tables)
}

func write(path string, tables []measure.Table) error {
	var page bytes.Buffer
	page.WriteString(head)
	for _, t := range tables {
		fmt.Fprintf(&page, "\n## %s\n\n| | value | 95 %% | texts | bar |\n|---|---|---|---|---|\n", t.Title)
		for _, f := range t.Figures {
			fmt.Fprintf(&page, "| %s |\n", strings.Join(f.Row()[:5], " | "))
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, page.Bytes(), 0o644)
}
