// Package models is what Mirror has learned: to tell emotions, what a person feels in
// MeAi's own words, how strongly, what kind of message it is, and which needs it
// speaks of.
//
// Most models are linear and small; one is a transformer. Package training makes them
// from GoEmotions and from the project's statements; docs/evaluation/mirror.md says how
// well they do.
package models

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/jonreiter/govader"

	"meai/internal/classify"
	"meai/internal/embedding"
	"meai/internal/embedding/encoder"
)

//go:embed data/*.zst
var files embed.FS

// tunedFile stays in the pages of the program: nothing of it is copied.
//
//go:embed data/tuned.bin
var tunedFile []byte

// Models are all of them. They are immutable and safe for concurrent use.
type Models struct {
	// text tells emotions by the words alone, emotions by the embedding and what text says.
	text, emotions *classify.Model
	// blend weighs emotions and tuned against each other.
	blend *classify.Model
	// feelings tells the foremost of MeAi's emotions, present all that are there.
	feelings, present *classify.Model
	intensity         *classify.Model
	kinds, needs      *classify.Model
	// hazard tells by the words alone whether there is danger.
	hazard *classify.Model
	// tuned is a transformer that was trained on all tasks at once, and on crisis.
	tuned *encoder.Classifier
}

// Load returns the models that are part of the program, which all callers share.
var Load = sync.OnceValues(func() (*Models, error) {
	folder, err := fs.Sub(files, "data")
	if err != nil {
		return nil, err
	}
	return Read(folder, tunedFile, "text", "emotions", "blend", "feelings", "present", "intensity", "kinds", "needs", "hazard")
})

// Read reads the linear models of those names of a folder, and takes the file of the
// tuned one.
func Read(folder fs.FS, tuned []byte, names ...string) (*Models, error) {
	m := &Models{}
	e, err := embedding.NewBuiltin()
	if err != nil {
		return nil, err
	}
	if m.tuned, err = e.Encoder().Classifier(tuned); err != nil {
		return nil, fmt.Errorf("load the tuned model: %w", err)
	}
	if !slices.Equal(m.tuned.Labels(), TunedLabels) {
		return nil, errors.New("load the tuned model: it was trained for other labels")
	}
	linear := map[string]**classify.Model{
		"text": &m.text, "emotions": &m.emotions, "blend": &m.blend, "feelings": &m.feelings, "present": &m.present, "intensity": &m.intensity,
		"kinds": &m.kinds, "needs": &m.needs, "hazard": &m.hazard,
	}
	for _, name := range names {
		packed, err := fs.ReadFile(folder, name+".zst")
		if err != nil {
			return nil, fmt.Errorf("load the model of %s: %w", name, err)
		}
		if *linear[name], err = classify.Unpack(packed); err != nil {
			return nil, fmt.Errorf("load the model of %s: %w", name, err)
		}
	}
	return m, nil
}

// Share is a label with its probability.
type Share struct {
	Label       string
	Probability float64
}

// Emotions tells the labels of GoEmotions and their groups, in the order of
// [Outputs], with their probabilities. A nil embedding leaves it to the words.
func (m *Models) Emotions(text string, embedding []float32, told Told) (probabilities []float64, given []int) {
	model, scores := m.EmotionScores(text, embedding, told)
	probabilities = model.Probabilities(scores)
	return probabilities, model.Given(probabilities)
}

// EmotionScores are what [Models.Emotions] makes its probabilities of, and the model that
// does.
func (m *Models) EmotionScores(text string, embedding []float32, told Told) (*classify.Model, []float32) {
	byText := m.text.Scores(text, nil)
	if embedding == nil {
		return m.text, byText
	}
	scores := m.emotions.Scores("", EmotionFeatures(embedding, Valence(text), byText))
	if told == nil {
		return m.emotions, scores
	}
	return m.blend, m.blend.Scores("", append(scores, told.emotions()...))
}

