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
	concernLeast = 1.5
	dangerLeast  = 0.9
	graveLeast   = 0
	nowLeast     = 0
)

// ModelRule is the name that stands for the model among the rules that fired.
const ModelRule = "model"

// Watch assesses a text by the rules, then by the model, the whole and, if it is long,
// each passage of it. Where the model tells nothing, the rules decide alone.
func Watch(text string, j Judge) Assessment {
	found, judged := Look(text), false
	if j != nil {
		for _, passage := range passages(text) {
			if odds := j.Danger(passage); len(odds) > 0 {
				found.raiseBy(odds)
				judged = true
			}
		}
	}
	if !judged {
		return found.Settled()
	}
	found.Suspected = ""
	return found
}

// raiseBy raises the assessment to what the odds say, if that is more. Of danger that no
// rule was sure of, the model also says of what kind it is.
func (a *Assessment) raiseBy(odds []float32) {
	severity := severityOf(odds)
	if level(severity) <= level(a.Severity) {
		return
	}
	if level(severity) >= level(Implicit) && !a.NeedsSafeAnswer() {
		likeliest := slices.Index(odds[firstKind:], slices.Max(odds[firstKind:]))
		a.Kinds = []Kind{Kind(strings.TrimPrefix(Labels()[firstKind+likeliest], "danger/"))}
	}
	a.Severity = severity
	if !slices.Contains(a.Rules, ModelRule) {
		a.Rules = append(a.Rules, ModelRule)
	}
}

func severityOf(odds []float32) Severity {
	switch {
	case odds[dangerAt] >= dangerLeast && odds[graveAt] >= graveLeast && odds[imminentAt] >= nowLeast:
		return Imminent
	case odds[dangerAt] >= dangerLeast && odds[graveAt] >= graveLeast:
		return Explicit
	case odds[dangerAt] >= dangerLeast:
		return Implicit
	case odds[concernAt] >= concernLeast:
		return Concern
	default:
		return None
	}
}

// mostPassages bounds the time; the API takes less.
const mostPassages = 48

// passages are the text itself and, if it is long, its sentences, short ones together
// and long ones in overlapping pieces, the last first: what is said once in many words, and
// at the end as often as not, is not to get lost.
func passages(text string) []string {
	if len(strings.Fields(text)) <= longest {
		return []string{text}
	}
	var all, passage []string
	for _, sentence := range sentenceEnd.Split(lineEnd.ReplaceAllString(text, ". "), -1) {
		for words := range pieces(strings.Fields(sentence)) {
			if len(passage) > 0 && len(passage)+len(words) > longest {
				all = append(all, strings.Join(passage, " "))
				passage = nil
			}
			passage = append(passage, words...)
		}
	}
	all = append(all, strings.Join(passage, " "), text)
	slices.Reverse(all)
	return all[:min(len(all), mostPassages)]
}
