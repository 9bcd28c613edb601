package synthesis

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"

	"meai/activities/bridge"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/internal/language"
)

// WriterBudget is the longest time that a language model may take over an answer.
// It leaves the step's own timeout enough to compose one without.
const WriterBudget = 8 * time.Second

// Codes of an answer that a language model should have written.
const (
	// modelUnavailable: it did not answer, or not in time.
	modelUnavailable = "language_model_unavailable"
	// modelRejected: what it wrote did not pass the checks.
	modelRejected = "language_model_rejected"
)

var (
	//go:embed prompts/answer.md
	answerInstructions string
	//go:embed prompts/answer.schema.json
	answerSchema []byte
)

// Writer composes answers with a language model where one may be asked, and with
// [Compose] everywhere else. It never fails.
type Writer struct {
	model  language.Model
	prompt *language.Prompt
}

// NewWriter returns a writer that asks a model; [language.None] is asked in vain.
func NewWriter(model language.Model) (*Writer, error) {
	var schema jsonschema.Schema
	if err := json.Unmarshal(answerSchema, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of answers: %w", err)
	}
	prompt, err := language.NewPrompt("answer", answerInstructions, &schema)
	if err != nil {
		return nil, err
	}
	return &Writer{model: model, prompt: prompt}, nil
}

// Write makes the answer. What the model wrote and TruthFilter objected to is
// written anew without it.
func (w *Writer) Write(ctx context.Context, in ComposeInput) Answer {
	if in.Revise != nil {
		return without(in, in.Revised == Generated, modelRejected)
	}
	c := newComposition(in)
	if !c.leavesRoom() {
		return Compose(in)
	}
	answer, err := w.generate(ctx, c)
	switch {
	case err == nil:
		return answer
	case errors.Is(err, errObjectionable), errors.Is(err, language.ErrInvalidOutput):
		return without(in, true, modelRejected)
	default:
		return without(in, !errors.Is(err, language.ErrNotConfigured), modelUnavailable)
	}
}

// without composes the answer without a model, and says so when there should have
// been one.
func without(in ComposeInput, missed bool, code string) Answer {
	answer := Compose(in)
	if missed {
		answer.Degraded = append(answer.Degraded, code)
	}
	return answer
}

// leavesRoom: the answer may be written by a model. Not where there is any sign of
// danger, and not where the built-in answer is exact: greetings, what MeAi is, what
// the person told before, orders to software, and words that it cannot review.
func (c *composition) leavesRoom() bool {
	return !c.endangered() && !c.withoutEnglish() && !c.asksAboutCompanion() && !c.asksToRecall() &&
		!c.instructs() && c.kind != mirror.SmallTalk && !c.thanks()
}

func (c *composition) endangered() bool {
	return speaksOfDanger(c.in.Words) || needsCare(c.in.Analysis) || c.says(worrying) ||
		c.in.Analysis != nil && c.in.Analysis.Crisis.NeedsSafeAnswer()
}

func speaksOfDanger(text string) bool {
	found := crisis.Assess(text)
	return found.NeedsSafeAnswer() || found.Severity == crisis.Concern
}

// material is what the model is told: the least that an answer can be made of.
type material struct {
	Words     string           `json:"words"`
	Kind      mirror.Kind      `json:"kind"`
	Feeling   string           `json:"feeling,omitempty"`
	Needs     []mirror.Need    `json:"needs,omitempty"`
	Memories  []toldBefore     `json:"memories"`
	Resources []canBeSuggested `json:"resources"`
}

type toldBefore struct {
	When string `json:"when"`
	Said string `json:"said"`
}

type canBeSuggested struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
}

// mostChoices is how many memories and resources the model chooses among.
const mostChoices = 3

// written is the model's answer, as prompts/answer.schema.json says.
type written struct {
	Reflection string `json:"reflection"`
	Feeling    string `json:"feeling"`
	Memory     int    `json:"memory"`
	Resource   int    `json:"resource"`
	Question   string `json:"question"`
}

