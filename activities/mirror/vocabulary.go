package mirror

import (
	_ "embed"
	"fmt"
	"math"
	"strings"

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
	Strong     []string `yaml:"strong"`
	Cues       []string `yaml:"cues"`
	Statements []string `yaml:"statements"`

	cues []cue
}

// cue is a word or phrase that gives an emotion away, as stems.
type cue struct {
	stems  []string
	weight float64
}

func loadVocabulary() ([]*emotion, error) {
	var all []*emotion
	if err := yaml.Unmarshal(emotionsYAML, &all); err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Label == "" || len(e.Statements) < 8 || len(e.Approaches) == 0 || e.Valence < -1 || e.Valence > 1 {
			return nil, fmt.Errorf("emotion %q: a label, a valence in [-1, 1], approaches and at least 8 statements are needed", e.Label)
		}
		for _, s := range e.Strong {
			e.cues = append(e.cues, cue{stemsOf(s), 2})
		}
		for _, s := range e.Cues {
			e.cues = append(e.cues, cue{stemsOf(s), 1})
		}
	}
	return all, nil
}

// stemsOf keeps stop words, since "too much" is nothing but.
func stemsOf(text string) []string {
	words := lexicon.Words(text)
	for i, w := range words {
		words[i] = lexicon.Stem(w)
	}
	return words
}

const (
	// cueGain is what the first cue adds to a score; each further weighs less.
	cueGain = 0.16
	// valenceGain is what agreement of VADER's valence with the emotion's adds at
	// most; disagreement takes as much away.
	valenceGain = 0.12
	// quietBonus lets nothing win where nothing is felt.
	quietBonus = 0.08
)

// score is what words and valence say for the emotion.
func (e *emotion) score(r reading, valence float64) float64 {
	weight := 0.0
	for _, c := range e.cues {
		weight += c.weight * float64(r.affirmed(c.stems))
	}
	score := cueGain * math.Log2(1+weight)
	if e.Label == neutral {
		if math.Abs(valence) < 0.2 {
			score += quietBonus
		}
		return score
	}
	return score + valenceGain*valence*e.Valence
}

// reading is a text prepared for all the questions that are asked of it.
type reading struct {
	text  string
	lower string
	words []string
	stems []string
}

func read(text string) reading {
	words := lexicon.Words(text)
	stems := make([]string, len(words))
	for i, w := range words {
		stems[i] = lexicon.Stem(w)
	}
	return reading{text: text, lower: " " + strings.Join(words, " ") + " ", words: words, stems: stems}
}

// affirmed counts where the stems stand in a row without a denial before them.
func (r reading) affirmed(stems []string) int {
	n := 0
	for i := 0; i+len(stems) <= len(r.stems); i++ {
		if matches(r.stems[i:], stems) && !r.denied(i) {
			n++
		}
	}
	return n
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

// has reports whether any of the phrases stands in the text.
func (r reading) has(phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(r.lower, " "+p+" ") {
			return true
		}
	}
	return false
}
