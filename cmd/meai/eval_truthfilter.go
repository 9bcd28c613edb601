package main

import (
	"context"
	"fmt"
	"io"
	"os"

	mirror "meai/activities/mirror/statements"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/evaluation"
	"meai/activities/truthfilter/statements"
	"meai/internal/measure"
)

type evalSafetyCommand struct {
	Data string `help:"CSV file with a header: text (or prompt, Behavior, goal), perhaps label and type." type:"existingfile" placeholder:"FILE"`
}

func (evalSafetyCommand) Help() string {
	return `Labels are safe and unsafe; without that column everything is taken to be unsafe. XSTest's prompts.csv and HarmBench's behaviors.csv are
read as they are. Rejected is what falls below the safety threshold of the built-in policy, as a resource or a request would.`
}

func (c evalSafetyCommand) Run(ctx context.Context) error {
	return evaluateFilter(ctx, c.Data, "safety", evaluation.ReadSafety, evaluation.Evaluator.Safety)
}

type evalTruthCommand struct {
	Data string `help:"CSV file with a header: text (or answer) and label, or TruthfulQA's own." type:"existingfile" placeholder:"FILE"`
}

func (evalTruthCommand) Help() string {
	return `Labels are true and false. Flagged is what states a misconception of the list, with its source; TruthFilter checks no facts beyond it, so
of false texts that are on no list few are flagged.`
}

func (c evalTruthCommand) Run(ctx context.Context) error {
	return evaluateFilter(ctx, c.Data, "truth", evaluation.ReadTruth, evaluation.Evaluator.Truth)
}

type evalContradictionCommand struct {
	Data string `help:"Tab-separated file: what was said first, what is said then, label." type:"existingfile" placeholder:"FILE"`
}

func (evalContradictionCommand) Help() string {
	return `Labels are contradiction, entailment and neutral. The second sentence may say "you" of the person who said the first.`
}

func (c evalContradictionCommand) Run(ctx context.Context) error {
	return evaluateFilter(ctx, c.Data, "pairs", mirror.Parse, evaluation.Evaluator.Contradiction)
}

// evaluateFilter measures TruthFilter on a file, or on the held-out statements of that name.
func evaluateFilter(ctx context.Context, path, name string, parse func(io.Reader) ([][]string, error),
	with func(evaluation.Evaluator, context.Context, [][]string) (measure.Table, error),
) error {
	rows, err := statements.Read(mirror.HeldOut, name)
	if path != "" {
		if rows, err = parseFile(path, parse); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return err
	}
	table, err := with(evaluation.Evaluator{Filter: truthfilter.New(nil, truthfilter.Standard)}, ctx, rows)
	if err != nil {
		return err
	}
	return measure.Write(os.Stdout, table)
}

func parseFile(path string, parse func(io.Reader) ([][]string, error)) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parse(file)
}