// generate has the model write what is personal, and choose. Memories and
// resources are told in MeAi's own sentences: nothing about them can be made up.
func (w *Writer) generate(ctx context.Context, c *composition) (Answer, error) {
	memories, hits := c.recollections(c.words, 0), c.fitting(c.asksForHelp())
	memories, hits = memories[:min(len(memories), mostChoices)], hits[:min(len(hits), mostChoices)]
	response, err := w.model.Complete(ctx, language.Request{
		Prompt: w.prompt, Data: c.collect(memories, hits), Budget: language.Budget{Time: WriterBudget},
	})
	if err != nil {
		return Answer{}, err
	}
	var text written
	if err := json.Unmarshal(response.Answer, &text); err != nil {
		return Answer{}, language.ErrInvalidOutput
	}
	return c.adopt(text, memories, hits)
}

func (c *composition) collect(memories []recollection, hits []bridge.Hit) material {
	q := material{Words: c.in.Words, Kind: c.kind, Memories: []toldBefore{}, Resources: []canBeSuggested{}}
	if a := c.in.Analysis; a != nil {
		q.Feeling, q.Needs = a.Primary, a.Needs
	}
	for _, r := range memories {
		q.Memories = append(q.Memories, toldBefore{When: c.ago(r.memory), Said: r.clause.Said})
	}
	for _, hit := range hits {
		q.Resources = append(q.Resources, canBeSuggested{Title: hit.Resource.Title, Summary: hit.Resource.Summary})
	}
	return q
}

// errObjectionable: what the model wrote is not said to anybody.
var errObjectionable = errors.New("what the language model wrote did not pass the checks")

// adopt makes an answer of what the model wrote.
func (c *composition) adopt(text written, memories []recollection, hits []bridge.Hit) (Answer, error) {
	if text.Memory > len(memories) || text.Resource > len(hits) {
		return Answer{}, errObjectionable
	}
	for _, part := range []*string{&text.Reflection, &text.Feeling, &text.Question} {
		if *part = strings.Join(strings.Fields(*part), " "); c.objectionable(*part) {
			return Answer{}, errObjectionable
		}
	}
	if text.Reflection == "" || !strings.HasSuffix(text.Question, "?") {
		return Answer{}, errObjectionable
	}
	c.answer.Source = Generated
	c.add(text.Reflection, "warm", toReflect)
	c.add(text.Feeling, c.tone(), toValidate)
	if text.Memory > 0 {
		r := memories[text.Memory-1]
		c.add(told(c.when(r.memory, c.chooser.pick("weave", c.weaving(r))), c.retold(r)), "attentive", toRemember)
		c.use(r.memory)
	}
	switch {
	case c.asksForHelp():
		c.offer(mostResources)
	case text.Resource > 0:
		c.in.Hits = hits[text.Resource-1 : text.Resource]
		c.offer(1)
	}
	c.answer.FollowUp = text.Question
	c.add(text.Question, "open", toAsk)
	return c.finished(), nil
}

// objectionable: a text that TruthFilter's rules object to, that speaks of danger
// or of earlier talks, holds a number or an address which nobody told, or letters
// that cannot be seen.
func (c *composition) objectionable(text string) bool {
	return c.unsayable(text) || speaksOfDanger(text) || recalling.MatchString(text) || c.invents(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("{}<>[]|`", r) })
}

// exact are things that help or harm by being right or wrong: numbers, and
// addresses of any kind.
var exact = regexp.MustCompile(`\d[\d ()./+-]*|\S+@\S+|(?i:https?:|www\.)\S*|\b\w+\.(?:com|org|net|info|io|test|example)\b`)

// recalling is left to MeAi's own sentences, which hold what was told and no more.
var recalling = regexp.MustCompile(`(?i)\b(?:told me|(?:you|we) (?:once|already|also|recently|previously) (?:said|wrote|mentioned|spoke|talked)|i (?:still |do |also )?(?:remember|recall)|last time|earlier you|before,? you)\b`)

func (c *composition) invents(text string) bool {
	for _, thing := range exact.FindAllString(text, -1) {
		if !strings.Contains(c.in.Words, strings.TrimSpace(thing)) {
			return true
		}
	}
	return false
}
