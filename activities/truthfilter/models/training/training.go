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
	"meai/activities/truthfilter/misconceptions"
	"meai/activities/truthfilter/models"
	"meai/activities/truthfilter/statements"
	"meai/internal/classify"
	"meai/internal/embedding"
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

// ComparedPairs trains the embedding model's transformer on most of the pairs to tell how two
// sentences relate.
func (t *Trainer) ComparedPairs(ctx context.Context) error {
	e, err := encoder.New()
	if err != nil {
		return err
	}
	rows, err := statements.Read(mirror.Training, "pairs")
	if err != nil {
		return err
	}
	return t.compared(ctx, "compared-pairs", e, rows)
}

// ComparedAll does so on all pairs, and on the statements about misconceptions.
func (t *Trainer) ComparedAll(ctx context.Context) error {
	e, err := encoder.New()
	if err != nil {
		return err
	}
	rows, err := pairs(e)
	if err != nil {
		return err
	}
	return t.compared(ctx, "compared-all", e, rows)
}

func (t *Trainer) compared(ctx context.Context, name string, e *encoder.Encoder, rows [][]string) error {
	var pairs []finetune.Pair
	for _, row := range rows {
		pairs = append(pairs, finetune.Pair{First: e.Tokens(row[0]), Then: e.Tokens(row[1]), Relation: slices.Index(models.Relations, row[2])})
	}
	o := comparing
	o.Labels, o.Weights = models.Relations, []float32{1, 1, 1}
	o.Progress = t.steps(name)
	t.Progress(fmt.Sprintf("%s: %d pairs", name, len(pairs)))
	file, err := finetune.TrainComparer(ctx, e, pairs, o)
	if err != nil {
		return err
	}
	return t.write(name+".bin", file)
}

// pairs are those of the statements, and every statement about a misconception with a claim
// of the list: its own entry's, and one in [neighbours] of them with that of the entry most
// like it, which says nothing of it.
func pairs(e *encoder.Encoder) ([][]string, error) {
	var all [][]string
	for _, name := range []string{"pairs", "more-pairs"} {
		rows, err := statements.Read(mirror.Training, name)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	truth, err := statements.Read(mirror.Training, "truth")
	if err != nil {
		return nil, err
	}
	near, err := mostAlike(e, misconceptions.List)
	if err != nil {
		return nil, err
	}
	relations := map[string]string{"false": "entailment", "true": "contradiction"}
	for i, row := range truth {
		claims := misconceptions.List[near[row[2]].at].Claims
		all = append(all, []string{claims[i%len(claims)], row[0], relations[row[1]]})
		if i%neighbours == 0 {
			claims = misconceptions.List[near[row[2]].neighbour].Claims
			all = append(all, []string{claims[i%len(claims)], row[0], "neutral"})
		}
	}
	return all, nil
}

const neighbours = 3

// place is where an entry of the list stands, and the entry that is most like it.
type place struct{ at, neighbour int }

// mostAlike finds for each entry, by its id, the one whose first claim is nearest in meaning.
func mostAlike(e *encoder.Encoder, list misconceptions.Entries) (map[string]place, error) {
	vectors := make([][]float32, len(list))
	for i, entry := range list {
		var err error
		if vectors[i], err = e.Encode(e.Tokens(entry.Claims[0])); err != nil {
			return nil, fmt.Errorf("read claim %s: %w", entry.ID, err)
		}
	}
	places := map[string]place{}
	for i, entry := range list {
		nearest, most := 0, -1.0
		for j := range list {
			if cosine := embedding.Cosine(vectors[i], vectors[j]); j != i && cosine > most {
				nearest, most = j, cosine
			}
		}
		places[entry.ID] = place{i, nearest}
	}
	return places, nil
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
