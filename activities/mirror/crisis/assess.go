package crisis

import (
	"regexp"
	"slices"
	"strings"
)

// Assess looks for signs of danger in a text. Missing a sign is worse than
// seeing one too many, and idioms still must not count. It is deterministic and
// takes time linear in the length of the text.
func Assess(text string) Assessment {
	whole := normalise(text)
	found := Assessment{Severity: None}
	for sentence := range strings.SplitSeq(whole, " . ") {
		assessSentence(&found, " "+strings.TrimSpace(sentence)+" ")
	}
	if found.NeedsSafeAnswer() && level(found.Severity) >= level(Explicit) && imminence.MatchString(whole) {
		found.Severity = Imminent
	}
	return found
}

// assessSentence raises the assessment by each rule that fires. Idioms are blanked
// only where a rule fired, since most sentences hold neither.
func assessSentence(found *Assessment, sentence string) {
	blanked := ""
	for _, r := range rules {
		if !r.anchored(sentence) || !r.pattern.MatchString(sentence) {
			continue
		}
		if blanked == "" {
			blanked = idioms.ReplaceAllString(sentence, " _ ")
		}
		for _, at := range r.pattern.FindAllStringIndex(blanked, -1) {
			severity := r.severity
			if r.firstPerson && softened(blanked, at[0], at[1]) {
				severity = Concern
			}
			found.raise(r, severity)
		}
	}
}

func (a *Assessment) raise(r rule, severity Severity) {
	if level(severity) > level(a.Severity) {
		a.Severity = severity
	}
	if !slices.Contains(a.Kinds, r.kind) {
		a.Kinds = append(a.Kinds, r.kind)
	}
	if !slices.Contains(a.Rules, r.name) {
		a.Rules = append(a.Rules, r.name)
	}
}

// softened reports whether what was found is denied, over, or told as fiction.
// A word of now takes that back: "I used to cut myself and I do it again".
func softened(sentence string, from, to int) bool {
	if denial.MatchString(sentence[:from]+" ") || denialWithin.MatchString(sentence[from:to]) {
		return true
	}
	rest := sentence[:from] + " " + sentence[to:]
	if present.MatchString(sentence) {
		return false
	}
	return past.MatchString(rest) || past.MatchString(sentence[:to]) || fiction.MatchString(rest)
}

func level(s Severity) int {
	return slices.Index([]Severity{None, Concern, Implicit, Explicit, Imminent}, s)
}

// rule is one sign. The patterns see normalised sentences with spaces around.
type rule struct {
	name     string
	kind     Kind
	severity Severity
	// firstPerson rules speak of the writer, so denial and past soften them.
	firstPerson bool
	pattern     *regexp.Regexp
	anchors     []string
}

func mine(name string, kind Kind, severity Severity, pattern string) rule {
	return rule{name, kind, severity, true, regexp.MustCompile(pattern), anchors(pattern)}
}

func others(name string, kind Kind, severity Severity, pattern string) rule {
	return rule{name, kind, severity, false, regexp.MustCompile(pattern), anchors(pattern)}
}
