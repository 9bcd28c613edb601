package crisis

import (
	"slices"
	"strings"
)

// Judge is a model that finds danger that is said in words no rule knows.
type Judge interface {
	// Danger tells the log odds of [Labels] for a passage; nil where it cannot.
	Danger(passage string) []float32
}

// Labels are what a [Judge] tells of: that the danger is at least of a severity, from
// [Concern] on, and of what kind it is.
func Labels() []string {
	return []string{"crisis/concern", "crisis/danger", "crisis/grave", "crisis/imminent",
		"danger/suicide", "danger/self_harm", "danger/abuse", "danger/danger_to_others", "danger/medical_emergency"}
}

// The places of the severities in [Labels], and of the first kind.
const (
	concernAt = iota
	dangerAt
	graveAt
	imminentAt
	firstKind
)

// The log odds from which the model decides on each severity, chosen on the development
// statements: for danger, so that false alarms stay within the bars. The graver ones
// only say how grave what is met as danger anyway is.
const (
	concernLeast = 0.5
	dangerLeast  = 0.9
	graveLeast   = 0
	nowLeast     = 0
)

// ModelRule is the name that stands for the model among the rules that fired.
const ModelRule = "model"

// Watch assesses a text by the rules, then by the model, the whole and, if it is long,
// each passage of it. The model raises what the rules found and never lowers it; where
// there is none, the rules decide alone.
func Watch(text string, j Judge) Assessment {
	found := Assess(text)
	if j == nil || strings.TrimSpace(text) == "" {
		return found
	}
	for _, part := range passages(text) {
		if odds := j.Danger(part); odds != nil {
			found.raiseBy(odds)
		}
	}
	return found
}

// raiseBy raises the assessment to what the odds say, if that is more.
func (a *Assessment) raiseBy(odds []float32) {
	severity := None
	switch {
	case odds[dangerAt] >= dangerLeast && odds[graveAt] >= graveLeast && odds[imminentAt] >= nowLeast:
		severity = Imminent
	case odds[dangerAt] >= dangerLeast && odds[graveAt] >= graveLeast:
		severity = Explicit
	case odds[dangerAt] >= dangerLeast:
		severity = Implicit
	case odds[concernAt] >= concernLeast:
		severity = Concern
	}
	if level(severity) <= level(a.Severity) {
		return
	}
	a.Severity = severity
	if len(a.Kinds) == 0 && severity != Concern {
		likeliest := slices.Index(odds[firstKind:], slices.Max(odds[firstKind:]))
		a.Kinds = []Kind{Kind(strings.TrimPrefix(Labels()[firstKind+likeliest], "danger/"))}
	}
	if !slices.Contains(a.Rules, ModelRule) {
		a.Rules = append(a.Rules, ModelRule)
	}
}

const (
	// passageWords is about how long the statements are that the model learned from.
	passageWords = 40
	// mostPassages bounds the time; what is beyond them is in the whole.
	mostPassages = 8
)

// passages are the text itself and, if it is longer than a passage, its sentences, short
// ones together.
func passages(text string) []string {
	all := []string{text}
	if len(strings.Fields(text)) <= passageWords {
		return all
	}
	var passage strings.Builder
	length := 0
	for _, sentence := range sentences(text) {
		words := len(strings.Fields(sentence))
		if length > 0 && length+words > passageWords {
			all = append(all, passage.String())
			passage.Reset()
			length = 0
		}
		passage.WriteString(sentence)
		length += words
	}
	if length > 0 {
		all = append(all, passage.String())
	}
	return all[:min(len(all), mostPassages+1)]
}

// sentences cuts a text behind the ends of its sentences.
func sentences(text string) []string {
	var all []string
	begin := 0
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		all = append(all, text[begin:at[1]])
		begin = at[1]
	}
	return append(all, text[begin:])
}
