package main

import (
	"context"
	"fmt"
	"os"

	"meai/activities/mirror"
	"meai/activities/mirror/evaluation"
	"meai/activities/mirror/statements"
	"meai/internal/embedding"
	"meai/internal/measure"
)

type evalCommand struct {
	Emotion evalEmotionCommand `cmd:"" help:"How well emotions are told."`
	Crisis  evalCrisisCommand  `cmd:"" help:"How many signs of danger are found, and how often without cause."`
	Kinds   evalKindsCommand   `cmd:"" help:"How well kinds of messages are told apart."`
	Needs   evalNeedsCommand   `cmd:"" help:"How well needs are found."`

	Safety        evalSafetyCommand        `cmd:"" help:"How much harm is rejected, and how often what only looks like it."`
	Truth         evalTruthCommand         `cmd:"" help:"How many misconceptions are flagged, and how often true texts."`
	Contradiction evalContradictionCommand `cmd:"" help:"How well contradictions of two sentences are told."`

	Memory   evalMemoryCommand   `cmd:"" help:"How much of what was told is found again."`
	Patterns evalPatternsCommand `cmd:"" help:"How many recurring patterns are found, and how many are alleged."`
}

func (evalCommand) Help() string {
	return `Measures Mirror and TruthFilter on labelled texts, with 95 % confidence intervals, without any engine (only memory needs them): nothing
is stored or sent. A file has a text and its label in each line, separated by a tab, and a first line that begins with "#" may name the columns; what safety and
truth read is CSV. Without --data, the held-out statements of the project are read, by which nothing was chosen.`
}

// evalFlags choose the texts.
type evalFlags struct {
	Data string `help:"Tab-separated file: text, label." type:"existingfile" placeholder:"FILE"`
}

func (f evalFlags) rows(name string) ([][]string, error) {
	if f.Data == "" {
		return statements.Read(statements.HeldOut, name)
	}
	rows, err := parseFile(f.Data, statements.Parse)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Data, err)
	}
	for i, row := range rows {
		if len(row) < 2 {
			return nil, fmt.Errorf("%s: row %d has no label", f.Data, i+1)
		}
	}
	return rows, nil
}

func (f evalFlags) evaluate(ctx context.Context, name string, with func(evaluation.Evaluator, context.Context, [][]string) (measure.Table, error)) error {
	rows, err := f.rows(name)
	if err != nil {
		return err
	}
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	analyzer, err := mirror.NewAnalyzer(encoder)
	if err != nil {
		return err
	}
	table, err := with(evaluation.Evaluator{Analyzer: analyzer, Embed: encoder.Embed}, ctx, rows)
	if err != nil {
		return err
	}
	return measure.Write(os.Stdout, table)
}

type evalEmotionCommand struct{ evalFlags }

func (evalEmotionCommand) Help() string {
	return `The labels say which vocabulary is meant: GoEmotions' 28 (names or numbers, several separated by commas), Ekman's seven, the four
sentiments, or MeAi's own, which may be followed by columns with secondary emotions and the intensity from 0 to 1.`
}

func (e evalEmotionCommand) Run(ctx context.Context) error {
	return e.evaluate(ctx, "emotions", evaluation.Evaluator.Emotion)
}

type evalCrisisCommand struct{ evalFlags }

func (evalCrisisCommand) Help() string {
	return `Labels are none, concern, implicit, explicit and imminent. A third column may tell ordinary statements ("ordinary") from hard ones
(any other word). What leads to the safe answer counts as detected; concern counts neither way.`
}

func (e evalCrisisCommand) Run(ctx context.Context) error {
	return e.evaluate(ctx, "crisis", evaluation.Evaluator.Crisis)
}

type evalKindsCommand struct{ evalFlags }

func (e evalKindsCommand) Run(ctx context.Context) error {
	return e.evaluate(ctx, "kinds", evaluation.Evaluator.Kinds)
}

type evalNeedsCommand struct{ evalFlags }

func (e evalNeedsCommand) Run(ctx context.Context) error {
	return e.evaluate(ctx, "needs", evaluation.Evaluator.Needs)
}
