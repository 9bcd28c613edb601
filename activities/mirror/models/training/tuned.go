package training

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/activities/mirror/crisis"
	"meai/activities/mirror/models"
	"meai/activities/mirror/statements"
	"meai/internal/embedding/encoder"
	"meai/internal/embedding/finetune"
)

// tuning is how the transformer is trained; chosen on the development statements.
var tuning = finetune.Options{
	Epochs: 3, Batch: 32, Rate: 3e-4, TokenRate: 1e-3, HeadRate: 1e-3, Decay: 0.01,
	Dropout: 0.1, HeadDropout: 0.2, WordDropout: 0.05, Seed: 1,
}

// concerned is how much a statement of concern, which may be met either way, counts as
// one of danger.
const concerned = 0.35

// taught is how many statements of danger, the first of their file, teach the transformer.
// Those after them were written when it had been trained; until it is trained again they
// teach the linear model alone, which takes a minute instead of an hour.
const taught = 41_365

// Tuned trains the embedding model's transformer on all statements at once: what one
// task teaches about people's words serves the others.
func (t *Trainer) Tuned(ctx context.Context) error {
	e, err := encoder.New()
	if err != nil {
		return err
	}
	examples, err := lessons(e)
	if err != nil {
		return err
	}
	o := tuning
	o.Labels, o.Weights = models.TunedLabels, labelWeights()
	begun := time.Now()
	o.Progress = func(step, steps int, loss float64) {
		left := time.Duration(float64(time.Since(begun)) / float64(step) * float64(steps-step))
		t.Progress(fmt.Sprintf("tuned: step %d of %d, loss %.6f, %v left", step, steps, loss, left.Round(time.Second)))
	}
	t.Progress(fmt.Sprintf("tuned: %d statements, %d labels", len(examples), len(models.TunedLabels)))
	file, err := finetune.Train(ctx, e, examples, o)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Folder, "tuned.bin"), file, 0o644); err != nil {
		return err
	}
	t.Progress(fmt.Sprintf("tuned: %d KiB written", len(file)>>10))
	return nil
}

// Blend calibrates what the linear model of GoEmotions and the transformer tell together,
// on the development half, which neither has seen. Both have to be in the folder.
func (t *Trainer) Blend(ctx context.Context) error {
	examples, err := GoEmotions("dev")
	if err != nil {
		return err
	}
	tuned, err := os.ReadFile(filepath.Join(t.Folder, "tuned.bin"))
	if err != nil {
		return err
	}
	m, err := models.Read(os.DirFS(t.Folder), tuned, "text", "emotions")
	if err != nil {
		return err
	}
	embedded, err := t.embed(ctx, "GoEmotions, development half", textsOf(examples))
	if err != nil {
		return err
	}
	linear, told := make([][]float32, len(examples)), make([]models.Told, len(examples))
	for i, e := range examples {
		_, linear[i] = m.EmotionScores(e.Text, embedded[i], nil)
		if told[i] = m.Tell(e.Text); told[i] == nil {
			return fmt.Errorf("text %d says nothing", i+1)
		}
	}
	return t.write("blend", models.Blend(linear, told, examples))
}

// labelWeights let a task count by the root of the number of its labels: one of many labels
// needs more teaching than one of few, though not in proportion.
func labelWeights() []float32 {
	size := map[string]float64{}
	for _, l := range models.TunedLabels {
		task, _, _ := strings.Cut(l, "/")
		size[task]++
	}
	weights := make([]float32, len(models.TunedLabels))
	for i, l := range models.TunedLabels {
		task, _, _ := strings.Cut(l, "/")
		weights[i] = float32(1 / math.Sqrt(size[task]))
	}
	return weights
}

// lessons are the training statements of all files and the training half of GoEmotions.
// Statements of other files are no danger, but that what they tell of despair or fear is
// left open, as it is of GoEmotions.
func lessons(e *encoder.Encoder) ([]finetune.Example, error) {
	var all []finetune.Example
	add := func(text string, tasks ...task) {
		targets := make([]float32, len(models.TunedLabels))
		for i := range targets {
			targets[i] = finetune.Unknown
		}
		for _, task := range tasks {
			task(func(label string, value float32) { targets[models.TunedAt(label)] = value })
		}
		spellings := [][]int32{e.Tokens(text)}
		if plain := e.Tokens(crisis.Plain(text)); len(plain) > 0 {
			spellings = append(spellings, plain)
		}
		all = append(all, finetune.Example{Spellings: spellings, Targets: targets})
	}
	for _, name := range []string{"crisis", "emotions", "needs", "kinds"} {
		rows, err := statements.Read(statements.Training, name)
		if err != nil {
			return nil, err
		}
		if name == "crisis" {
			rows = rows[:taught]
		}
		for _, row := range rows {
			text := row[0]
			switch name {
			case "crisis":
				add(text, danger(crisis.Severity(row[1]), row[2]))
				continue
			case "emotions":
				strength, err := strconv.ParseFloat(row[3], 32)
				if err != nil {
					return nil, err
				}
				add(text, harmless(row[1]+","+row[2]), feelings(row[1], row[2], float32(strength)))
			case "needs":
				add(text, harmless(""), several("need", row[1]))
			case "kinds":
				add(text, harmless(""), several("kind", row[1]))
			}
		}
	}
	emotions, err := GoEmotions("train")
	if err != nil {
		return nil, err
	}
	for _, g := range emotions {
		add(g.Text, comment(g.Labels))
	}
	slices.SortStableFunc(all, func(a, b finetune.Example) int { return slices.Compare(a.Spellings[0], b.Spellings[0]) })
	return all, nil
}

type task = func(target func(label string, value float32))

// comment sets the labels of a text of GoEmotions and their groups, by their places.
func comment(labels []int) task {
	return func(target func(string, float32)) {
		for i, name := range models.Outputs() {
			target("goemotions/"+name, truth(slices.Contains(labels, i)))
		}
	}
}

// several sets the labels of a task that a column names.
func several(prefix, column string) task {
	return func(target func(string, float32)) {
		for _, l := range models.TunedLabels {
			if name, of := strings.CutPrefix(l, prefix+"/"); of {
				target(l, truth(slices.Contains(strings.FieldsFunc(column, separator), name)))
			}
		}
	}
}

func separator(r rune) bool { return r == ',' || r == '/' }

func feelings(primary, secondary string, strength float32) task {
	return func(target func(string, float32)) {
		several("first", primary)(target)
		several("present", primary+","+secondary)(target)
		target("intensity", strength)
	}
}

func danger(severity crisis.Severity, kind string) task {
	return func(target func(string, float32)) {
		level := slices.Index(crisis.Severities(), severity)
		for i, l := range []string{"concern", "danger", "grave", "imminent"} {
			target("crisis/"+l, truth(level > i))
		}
		if severity == crisis.Concern {
			target("crisis/danger", concerned)
		}
		for _, l := range models.TunedLabels {
			if name, of := strings.CutPrefix(l, "danger/"); of {
				target(l, truth(level >= 2 && name == kind))
			}
		}
	}
}

// harmless says so of a statement that was written for another purpose, unless there is a
// feeling in it that can come of danger.
func harmless(emotions string) task {
	for f := range strings.FieldsFuncSeq(emotions, separator) {
		if f == "despair" || f == "fear" {
			return func(func(string, float32)) {}
		}
	}
	return danger(crisis.None, "")
}

func truth(yes bool) float32 {
	if yes {
		return 1
	}
	return 0
}
