// Train-crisis makes the model of activities/mirror/crisis from the project's
// statements, the same bytes each time, by the encoder's scalar kernel:
//
//	GOEXPERIMENT= go run ./scripts/train-crisis
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"meai/activities/mirror/crisis"
	"meai/activities/mirror/statements"
	"meai/internal/embedding"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "train-crisis:", err)
		os.Exit(1)
	}
}

func run() error {
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	if encoder.Kernel() != "scalar" {
		return fmt.Errorf("the %s kernel is in use, whose sums differ: build with GOEXPERIMENT=", encoder.Kernel())
	}
	known := map[string][]float32{}
	embed := func(texts ...string) ([][]float32, error) {
		missing := slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return known[t] != nil })
		vectors, err := encoder.Embed(context.Background(), missing...)
		if err != nil {
			return nil, err
		}
		for i, t := range missing {
			known[t] = vectors[i]
		}
		all := make([][]float32, len(texts))
		for i, t := range texts {
			all[i] = known[t]
		}
		return all, nil
	}
	training, err := read(statements.Training)
	if err != nil {
		return err
	}
	taught, unseen, err := others()
	if err != nil {
		return err
	}
	m, err := crisis.Train(slices.Concat(training, taught), embed)
	if err != nil {
		return err
	}
	file, err := m.File()
	if err != nil {
		return err
	}
	if err := os.WriteFile("activities/mirror/crisis/model.zst", file, 0o644); err != nil {
		return err
	}
	fmt.Printf("wrote %d bytes\n", len(file))

	validated, err := crisis.CrossValidated(slices.Concat(training, taught), embed)
	if err != nil {
		return err
	}
	at := 0
	report("training, rules", training, crisis.Assess)
	report("training, rules and model, cross-validated", training, func(string) crisis.Assessment { at++; return validated[at-1] })
	development, err := read(statements.Development)
	if err != nil {
		return err
	}
	both := func(text string) crisis.Assessment {
		v, err := embed(text)
		if err != nil {
			return crisis.Assess(text)
		}
		return m.Raise(crisis.Assess(text), text, v[0])
	}
	alone := func(text string) crisis.Assessment {
		v, err := embed(text)
		if err != nil {
			return crisis.Assessment{}
		}
		return m.Raise(crisis.Assessment{Severity: crisis.None}, text, v[0])
	}
	report("development, rules", development, crisis.Assess)
	report("development, model alone", development, alone)
	report("development, rules and model", development, both)
	report("other statements that were not taught, rules and model", unseen, both)
	return nil
}

const (
	// everyOther of the other statements is taught: all of them would outweigh those of
	// danger. unseenOther of the rest is measured.
	everyOther, unseenOther = 12, 40
)

// others are statements that were written for other purposes: without danger, but for
// those of despair and those where a rule sees a sign, which are left out.
func others() (taught, unseen []crisis.Statement, err error) {
	n := 0
	for _, name := range []string{"emotions", "needs", "kinds"} {
		rows, err := statements.Read(statements.Training, name)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range rows {
			text, label := row[0], row[1]
			if strings.HasPrefix(label, "despair") || crisis.Assess(text).Severity != crisis.None {
				continue
			}
			s := crisis.Statement{Text: text, Severity: crisis.None, Kind: crisis.Other}
			switch n++; {
			case n%everyOther == 0:
				taught = append(taught, s)
			case n%unseenOther == 1:
				unseen = append(unseen, s)
			}
		}
	}
	return taught, unseen, nil
}

func read(half statements.Half) ([]crisis.Statement, error) {
	rows, err := statements.Read(half, "crisis")
	if err != nil {
		return nil, err
	}
	return crisis.Statements(rows)
}

func report(name string, all []crisis.Statement, assess func(string) crisis.Assessment) {
	fmt.Printf("\n%s\n%v", name, crisis.Evaluate(all, assess))
}
