// Package training makes Mirror's models from GoEmotions and from the project's
// statements. The same data gives the same files, bit for bit, on amd64.
package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"meai/activities/mirror/crisis"
	"meai/activities/mirror/models"
	"meai/activities/mirror/statements"
	"meai/internal/classify"
)

// Embedder embeds texts, as [embedding.Embedder] does.
type Embedder interface {
	Embed(ctx context.Context, texts ...string) ([][]float32, error)
}

// Trainer makes the models.
type Trainer struct {
	Embedder Embedder
	// Progress is told what is being done.
	Progress func(what string)
	// Folder is where the files go.
	Folder string
}

// The scores that calibrate a model are from other models: as many as folds for the many
// texts of GoEmotions, manyFolds for the few statements.
const (
	folds     = 5
	manyFolds = 8
)

// grams are the features of text: the same for all models, in a table of 2^bits places.
func grams(bits int) classify.Grams {
	return classify.Grams{Words: 2, ShortestChars: 2, LongestChars: 5, Bits: bits}
}

// Emotions makes the two models of GoEmotions: one by the words alone, and one that
// weighs what that says together with the embedding. The second learns from scores that
// the first gives to texts it has not seen, as it will later.
func (t *Trainer) Emotions(ctx context.Context) error {
	examples, err := GoEmotions("train")
	if err != nil {
		return err
	}
	embedded, err := t.embed(ctx, "GoEmotions", textsOf(examples))
	if err != nil {
		return err
	}
	byText, scores, err := t.train("text", examples, folds, classify.Options{
		Labels: models.Outputs(), Grams: grams(18), C: 0.2, Balance: 1, Rounds: 25, Seed: 1,
	})
	if err != nil {
		return err
	}
	byText.Calibrate(scores, examples)
	if err := t.write("text", byText); err != nil {
		return err
	}
	for i := range examples {
		examples[i].Dense = models.EmotionFeatures(embedded[i], models.Valence(examples[i].Text), scores[i])
	}
	both, together, err := t.train("emotions", examples, folds, classify.Options{
		Labels: models.Outputs(), C: 0.1, Balance: 0.8, Rounds: 25, Seed: 1,
	})
	if err != nil {
		return err
	}
	lean(both, together, scores)
	both.Calibrate(together, examples)
	return t.write("emotions", both)
}

// textWeight is how much of what the words alone say is added to the second model: the
// mean of the two is better than either.
const textWeight = 0.7

// lean adds the scores by text, which are the last of the dense features, to a model and
// to the scores that it is calibrated by.
func lean(m *classify.Model, scores, byText [][]float32) {
	labels := len(m.Labels)
	for label, row := range m.Dense {
		row[len(row)-labels+label] += textWeight
	}
	for i := range scores {
		for label := range scores[i] {
			scores[i][label] += textWeight * byText[i][label]
		}
	}
}

// train makes a model, and scores of its examples by models that have not seen them.
func (t *Trainer) train(name string, examples []classify.Example, folds int, o classify.Options) (*classify.Model, [][]float32, error) {
	t.Progress(fmt.Sprintf("%s: %d models of %d examples and %d labels, to calibrate by", name, folds, len(examples), len(o.Labels)))
	scores, err := classify.OutOfFold(examples, folds, o)
	if err != nil {
		return nil, nil, err
	}
	t.Progress(name + ": the model")
	m, err := classify.Train(examples, o)
	return m, scores, err
}

func textsOf(examples []classify.Example) []string {
	texts := make([]string, len(examples))
	for i, e := range examples {
		texts[i] = e.Text
	}
	return texts
}

// embed embeds in slices, for the progress.
func (t *Trainer) embed(ctx context.Context, what string, texts []string) ([][]float32, error) {
	const slice = 2000
	var all [][]float32
	for part := range slices.Chunk(texts, slice) {
		vectors, err := t.Embedder.Embed(ctx, part...)
		if err != nil {
			return nil, fmt.Errorf("embed %s: %w", what, err)
		}
		all = append(all, vectors...)
		t.Progress(fmt.Sprintf("%s: %d of %d embedded", what, len(all), len(texts)))
	}
	return all, nil
}

func (t *Trainer) write(name string, m *classify.Model) error {
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Folder, name+".zst"), packed, 0o644); err != nil {
		return err
	}
	t.Progress(fmt.Sprintf("%s: %d KiB written", name, len(packed)>>10))
	return nil
}

// statement is a row of a file with its embedding.
type statement struct {
	row       []string
	embedding []float32
}

