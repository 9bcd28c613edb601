package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"meai/activities/memory"
	"meai/activities/memory/evaluation"
)

type evalMemoryCommand struct {
	Data string `help:"Folder of conversations, NAME.turns.jsonl and NAME.questions.jsonl; the project's own when left out." type:"existingdir" placeholder:"DIR"`
	Page string `help:"Write what was found as a page of documentation, too." placeholder:"FILE"`
}

func (evalMemoryCommand) Help() string {
	return `Has invented people tell the conversations to the engines that the configuration names, asks the questions, and prints how much of
the evidence came back beside plain BM25. Afterwards their keys are destroyed: rows stay, and can't be read any more. Use engines for trying
things out. docs/evaluation/memory-format.md documents the files.`
}

func (e evalMemoryCommand) Run(ctx context.Context, c *cli) (err error) {
	conversations, err := e.conversations()
	if err != nil {
		return err
	}
	p, err := open(ctx, c, "meai-eval")
	if err != nil {
		return err
	}
	defer p.close(&err)
	engines, err := p.memory(ctx)
	if err != nil {
		return err
	}
	plain, own := make([]evaluation.Finder, len(conversations)), make([]evaluation.Finder, len(conversations))
	for i, one := range conversations {
		plain[i] = evaluation.NewBM25(one)
		person, told := engines.Tell(ctx, one, func(turns int) { progress(os.Stderr, one.Name, turns, len(one.Turns)) })
		defer func() { err = errors.Join(err, person.Forget(context.WithoutCancel(ctx))) }()
		if told != nil {
			return told
		}
		own[i] = person
	}
	var reports []evaluation.Report
	for _, by := range []struct {
		name    string
		finders []evaluation.Finder
	}{{"BM25", plain}, {"MeAi", own}} {
		report, err := evaluation.Measure(ctx, by.name, conversations, by.finders)
		if err != nil {
			return err
		}
		reports = append(reports, report)
	}
	if err := evaluation.Write(os.Stdout, reports...); err != nil || e.Page == "" {
		return err
	}
	return os.WriteFile(e.Page, evaluation.Page(reports...), 0o600)
}

func (e evalMemoryCommand) conversations() ([]evaluation.Conversation, error) {
	if e.Data == "" {
		return evaluation.Own()
	}
	conversations, err := evaluation.Read(os.DirFS(e.Data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Data, err)
	}
	return conversations, nil
}

// memory is what remembering takes, without the workers.
func (p *parts) memory(ctx context.Context) (evaluation.Engines, error) {
	db, err := p.database(ctx)
	if err != nil {
		return evaluation.Engines{}, err
	}
	index, err := p.vectors(ctx)
	if err != nil {
		return evaluation.Engines{}, err
	}
	embedder, err := p.embedder()
	if err != nil {
		return evaluation.Engines{}, err
	}
	if err := index.EnsureClass(ctx); err != nil {
		return evaluation.Engines{}, err
	}
	return evaluation.Engines{DB: db, Keys: p.keys, Index: index, Memory: memory.New(memory.Options{
		DB: db, Keyring: p.keys, Vectors: index, Embedder: embedder, Logger: p.telemetry.Logger,
	})}, nil
}

// progress rewrites one line.
func progress(out io.Writer, name string, done, of int) {
	end := ""
	if done == of {
		end = "\n"
	}
	_, _ = fmt.Fprintf(out, "\r%s: %d of %d turns%s", name, done, of, end) // a terminal that is gone stops nothing
}
