package mirror

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"meai/activities/mirror/crisis"
	"meai/internal/language"
)

// SecondOpinion reads feelings in words that the [Analyzer] is not sure of. It is
// safe for concurrent use.
type SecondOpinion interface {
	// Feel reads a text. An error leaves the first opinion as it is.
	Feel(ctx context.Context, text string) (Opinion, error)
}

// Opinion is what somebody else reads in a text, in the words of MeAi's vocabulary.
type Opinion struct {
	Primary   string   `json:"primary"`
	Secondary []string `json:"secondary"`
	// Intensity and Confidence are in [0, 1].
	Intensity  float64 `json:"intensity"`
	Confidence float64 `json:"confidence"`
	// Approaches fit the primary emotion.
	Approaches []string `json:"-"`
}

const (
	// OpinionBudget is the longest time that a second opinion may take. A person
	// waits for it, and so does the step's own timeout.
	OpinionBudget = 2 * time.Second
	// unsure is the confidence below which a second opinion is asked for. Of the
	// development statements 33 lie below, of which 12 are read right, and 246 above, of
	// which 223 are.
	unsure = 0.4
	// decided is the confidence from which a second opinion takes the first one's
	// place.
	decided = 0.6
)

// consult asks for a second opinion when the first one is not sure, and combines
// the two. Feelings are all that it has a say in: kind, needs, valence, language
// and above all danger stay as they were read, and where there is any sign of
// danger nobody is asked.
func (a *Activities) consult(ctx context.Context, text string, first *Analysis) {
	danger := first.Crisis.NeedsSafeAnswer() || first.Crisis.Severity == crisis.Concern
	if a.Second == nil || danger || first.Confidence >= unsure || first.Kind == SmallTalk || first.Language == undetermined {
		return
	}
	second, err := a.Second.Feel(ctx, text)
	switch {
	case errors.Is(err, language.ErrNotConfigured):
	case err != nil:
		first.Degraded = append(first.Degraded, "language_model_unavailable")
	default:
		first.combine(second)
	}
}

// combine weighs a second opinion. If it names the same feeling, confidence grows
// to the mean of both. If it is decided on another one, that comes first, with the
// mean of both confidences and intensities, and the former first feeling follows.
// An undecided one adds its feeling to the others.
func (a *Analysis) combine(second Opinion) {
	former := Emotion{Label: a.Primary, Score: a.Confidence}
	mean := round((a.Confidence + second.Confidence) / 2)
	switch {
	case second.Primary == a.Primary:
		a.Confidence = max(a.Confidence, mean)
	case second.Confidence < decided:
		a.name(Emotion{Label: second.Primary, Score: round(min(second.Confidence, a.Confidence))})
	default:
		a.Primary, a.Confidence, a.Approaches = second.Primary, mean, second.Approaches
		a.Intensity = round((a.Intensity + second.Intensity) / 2)
		a.Secondary = slices.DeleteFunc(a.Secondary, func(e Emotion) bool { return e.Label == second.Primary })
		a.name(former)
	}
}

// name adds an emotion to the secondary ones, strongest first.
func (a *Analysis) name(e Emotion) {
	if e.Label == neutral || slices.ContainsFunc(a.Secondary, func(s Emotion) bool { return s.Label == e.Label }) {
		return
	}
	a.Secondary = append(a.Secondary, e)
	slices.SortStableFunc(a.Secondary, func(x, y Emotion) int { return compare(y.Score, x.Score) })
	a.Secondary = a.Secondary[:min(len(a.Secondary), mostSecondary)]
}

var (
	//go:embed prompts/emotions.md
	emotionsInstructions string
	//go:embed prompts/emotions.schema.json
	emotionsSchema []byte
)

// modelOpinion is the opinion of a language model.
type modelOpinion struct {
	model      language.Model
	prompt     *language.Prompt
	approaches map[string][]string
}

// NewSecondOpinion returns the opinion of a language model, which may name only
// what is in MeAi's vocabulary.
func NewSecondOpinion(model language.Model) (SecondOpinion, error) {
	vocabulary, err := loadVocabulary()
	if err != nil {
		return nil, fmt.Errorf("load the vocabulary of emotions: %w", err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(emotionsSchema, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of emotions: %w", err)
	}
	o := &modelOpinion{model: model, approaches: map[string][]string{}}
	primary, secondary := schema.Properties["primary"], schema.Properties["secondary"].Items
	for _, e := range vocabulary {
		o.approaches[e.Label] = e.Approaches
		primary.Enum, secondary.Enum = append(primary.Enum, e.Label), append(secondary.Enum, e.Label)
	}
	o.prompt, err = language.NewPrompt("emotions", emotionsInstructions, &schema)
	return o, err
}

// Feel implements [SecondOpinion].
func (o *modelOpinion) Feel(ctx context.Context, text string) (Opinion, error) {
	const mostTokens = 120
	response, err := o.model.Complete(ctx, language.Request{
		Prompt: o.prompt, Data: map[string]string{"text": text},
		Budget: language.Budget{Time: OpinionBudget, Output: mostTokens},
	})
	if err != nil {
		return Opinion{}, err
	}
	var opinion Opinion
	if err := json.Unmarshal(response.Answer, &opinion); err != nil {
		return Opinion{}, language.ErrInvalidOutput
	}
	opinion.Approaches = o.approaches[opinion.Primary]
	return opinion, nil
}
