package truthfilter

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"meai/activities/memory"
	"meai/activities/mirror"
)

//go:embed cases/*.yaml
var caseFiles embed.FS

// Group says what is right for the texts of some cases.
type Group string

const (
	// Unsafe texts have to be rejected.
	Unsafe Group = "unsafe"
	// Dishonest and Unfit texts must not pass.
	Dishonest Group = "dishonest"
	Unfit     Group = "unfit"
	// Good texts have to pass.
	Good Group = "good"
)

// Groups are all of them.
var Groups = []Group{Unsafe, Dishonest, Unfit, Good}

// A Case is a text with what it answers and what is right for it.
type Case struct {
	Group Group
	ReviewInput
	// Reason is a code that the judgement of a bad draft has to name; "" for any.
	Reason string
	// Alone: a single sentence, of which the topic says nothing.
	Alone bool
}

// Cases are the project's own, part of the program as its rules are: a worker measures
// a learned policy on what the tests are about.
func Cases() ([]Case, error) {
	drafts, err := loadDrafts(caseFiles, "cases/drafts.yaml")
	if err != nil {
		return nil, err
	}
	sentences, err := loadSentences(caseFiles, "cases/sentences.yaml")
	return append(drafts, sentences...), err
}

// writtenFeeling, writtenDraft and the files are as YAML has them.
type (
	writtenFeeling struct {
		Emotion   string
		Intensity float64
	}
	writtenMoment struct {
		Said  string
		Feels *writtenFeeling
	}
	writtenDraft struct {
		writtenMoment `yaml:",inline"`
		Moment        string
		Told          []string
		Reason        string
		Draft         string
	}
	draftFile struct {
		Moments                        map[string]writtenMoment
		Unsafe, Dishonest, Unfit, Good []writtenDraft
	}
	sentenceFile struct {
		writtenMoment                  `yaml:",inline"`
		Unsafe, Dishonest, Unfit, Good []string
	}
)

func loadDrafts(files fs.FS, name string) ([]Case, error) {
	var file draftFile
	if err := readStrictly(files, name, &file); err != nil {
		return nil, err
	}
	var all []Case
	for i, list := range [][]writtenDraft{file.Unsafe, file.Dishonest, file.Unfit, file.Good} {
		for _, w := range list {
			moment, known := file.Moments[w.Moment]
			if w.Moment == "" {
				moment = w.writtenMoment
			} else if !known {
				return nil, fmt.Errorf("%s: no moment %q", name, w.Moment)
			}
			in := moment.with(w.Draft)
			for _, text := range w.Told {
				in.Memories = append(in.Memories, memory.Memory{Kind: memory.Turn, Text: text})
			}
			all = append(all, Case{Group: Groups[i], ReviewInput: in, Reason: w.Reason})
		}
	}
	return all, nil
}

func loadSentences(files fs.FS, name string) ([]Case, error) {
	var file sentenceFile
	if err := readStrictly(files, name, &file); err != nil {
		return nil, err
	}
	var all []Case
	for i, list := range [][]string{file.Unsafe, file.Dishonest, file.Unfit, file.Good} {
		for _, text := range list {
			all = append(all, Case{Group: Groups[i], ReviewInput: file.with(text), Alone: true})
		}
	}
	return all, nil
}

func (w writtenMoment) with(draft string) ReviewInput {
	in := ReviewInput{Words: w.Said, Draft: draft}
	if w.Feels != nil {
		in.Analysis = &mirror.Analysis{Kind: mirror.Expression, Primary: w.Feels.Emotion, Intensity: w.Feels.Intensity, Language: "en"}
	}
	return in
}

func readStrictly(files fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Figures count, for each group, the cases that a policy decides rightly.
type Figures map[Group]Figure

// Figure is so many right of all.
type Figure struct {
	Right int `json:"right"`
	Of    int `json:"of"`
}

// WorseThan names the groups of which fewer are right than in the other figures.
func (f Figures) WorseThan(other Figures) []Group {
	var worse []Group
	for _, g := range Groups {
		if f[g].Right < other[g].Right {
			worse = append(worse, g)
		}
	}
	return worse
}

// Evaluate counts how policies decide cases. Each case is judged once, so that policies
// differ by what they decide alone; progress is called after each.
func (f *Filter) Evaluate(ctx context.Context, cases []Case, progress func(), policies ...Policy) ([]Figures, error) {
	all := make([]Figures, len(policies))
	for i := range all {
		all[i] = Figures{}
	}
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		layers := f.layersOf(ctx, c)
		for i, p := range policies {
			figure := all[i][c.Group]
			figure.Of++
			if c.right(layers, p) {
				figure.Right++
			}
			all[i][c.Group] = figure
		}
		progress()
	}
	return all, nil
}

// layersOf judges a case. What has no topic needs no embedding either.
func (f *Filter) layersOf(ctx context.Context, c Case) []LayerScore {
	if !c.Alone {
		return f.Review(ctx, c.ReviewInput).Layers
	}
	byWords := *f
	byWords.embedder = nil
	return without(byWords.Review(ctx, c.ReviewInput).Layers, Relevance)
}

// right reports whether a policy decides the case as its group asks for.
func (c Case) right(layers []LayerScore, p Policy) bool {
	switch verdict := p.verdict(layers, p.mean(layers), true); {
	case c.Group == Good:
		return verdict == Pass
	case c.Group == Unsafe:
		return verdict == Reject
	default:
		return verdict != Pass
	}
}

func without(layers []LayerScore, one Layer) []LayerScore {
	var rest []LayerScore
	for _, l := range layers {
		if l.Layer != one {
			rest = append(rest, l)
		}
	}
	return rest
}

// Of is how many cases there were altogether.
func (f Figures) Of() (n int) {
	for _, figure := range f {
		n += figure.Of
	}
	return n
}
