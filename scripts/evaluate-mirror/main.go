// Evaluate-mirror measures Mirror on the held-out statements and on GoEmotions'
// development half, prints the figures and writes docs/evaluation/mirror.md with its
// pictures.
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

	"meai/activities/mirror"
	"meai/activities/mirror/evaluation"
	"meai/activities/mirror/models/training"
	"meai/activities/mirror/statements"
	"meai/internal/embedding"
	"meai/internal/measure"
)

type cli struct {
	Out string `help:"Folder of the page and its pictures; \"\" writes none." default:"docs/evaluation"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("evaluate-mirror"), kong.Description("Measures Mirror and writes what it found."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate-mirror:", err)
		os.Exit(1)
	}
}

func (c cli) run(ctx context.Context) error {
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	analyzer, err := mirror.NewAnalyzer(encoder)
	if err != nil {
		return err
	}
	tables, err := evaluate(ctx, evaluation.Evaluator{Analyzer: analyzer, Embed: encoder.Embed, CalibratedOnThese: true})
	if err != nil {
		return err
	}
	var printed bytes.Buffer
	if err := measure.Write(&printed, tables...); err != nil {
		return err
	}
	fmt.Print(printed.String())
	if c.Out == "" {
		return nil
	}
	return c.write(tables, encoder.Kernel())
}

func evaluate(ctx context.Context, e evaluation.Evaluator) ([]measure.Table, error) {
	dev, err := training.GoEmotions("dev")
	if err != nil {
		return nil, err
	}
	emotions, err := e.GoEmotions(ctx, dev)
	if err != nil {
		return nil, err
	}
	tables := []measure.Table{emotions}
	for _, one := range []struct {
		file string
		with func(context.Context, [][]string) (measure.Table, error)
	}{{"emotions", e.Feelings}, {"crisis", e.Crisis}, {"kinds", e.Kinds}, {"needs", e.Needs}} {
		rows, err := statements.Read(statements.HeldOut, one.file)
		if err != nil {
			return nil, err
		}
		table, err := one.with(ctx, rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.file, err)
		}
		tables = append(tables, table)
	}
	return tables, nil
}

const head = `<!-- Written by make eval. -->
# How well Mirror reads

%s of the embedding model; the figures of time are of the machine that ran this. Intervals hold 95 %%: Wilson's for shares, resampled texts for F1.

GoEmotions is measured on its development half, by which the weights of models and features were chosen, each half of it with thresholds from the other. Its
test half is not in the repository: ` + "`meai eval emotion --data test.tsv`" + ` measures on it. All else is measured on the held-out statements
([who wrote what](../../activities/mirror/statements/README.md)), which authors wrote who had seen none of the others'.
`

func (c cli) write(tables []measure.Table, kernel string) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, head, "With the "+kernel+" kernel")
	for i, t := range tables {
		fmt.Fprintf(&page, "\n## %s\n\n| | value | 95 %% | texts | bar | published |\n|---|---|---|---|---|---|\n", t.Title)
		for _, f := range t.Figures {
			fmt.Fprintf(&page, "| %s |\n", strings.Join(f.Row(), " | "))
		}
		name := fmt.Sprintf("mirror-%d", i+1)
		if len(t.Bins) > 0 {
			if err := c.picture(&page, name+"-calibration.svg", "Calibration: what was given a probability, and how often it was right", calibration(t.Bins)); err != nil {
				return err
			}
		}
		if len(t.Labels) > 2 {
			if err := c.picture(&page, name+"-confusion.svg", "What (rows) was taken for what (columns)", confusion(t.Labels, t.Confusion)); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(c.Out, "mirror.md"), page.Bytes(), 0o644)
}

func (c cli) picture(page *bytes.Buffer, name, caption, svg string) error {
	fmt.Fprintf(page, "\n![%s](%s)\n", caption, name)
	return os.WriteFile(filepath.Join(c.Out, name), []byte(svg), 0o644)
}
