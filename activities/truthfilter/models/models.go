// Package models is what TruthFilter has learned: to tell what asks for or offers harm, what
// states a misconception, and which of two sentences contradicts the other. Package training makes them from the project's
// statements; docs/evaluation/truthfilter.md says how well they do.
package models

import (
	_ "embed"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"meai/activities/mirror/crisis"
	"meai/internal/classify"
	"meai/internal/embedding"
	"meai/internal/embedding/encoder"
	"meai/internal/lexicon"
)

// The models' files stay in the pages of the program.
var (
	//go:embed data/tuned.bin
	tunedFile []byte
	//go:embed data/unsafe.zst
	unsafeFile []byte
	//go:embed data/false.zst
	falseFile []byte
	//go:embed data/compared-pairs.bin
	comparedPairsFile []byte
	//go:embed data/compared-all.bin
	comparedAllFile []byte
)

// Harms are the kinds of harm that texts are told apart by.
var Harms = strings.Fields(`violence weapons chemical_biological drugs cybercrime fraud theft_vandalism privacy_stalking harassment_hate
	disinformation self_harm eating manipulation sexual_minors sexual_violence medical legal_financial terrorism_extremism trafficking other`)

// The places of the tuned transformer's labels; those of [Harms] follow.
const (
	unsafeAt = iota
	// Harm that is said to the person instead of asked for, and misconceptions, are taught
	// and not asked about: the linear model knows the latter better, and without them true
	// statements of facts look unsafe.
	_
	_
	harmsAt
)

// TunedLabels are what the tuned transformer tells of a text.
var TunedLabels = append([]string{"unsafe", "address", "false"}, Harms...)

// Relations are those of a sentence to one that was said before.
var Relations = []string{"contradiction", "entailment", "neutral"}

const contradictionAt = 0

// Models are immutable and safe for concurrent use.
type Models struct {
	encoder *encoder.Encoder
	tuned   *encoder.Classifier
	// comparers miss different contradictions: what one of them is sure of counts.
	comparers [2]*encoder.Comparer
	unsafe    *classify.Model // by words alone
	untrue    *classify.Model
}

// Load returns the models that are part of the program, which all callers share.
var Load = sync.OnceValues(func() (*Models, error) {
	return Read(Files{tunedFile, unsafeFile, falseFile, [2][]byte{comparedPairsFile, comparedAllFile}})
})

// Files are those of the models: the tuned transformer, the linear models, and the comparers.
type Files struct {
	Tuned, Unsafe, False []byte
	Compared             [2][]byte
}

// Read takes the models' files.
func Read(files Files) (*Models, error) {
	e, err := embedding.NewBuiltin()
	if err != nil {
		return nil, err
	}
	m := &Models{encoder: e.Encoder()}
	if m.tuned, err = e.Encoder().Classifier(files.Tuned); err != nil {
		return nil, fmt.Errorf("load TruthFilter's transformer: %w", err)
	}
	if !slices.Equal(m.tuned.Labels(), TunedLabels) {
		return nil, errors.New("load TruthFilter's transformer: it was trained for other labels")
	}
	for i, file := range files.Compared {
		if m.comparers[i], err = e.Encoder().Comparer(file); err != nil {
			return nil, fmt.Errorf("load TruthFilter's comparer: %w", err)
		}
		if !slices.Equal(m.comparers[i].Relations(), Relations) {
			return nil, errors.New("load TruthFilter's comparer: it was trained for other relations")
		}
	}
	var errs [2]error
	m.unsafe, errs[0] = classify.Unpack(files.Unsafe)
	m.untrue, errs[1] = classify.Unpack(files.False)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("load TruthFilter's linear models: %w", err)
	}
	return m, nil
}

// A Reading is what the models tell of a text, in log odds.
type Reading struct {
	// Unsafe is whether it asks for or offers harm.
	Unsafe float64
	// Harm is the likeliest of [Harms].
	Harm string
}

// linearShare is how much the linear model of unsafe texts counts beside the transformer;
// chosen on the development statements and on a half of XSTest.
const linearShare = 0.3

// leastLatin is the share of Latin letters from which a text may be English.
const leastLatin = 0.5

// Read reads a text as it is written; where the plain spelling, in which tricks are undone,
// has other letters, it reads that too and takes the mean. It is false of one in which there is nothing to read for a
// vocabulary of English.
func (m *Models) Read(text string) (Reading, bool) {
	text = strings.Join(strings.Fields(text), " ")
	plain := Plain(text)
	if lexicon.LatinShare(plain) < leastLatin {
		return Reading{}, false
	}
	scores, err := m.tuned.Scores(text)
	if err != nil {
		return Reading{}, false // nothing to read
	}
	linear := m.Linear(text)
	if letters(plain) != letters(text) {
		if second, err := m.tuned.Scores(plain); err == nil {
			linear = (linear + m.Linear(plain)) / 2
			for i, s := range second {
				scores[i] = (scores[i] + s) / 2
			}
		}
	}
	harm := harmsAt
	for i := harmsAt; i < len(scores); i++ {
		if scores[i] > scores[harm] {
			harm = i
		}
	}
	return Reading{Unsafe: (1-linearShare)*float64(scores[unsafeAt]) + linearShare*linear, Harm: TunedLabels[harm]}, true
}

// letters are those of a text, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// Vector is the built-in embedding of a text, whatever the deployment embeds with; nil of a
// text without words.
func (m *Models) Vector(text string) []float32 {
	v, err := m.encoder.Encode(m.encoder.Tokens(text))
	if err != nil {
		return nil // nothing to read
	}
	return v
}

// Passage is a sentence that each comparer has read, to be compared with others.
type Passage []encoder.Passage

// Passage reads a sentence; nil when there is nothing to read for a vocabulary of English.
func (m *Models) Passage(text string) Passage {
	if lexicon.LatinShare(text) < leastLatin {
		return nil
	}
	var p Passage
	for _, c := range m.comparers {
		read, err := c.Read(text)
		if err != nil {
			return nil // nothing to read
		}
		p = append(p, read)
	}
	return p
}

// Contradiction are the log odds that two sentences contradict each other: those of the
// surer comparer, each the mean of both orders, for it does not matter which was said first.
func (m *Models) Contradiction(a, b Passage) float64 {
	odds := func(c *encoder.Comparer, first, then encoder.Passage) float64 {
		p := float64(c.Compare(first, then)[contradictionAt])
		return p - math.Log(-math.Expm1(min(p, -1e-9)))
	}
	surest := math.Inf(-1)
	for i, c := range m.comparers {
		surest = max(surest, (odds(c, a[i], b[i])+odds(c, b[i], a[i]))/2)
	}
	return surest
}

// Linear are the log odds that a text is unsafe by its words alone.
func (m *Models) Linear(text string) float64 { return logOdds(m.unsafe, text) }

// False are those that it states a misconception.
func (m *Models) False(text string) float64 { return logOdds(m.untrue, text) }

func logOdds(m *classify.Model, text string) float64 {
	return m.Calibrations[0].LogOdds(m.Scores(text, nil)[0])
}

// Plain is the spelling in which tricks are undone, which the models learn beside the
// written one.
func Plain(text string) string { return crisis.Plain(text) }
