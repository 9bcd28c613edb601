// Train-crisis makes the model of activities/mirror/crisis from the project's
// statements, the same bytes each time, by the encoder's scalar kernel:
//
//	GOEXPERIMENT= go run ./scripts/train-crisis
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"meai/activities/mirror/crisis"
	"meai/internal/embedding"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "train-crisis:", err)
		os.Exit(1)
	}
}

func run() error {
	const mirror = "activities/mirror"
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return err
	}
	if encoder.Kernel() != "scalar" {
		return fmt.Errorf("the %s kernel is in use, whose sums differ: build with GOEXPERIMENT=", encoder.Kernel())
	}
	known := map[string][]float32{}
	embed := func(texts ...string) ([][]float32, error) {
		vectors := make([][]float32, len(texts))
		for i, t := range texts {
			if known[t] == nil {
				v, err := encoder.Embed(context.Background(), t)
				if err != nil {
					return nil, err
				}
				known[t] = v[0]
			}
			vectors[i] = known[t]
		}
		return vectors, nil
	}
	training, err := read(filepath.Join(mirror, "statements", "training", "crisis.tsv"))
	if err != nil {
		return err
	}
	m, err := crisis.Train(training, embed)
	if err != nil {
		return err
	}
	file, err := m.File()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(mirror, "crisis", "model.zst"), file, 0o644); err != nil {
		return err
	}
	fmt.Printf("wrote %d bytes\n", len(file))

	validated, err := crisis.CrossValidated(training, embed)
	if err != nil {
		return err
	}
	at := 0
	report("training, rules", training, crisis.Assess)
	report("training, rules and model, cross-validated", training, func(string) crisis.Assessment { at++; return validated[at-1] })
	development, err := read(filepath.Join(mirror, "statements", "development", "crisis.tsv"))
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
	return nil
}

func read(path string) ([]crisis.Statement, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return crisis.ReadStatements(f)
}

func report(name string, statements []crisis.Statement, assess func(string) crisis.Assessment) {
	fmt.Printf("\n%s\n%v", name, crisis.Evaluate(statements, assess))
}
