package mirror

import (
	"context"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
)

// ReflectInput is the input of [Activities.Reflect]: a text, or a feeling, or both.
type ReflectInput struct {
	Ref  interaction.Ref `json:"ref"`
	Text string          `json:"text,omitempty"`
	// Emotion and Needs are read from the text where they are not given.
	Emotion string             `json:"emotion,omitempty"`
	Needs   []Need             `json:"needs,omitempty"`
	Purpose reflection.Purpose `json:"purpose"`
	Tone    reflection.Tone    `json:"tone"`
	// Echoes are what memory says keeps coming up, best first.
	Echoes []string `json:"echoes,omitempty"`
	// Recent are the ids of prompts that are not to be repeated.
	Recent []uuid.UUID `json:"recent,omitempty"`
	Count  int         `json:"count"`
	// Seed varies the choice: a step that is repeated gives the same prompts.
	Seed uint64 `json:"seed"`
}

// Reflection is prompts to go on with.
type Reflection struct {
	// Prompts are empty when the text calls for the safe answer instead, and when it
	// is in a language that cannot be read.
	Prompts  []reflection.Prompt `json:"prompts,omitempty"`
	Crisis   crisis.Assessment   `json:"crisis"`
	Language string              `json:"language"`
	// Degraded holds codes of what could not be used.
	Degraded []string `json:"degraded,omitempty"`
}

// Readable reports whether the text was in a language that Mirror reads.
func (r Reflection) Readable() bool { return r.Language != undetermined }

// leastNameable is the confidence below which a feeling is not spoken of by its
// name: one that a person doesn't have hurts more than one left unnamed. Of 16 development
// statements below it 6 are read right.
const leastNameable = 0.3

// Reflect makes prompts that invite a person to look closer. It always succeeds.
func (a *Activities) Reflect(ctx context.Context, in ReflectInput) (Reflection, error) {
	out := Reflection{Crisis: crisis.Assessment{Severity: crisis.None}, Language: "en"}
	if in.Text != "" {
		analysis := a.Analyzer.Analyze(ctx, in.Text)
		out.Crisis, out.Language, out.Degraded = analysis.Crisis, analysis.Language, analysis.Degraded
		if out.Crisis.NeedsSafeAnswer() || !analysis.Readable() {
			return out, nil
		}
		in = in.completed(analysis)
	}
	r := reflection.Request{
		Words: in.Text, Emotion: in.Emotion, Purpose: in.Purpose, Tone: in.Tone,
		Echoes: in.Echoes, Recent: in.Recent, Seed: in.Seed,
	}
	for _, need := range in.Needs {
		r.Needs = append(r.Needs, reflection.Need{Name: need.Name, Lacking: need.Lacking})
	}
	for range in.Count {
		p := reflection.Compose(r)
		out.Prompts, r.Recent = append(out.Prompts, p), append(r.Recent, p.ID)
		r.Seed++
	}
	return out, nil
}

// completed takes from the analysis what was not given.
func (in ReflectInput) completed(analysis Analysis) ReflectInput {
	if in.Emotion == "" {
		in.Emotion = analysis.Primary
		if analysis.Confidence < leastNameable {
			in.Emotion = unnamed(analysis.Valence)
		}
	}
	if in.Needs == nil {
		in.Needs = analysis.Needs
	}
	return in
}

// unnamed is how to ask about a feeling that cannot be told for certain.
func unnamed(valence float64) string {
	switch {
	case valence <= -0.3:
		return reflection.Hard
	case valence >= 0.3:
		return reflection.Good
	default:
		return reflection.Neutral
	}
}
