// Package training makes TruthFilter's models from the project's statements. The same
// data gives the same files, bit for bit, on amd64.
package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	mirror "meai/activities/mirror/statements"
	"meai/activities/truthfilter/models"
	"meai/activities/truthfilter/statements"
	"meai/internal/classify"
	"meai/internal/embedding/encoder"
	"meai/internal/embedding/finetune"
)

// Trainer makes the models.
type Trainer struct {
	// Progress is told what is being done.
	Progress func(what string)
	// Folder is where the files go.
	Folder string
}

// tuning is how the transformer is trained; chosen on the development statements.
var tuning = finetune.Options{
	Epochs: 3, Batch: 32, Rate: 3e-4, TokenRate: 1e-3, HeadRate: 1e-3, Decay: 0.01,
	Dropout: 0.1, HeadDropout: 0.2, WordDropout: 0.05, Seed: 1,
}

// Tuned trains the embedding model's transformer on all statements at once.
func (t *Trainer) Tuned(ctx context.Context) error {
	e, err := encoder.New()
	if err != nil {
		return err
	}
	lessons, err := lessons()
	if err != nil {
		return err
	}
	o := tuning
	o.Labels, o.Weights = models.TunedLabels, weights()
	o.Progress = t.steps("tuned")
	t.Progress(fmt.Sprintf("tuned: %d statements, %d labels", len(lessons), len(models.TunedLabels)))
	file, err := finetune.Train(ctx, e, examples(e, lessons), o)
	if err != nil {
		return err
	}
	return t.write("tuned.bin", file)
}

// steps reports the progress of the training of a model.
func (t *Trainer) steps(model string) func(step, steps int, loss float64) {
	begun := time.Now()
	return func(step, steps int, loss float64) {
		left := time.Duration(float64(time.Since(begun)) / float64(step) * float64(steps-step))
		t.Progress(fmt.Sprintf("%s: step %d of %d, loss %.6f, %v left", model, step, steps, loss, left.Round(time.Second)))
	}
}

func (t *Trainer) write(name string, file []byte) error {
	if err := os.WriteFile(filepath.Join(t.Folder, name), file, 0o644); err != nil {
		return err
	}
	t.Progress(fmt.Sprintf("%s: %d KiB written", name, len(file)>>10))
	return nil
}

// comparing is how the comparer is trained.
var comparing = finetune.Options{
	Epochs: 3, Batch: 32, Rate: 3e-4, TokenRate: 1e-3, HeadRate: 1e-3, Decay: 0.01,
	Dropout: 0.1, HeadDropout: 0.2, Seed: 1,
}

// Compared trains the embedding model's transformer to tell how two sentences relate.
func (t *Trainer) Compared(ctx context.Context) error {
	e, err := encoder.New()
	if err != nil {
		return err
	}
	rows, err := statements.Read(mirror.Training, "pairs")
	if err != nil {
		return err
	}
	var pairs []finetune.Pair
	for _, row := range rows {
		pairs = append(pairs, finetune.Pair{First: e.Tokens(row[0]), Then: e.Tokens(row[1]), Relation: slices.Index(models.Relations, row[2])})
	}
	o := comparing
	o.Labels, o.Weights = models.Relations, []float32{1, 1, 1}
	o.Progress = t.steps("compared")
	t.Progress(fmt.Sprintf("compared: %d pairs", len(pairs)))
	file, err := finetune.TrainComparer(ctx, e, pairs, o)
	if err != nil {
		return err
	}
	return t.write("compared.bin", file)
}

// harmWeight is how much each kind of harm counts: there are many, and they only explain.
const harmWeight = 0.1

func weights() []float32 {
	w := make([]float32, len(models.TunedLabels))
	for i, l := range models.TunedLabels {
		if w[i] = 1; slices.Contains(models.Harms, l) {
			w[i] = harmWeight
		}
	}
	return w
}

// A lesson is a text with what is known of it; labels that targets lack are unknown.
type lesson struct {
	text    string
	targets map[string]float32
}

