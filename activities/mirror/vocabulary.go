package mirror

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"meai/internal/lexicon"
)

//go:embed emotions.yaml
var emotionsYAML []byte

const neutral = "neutral"

// emotion is one entry of emotions.yaml.
type emotion struct {
	Label      string   `yaml:"label"`
	Valence    float64  `yaml:"valence"`
	Approaches []string `yaml:"approaches"`
	// Names are words that name the emotion.
	Names []string `yaml:"names"`

	names [][]string // as stems
}

func loadVocabulary() (map[string]*emotion, error) {
	var all []*emotion
	if err := yaml.Unmarshal(emotionsYAML, &all); err != nil {
		return nil, err
	}
	byLabel := make(map[string]*emotion, len(all))
	for _, e := range all {
		if e.Label == "" || len(e.Approaches) == 0 || e.Valence < -1 || e.Valence > 1 {
			return nil, fmt.Errorf("emotion %q: a label, a valence in [-1, 1] and approaches are needed", e.Label)
		}
		for _, name := range e.Names {
			e.names = append(e.names, stemsOf(name))
		}
		byLabel[e.Label] = e
	}
	return byLabel, nil
}

// Feeling is one emotion of MeAi's vocabulary, for those who work with its labels.
type Feeling struct {
	Label string
	// Valence is between unpleasant (-1) and pleasant (1).
	Valence float64
	// Names are words that name it.
	Names []string
}

// Feelings is MeAi's vocabulary of emotions, in the order of their labels.
func Feelings() ([]Feeling, error) {
	byLabel, err := loadVocabulary()
	if err != nil {
		return nil, fmt.Errorf("read the vocabulary of emotions: %w", err)
	}
	feelings := make([]Feeling, 0, len(byLabel))
	for _, label := range slices.Sorted(maps.Keys(byLabel)) {
		e := byLabel[label]
		feelings = append(feelings, Feeling{e.Label, e.Valence, e.Names})
	}
	return feelings, nil
}

// stemsOf keeps stop words, since "on edge" has one.
func stemsOf(text string) []string {
	words := lexicon.Words(text)
	for i, w := range words {
		words[i] = lexicon.Stem(w)
	}
	return words
}

// named counts where the text names the emotion, and where it does so to deny it.
func (e *emotion) named(r reading) (affirmed, denied int) {
	for _, stems := range e.names {
		for i := 0; i+len(stems) <= len(r.stems); i++ {
			if !matches(r.stems[i:], stems) {
				continue
			}
			if r.denied(i) {
				denied++
			} else {
				affirmed++
			}
		}
	}
	return affirmed, denied
}

// denied: the text names the emotion only to deny it.
func (e *emotion) denied(r reading) bool {
	affirmed, denied := e.named(r)
	return denied > 0 && affirmed == 0
}

// reading is a text prepared for all the questions that are asked of it.
type reading struct {
	text  string
	words []string
	stems []string
}

func read(text string) reading {
	words := lexicon.Words(text)
	stems := make([]string, len(words))
	for i, w := range words {
		stems[i] = lexicon.Stem(w)
	}
	return reading{text: text, words: words, stems: stems}
}

func matches(text, stems []string) bool {
	for i, s := range stems {
		if text[i] != s {
			return false
		}
	}
	return true
}

// denials within reach of three words turn a feeling off: "I am not that sad".
var denials = map[string]bool{
	"not": true, "no": true, "never": true, "without": true, "isn't": true, "wasn't": true, "don't": true, "didn't": true,
	"doesn't": true, "hardly": true, "barely": true, "can't": true, "cannot": true, "wouldn't": true, "aren't": true, "ain't": true,
}

func (r reading) denied(at int) bool {
	for i := max(0, at-3); i < at; i++ {
		if denials[r.words[i]] {
			return true
		}
	}
	return false
}
