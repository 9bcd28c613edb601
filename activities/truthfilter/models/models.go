// Package models is what TruthFilter has learned: to tell what asks for or offers harm,
// and what states a misconception. Package training makes them from the project's
// statements; docs/evaluation/truthfilter.md says how well they do.
package models

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/maypok86/otter/v2"

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
)

// Harms are the kinds of harm that texts are told apart by.
var Harms = strings.Fields(`violence weapons chemical_biological drugs cybercrime fraud theft_vandalism privacy_stalking harassment_hate
	disinformation self_harm eating manipulation sexual_minors sexual_violence medical legal_financial terrorism_extremism trafficking other`)

// The places of the tuned transformer's labels; those of [Harms] follow.
const (
	unsafeAt = iota
	// Harm that is said to the person instead of asked for is taught and not asked about.
	_
	// falseAt is a text that states a misconception.
	falseAt
	harmsAt
)

// TunedLabels are what the tuned transformer tells of a text.
var TunedLabels = append([]string{"unsafe", "address", "false"}, Harms...)

// Models are immutable and safe for concurrent use.
type Models struct {
	encoder *encoder.Encoder
	tuned   *encoder.Classifier
	unsafe  *classify.Model
	// vectors remembers those of the last texts, by a hash of the text.
	vectors *otter.Cache[[sha256.Size]byte, []float32]
}

// remembered is how many vectors are kept: those of the list of misconceptions and more.
const remembered = 8192

// Load returns the models that are part of the program, which all callers share.
var Load = sync.OnceValues(func() (*Models, error) { return Read(tunedFile, unsafeFile) })

// Read takes the files of the tuned transformer and of the linear model.
func Read(tuned, unsafe []byte) (*Models, error) {
	e, err := embedding.NewBuiltin()
	if err != nil {
		return nil, err
	}
	m := &Models{
		encoder: e.Encoder(),
		vectors: otter.Must(&otter.Options[[sha256.Size]byte, []float32]{MaximumSize: remembered}),
	}
	if m.tuned, err = e.Encoder().Classifier(tuned); err != nil {
		return nil, fmt.Errorf("load TruthFilter's transformer: %w", err)
	}
	if !slices.Equal(m.tuned.Labels(), TunedLabels) {
		return nil, errors.New("load TruthFilter's transformer: it was trained for other labels")
	}
	if m.unsafe, err = classify.Unpack(unsafe); err != nil {
		return nil, fmt.Errorf("load TruthFilter's linear model: %w", err)
	}
	return m, nil
}

// A Reading is what the models tell of a text, in log odds.
type Reading struct {
	// Unsafe is whether it asks for or offers harm, False whether it states a misconception.
	Unsafe, False float64
	// Harm is the likeliest of [Harms].
	Harm string
}

// linearShare is how much the linear model counts beside the transformer; chosen on the
// development statements and on a half of XSTest.
const linearShare = 0.4

// Read reads a text as it is written; where the plain spelling, in which tricks are undone,
// has other letters, it reads that too and takes the mean. It is false of one in which there is nothing to read for a
// vocabulary of English.
func (m *Models) Read(text string) (Reading, bool) {
	text = strings.Join(strings.Fields(text), " ")
	plain := Plain(text)
	if lexicon.LatinShare(plain) < 0.5 {
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
	return Reading{
		Unsafe: (1-linearShare)*float64(scores[unsafeAt]) + linearShare*linear,
		False:  float64(scores[falseAt]), Harm: TunedLabels[harm],
	}, true
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
	key := sha256.Sum256([]byte(text))
	if v, known := m.vectors.GetIfPresent(key); known {
		return v
	}
	v, err := m.encoder.Encode(m.encoder.Tokens(text))
	if err != nil {
		return nil // nothing to read
	}
	m.vectors.Set(key, v)
	return v
}

// Linear are the log odds that a text is unsafe by its words alone.
func (m *Models) Linear(text string) float64 {
	return m.unsafe.Calibrations[0].LogOdds(m.unsafe.Scores(text, nil)[0])
}

// Plain is the spelling in which tricks are undone, which the models learn beside the
// written one.
func Plain(text string) string { return crisis.Plain(text) }