// Valence is VADER's reading of a text (Hutto and Gilbert 2014): compound in [-1, 1],
// then the shares of positive, negative and neutral words.
func Valence(text string) [4]float64 {
	s := vader().PolarityScores(text)
	return [4]float64{s.Compound, s.Positive, s.Negative, s.Neutral}
}

var vader = sync.OnceValue(govader.NewSentimentIntensityAnalyzer)

// Feelings are the probabilities of MeAi's own emotions, that each is the foremost;
// they sum to one. Without an embedding the words decide.
func (m *Models) Feelings(text string, embedding []float32, told Told) []Share {
	return normalised(m.feelings, told.mixed("first", m.feelings.Labels, probabilities(m.feelings, text, embedding)))
}

// Present are the probabilities of MeAi's own emotions, each for itself, that it is there.
func (m *Models) Present(text string, embedding []float32, told Told) []Share {
	p := told.mixed("present", m.present.Labels, probabilities(m.present, text, embedding))
	shares := make([]Share, len(p))
	for i, x := range p {
		shares[i] = Share{m.present.Labels[i], x}
	}
	return shares
}

// Intensity is how strongly something is felt, in [0, 1].
func (m *Models) Intensity(text string, embedding []float32, told Told) float64 {
	score := float64(m.intensity.Scores(text, Meaning(m.intensity, embedding))[0])
	if told != nil {
		score = (1-tunedShare)*score + tunedShare*told.strength()
	}
	return min(max(score, 0), 1)
}

// Kinds are the probabilities of the kinds of messages; they sum to one.
func (m *Models) Kinds(text string, embedding []float32, told Told) []Share {
	return normalised(m.kinds, told.mixed("kind", m.kinds.Labels, probabilities(m.kinds, text, embedding)))
}

// needLeast is the probability from which a need is named; chosen on the development
// statements.
const needLeast = 0.25

// Needs are the needs that the text speaks of: "connection-" for one that lacks,
// "connection+" for one that is met.
func (m *Models) Needs(text string, embedding []float32, told Told) []Share {
	var found []Share
	for i, x := range told.mixed("need", m.needs.Labels, probabilities(m.needs, text, embedding)) {
		if x >= needLeast {
			found = append(found, Share{m.needs.Labels[i], x})
		}
	}
	return found
}

func probabilities(model *classify.Model, text string, embedding []float32) []float64 {
	return model.Probabilities(model.Scores(text, Meaning(model, embedding)))
}

// FeelingWords are the words that speak for one of MeAi's emotions, the strongest first.
func (m *Models) FeelingWords(text, label string) []classify.Weight {
	return words(m.feelings, text, label)
}

// NeedWords are the words that speak for a need, as [Models.Needs] spells it.
func (m *Models) NeedWords(text, label string) []classify.Weight { return words(m.needs, text, label) }

func words(model *classify.Model, text, label string) []classify.Weight {
	return model.Explain(text, slices.Index(model.Labels, label))
}

// NeedLabels are the labels that [Models.Needs] gives.
func (m *Models) NeedLabels() []string { return slices.Clone(m.needs.Labels) }

// MeaningWeight and valenceWeight are the weights at which dense features stand beside
// words, chosen on the development statements and on GoEmotions' development half.
const (
	MeaningWeight = 1.5
	valenceWeight = 0.3
)

// Meaning are the dense features of the models of the project's statements: the
// embedding, weighed; zeros without one.
func Meaning(model *classify.Model, embedding []float32) []float32 {
	if embedding == nil {
		return make([]float32, len(model.Dense[0]))
	}
	return classify.Scaled(embedding, MeaningWeight)
}

// EmotionFeatures are the dense features of the model of emotions.
func EmotionFeatures(embedding []float32, valence [4]float64, text []float32) []float32 {
	f := make([]float32, 0, len(embedding)+len(valence)+len(text))
	f = append(f, embedding...)
	for _, v := range valence {
		f = append(f, float32(v)*valenceWeight)
	}
	return append(f, text...)
}

// Pieces is how many pieces of the embedding model's vocabulary a text falls into.
func (m *Models) Pieces(text string) int { return len(m.tuned.Tokens(text)) }