func (t *Trainer) statements(ctx context.Context, name string) ([]statement, error) {
	rows, err := statements.Read(statements.Training, name)
	if err != nil {
		return nil, err
	}
	rows = statements.Shuffled(rows, func(r []string) string { return r[0] })
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r[0]
	}
	vectors, err := t.embed(ctx, name, texts)
	if err != nil {
		return nil, err
	}
	all := make([]statement, len(rows))
	for i, r := range rows {
		all[i] = statement{r, vectors[i]}
	}
	return all, nil
}

// labelled turns statements into examples by the labels that columns hold, and returns
// the labels in order. "none" and "-" stand for no label.
func labelled(all []statement, columns ...int) ([]classify.Example, []string) {
	var names []string
	split := func(s statement) (labels []string) {
		for _, column := range columns {
			labels = append(labels, strings.FieldsFunc(s.row[column], separator)...)
		}
		return slices.DeleteFunc(labels, func(l string) bool { return l == "none" || l == "-" })
	}
	for _, s := range all {
		for _, name := range split(s) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	examples := make([]classify.Example, len(all))
	for i, s := range all {
		examples[i] = classify.Example{Text: s.row[0], Dense: classify.Scaled(s.embedding, models.MeaningWeight)}
		for _, name := range split(s) {
			if at := slices.Index(names, name); at >= 0 {
				examples[i].Labels = append(examples[i].Labels, at)
			}
		}
	}
	return examples, names
}

// Feelings makes the models of MeAi's own emotions: which is foremost, and which are
// there at all.
func (t *Trainer) Feelings(ctx context.Context) error {
	o := classify.Options{Grams: grams(17), C: 1, Balance: 0.5, Seed: 1}
	if err := t.fromStatements(ctx, "feelings", "emotions", []int{1}, o); err != nil {
		return err
	}
	return t.fromStatements(ctx, "present", "emotions", []int{1, 2}, o)
}

// Kinds makes the model of the kinds of messages.
func (t *Trainer) Kinds(ctx context.Context) error {
	return t.fromStatements(ctx, "kinds", "kinds", []int{1}, classify.Options{Grams: grams(16), C: 1, Balance: 0.5, Seed: 1})
}

// Hazard makes the model that tells danger by the words alone, in the spelling that people
// used and in the plain one. Statements of concern, which may be met either way, teach it
// nothing.
func (t *Trainer) Hazard(context.Context) error {
	rows, err := statements.Read(statements.Training, "crisis")
	if err != nil {
		return err
	}
	var written, plain []classify.Example
	for _, row := range statements.Shuffled(rows, func(r []string) string { return r[0] }) {
		severity := crisis.Severity(row[1])
		if severity == crisis.Concern {
			continue
		}
		var labels []int
		if severity != crisis.None {
			labels = []int{0}
		}
		written = append(written, classify.Example{Text: row[0], Labels: labels})
		plain = append(plain, classify.Example{Text: crisis.Plain(row[0]), Labels: labels})
	}
	o := classify.Options{Labels: []string{"danger"}, Grams: grams(18), C: 1, Seed: 1}
	t.Progress(fmt.Sprintf("hazard: %d models of %d examples, to calibrate by", folds, len(written)))
	// By one spelling alone: each would give away the other.
	scores, err := classify.OutOfFold(written, folds, o)
	if err != nil {
		return err
	}
	m, err := classify.Train(slices.Concat(written, plain), o)
	if err != nil {
		return err
	}
	m.Calibrate(scores, written)
	return t.write("hazard", m)
}

// Needs makes the model of needs.
func (t *Trainer) Needs(ctx context.Context) error {
	return t.fromStatements(ctx, "needs", "needs", []int{1}, classify.Options{Grams: grams(16), C: 1, Balance: 0.5, Seed: 1})
}

func (t *Trainer) fromStatements(ctx context.Context, model, file string, columns []int, o classify.Options) error {
	all, err := t.statements(ctx, file)
	if err != nil {
		return err
	}
	examples, names := labelled(all, columns...)
	o.Labels = names
	m, scores, err := t.train(model, examples, manyFolds, o)
	if err != nil {
		return err
	}
	m.Calibrate(scores, examples)
	return t.write(model, m)
}

// Intensity makes the model of how strongly something is felt.
func (t *Trainer) Intensity(ctx context.Context) error {
	all, err := t.statements(ctx, "emotions")
	if err != nil {
		return err
	}
	examples, _ := labelled(all, 1)
	targets := make([]float64, len(all))
	for i, s := range all {
		if targets[i], err = strconv.ParseFloat(s.row[3], 64); err != nil {
			return fmt.Errorf("the intensity of statement %d: %w", i, err)
		}
	}
	m, err := classify.Fit(examples, targets, classify.Options{Labels: []string{"intensity"}, Grams: grams(16), C: 0.5, Seed: 1})
	if err != nil {
		return err
	}
	return t.write("intensity", m)
}