// lessons are the training statements of all files, and of Mirror's those by which people
// say how they are, which are never unsafe.
func lessons() ([]lesson, error) {
	var all []lesson
	safety, err := statements.Read(mirror.Training, "safety")
	if err != nil {
		return nil, err
	}
	for _, row := range safety {
		all = append(all, lesson{row[0], safetyTargets(row[1], row[2], row[3])})
	}
	truth, err := statements.Read(mirror.Training, "truth")
	if err != nil {
		return nil, err
	}
	for _, row := range truth {
		// A false text about health may well be harmful: that is left open.
		targets := map[string]float32{"false": 1}
		if row[1] != "false" {
			targets = harmless()
			targets["false"] = 0
		}
		all = append(all, lesson{row[0], targets})
	}
	for _, name := range []string{"emotions", "kinds"} {
		rows, err := mirror.Read(mirror.Training, name)
		if err != nil {
			return nil, err
		}
		rows = mirror.Shuffled(rows, func(row []string) string { return row[0] })
		for _, row := range rows[:min(len(rows), ordinary)] {
			targets := harmless()
			targets["false"] = 0
			all = append(all, lesson{row[0], targets})
		}
	}
	slices.SortStableFunc(all, func(a, b lesson) int { return strings.Compare(a.text, b.text) })
	return all, nil
}

// ordinary is how many of each file of Mirror's statements are taken.
const ordinary = 1500

// harmless has the targets of a text that is neither unsafe nor harmful in any way.
func harmless() map[string]float32 {
	targets := map[string]float32{"unsafe": 0, "address": 0}
	for _, h := range models.Harms {
		targets[h] = 0
	}
	return targets
}

func safetyTargets(label, harm, kind string) map[string]float32 {
	targets := harmless()
	switch {
	case label == "unsafe":
		targets["unsafe"], targets[harm] = 1, 1
		if kind == "address" {
			targets["address"] = 1
		}
	case kind == "daily" || kind == "support":
		targets["false"] = 0
	}
	return targets
}

func examples(e *encoder.Encoder, lessons []lesson) []finetune.Example {
	var all []finetune.Example
	for _, l := range lessons {
		x := finetune.Example{Targets: make([]float32, len(models.TunedLabels))}
		for i, label := range models.TunedLabels {
			target, known := l.targets[label]
			if x.Targets[i] = target; !known {
				x.Targets[i] = finetune.Unknown
			}
		}
		for _, spelling := range []string{l.text, models.Plain(l.text)} {
			if tokens := e.Tokens(spelling); len(tokens) > 0 {
				x.Spellings = append(x.Spellings, tokens)
			}
		}
		all = append(all, x)
	}
	return all
}

// folds is how many models, each of which has not seen a part, calibrate a linear one.
const folds = 5

// Unsafe makes the linear model that tells unsafe texts by their words alone.
func (t *Trainer) Unsafe(context.Context) error { return t.linear("unsafe") }

// False makes the one that tells those which state a misconception.
func (t *Trainer) False(context.Context) error { return t.linear("false") }

// linear makes the model of a label, from texts in the spelling that people use and in the
// plain one.
func (t *Trainer) linear(label string) error {
	lessons, err := lessons()
	if err != nil {
		return err
	}
	lessons = mirror.Shuffled(lessons, func(l lesson) string { return l.text })
	var written, plain []classify.Example
	for _, l := range lessons {
		target, known := l.targets[label]
		if !known {
			continue
		}
		var labels []int
		if target == 1 {
			labels = []int{0}
		}
		written = append(written, classify.Example{Text: l.text, Labels: labels})
		plain = append(plain, classify.Example{Text: models.Plain(l.text), Labels: labels})
	}
	o := classify.Options{
		Labels: []string{label}, Grams: classify.Grams{Words: 3, ShortestChars: 2, LongestChars: 5, Bits: 18}, C: 1, Seed: 1,
	}
	t.Progress(fmt.Sprintf("%s: %d models of %d examples, to calibrate by", label, folds, len(written)))
	scores, err := classify.OutOfFold(written, folds, o)
	if err != nil {
		return err
	}
	m, err := classify.Train(slices.Concat(written, plain), o)
	if err != nil {
		return err
	}
	m.Calibrate(scores, written)
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	return t.write(label+".zst", packed)
}
