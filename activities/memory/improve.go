package memory

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"meai/activities/memory/extraction"
	"meai/activities/mirror/crisis"
	"meai/internal/language"
)

// FactReader finds facts in a text that the built-in reading leaves. What it says is marked
// as inferred, and counts less than the person's plain words. It is safe for concurrent use.
type FactReader interface {
	Facts(ctx context.Context, text string) ([]extraction.Fact, error)
}

var (
	//go:embed prompts/facts.md
	factsInstructions string
	//go:embed prompts/facts.schema.json
	factsSchema []byte
)

// modelReader is a language model.
type modelReader struct {
	model  language.Model
	prompt *language.Prompt
}

// NewFactReader returns the reading of a language model, which may fill only the slots that
// the built-in reading knows.
func NewFactReader(model language.Model) (FactReader, error) {
	var schema jsonschema.Schema
	if err := json.Unmarshal(factsSchema, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of facts: %w", err)
	}
	slot := schema.Properties["facts"].Items.Properties["slot"]
	for _, name := range extraction.Slots() {
		slot.Enum = append(slot.Enum, name)
	}
	prompt, err := language.NewPrompt("facts", factsInstructions, &schema)
	return &modelReader{model, prompt}, err
}

// Facts implements [FactReader].
func (m *modelReader) Facts(ctx context.Context, text string) ([]extraction.Fact, error) {
	const mostTokens, longest = 300, 4 * time.Second
	response, err := m.model.Complete(ctx, language.Request{
		Prompt: m.prompt, Data: map[string]string{"text": text}, Budget: language.Budget{Time: longest, Output: mostTokens},
	})
	if err != nil {
		return nil, err
	}
	var said struct {
		Facts []struct {
			Subject, Slot, Object string
			Ends                  bool
		}
	}
	if err := json.Unmarshal(response.Answer, &said); err != nil {
		return nil, language.ErrInvalidOutput
	}
	var facts []extraction.Fact
	for _, f := range said.Facts {
		if fact, ok := extraction.Validated(text, f.Subject, f.Slot, f.Object, f.Ends); ok {
			facts = append(facts, fact)
		}
	}
	return facts, nil
}

// improve adds what a language model reads in the text, where there is one. In danger nobody
// outside is asked, nor where Mirror could not look for danger. Without an answer the
// built-in reading stands.
func (a *Activities) improve(ctx context.Context, in RememberInput, d *draft) {
	if a.reader == nil || in.Speaker != "" || in.Analysis == nil || in.Analysis.Crisis.NeedsSafeAnswer() || in.Analysis.Crisis.Severity == crisis.Concern {
		return
	}
	read, err := a.reader.Facts(ctx, in.Text)
	if err != nil {
		if !errors.Is(err, language.ErrNotConfigured) {
			a.log.WarnContext(ctx, "facts are read without the language model", "interaction", in.Ref.Interaction, "error", err)
		}
		return
	}
	for _, f := range read {
		if !d.states(f) {
			d.facts = append(d.facts, f)
		}
	}
}

// states: the built-in reading has an answer to the same question.
func (d *draft) states(f extraction.Fact) bool {
	for _, known := range d.facts {
		if strings.EqualFold(known.Subject, f.Subject) && known.Slot == f.Slot {
			return true
		}
	}
	return false
}
