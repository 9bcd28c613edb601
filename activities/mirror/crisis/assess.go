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
		for piece := range pieces(strings.Fields(sentence)) {
			assessPiece(&found, " "+strings.Join(piece, " ")+" ")
		}
	}
	if found.NeedsSafeAnswer() && level(found.Severity) >= level(Explicit) && imminence.MatchString(whole) {
		found.Severity = Imminent
	}
	return found
}

const (
	// longest and overlap bound a piece in words. What surrounds a sign is looked at
	// again for each sign, so without the bound time would grow with the square.
	longest = 60
	overlap = 15
)

// pieces cuts a sentence into overlapping pieces, so that no sign is cut apart.
func pieces(words []string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(words) > longest {
			if !yield(words[:longest]) {
				return
			}
			words = words[longest-overlap:]
		}
		yield(words)
	}
}

// assessPiece raises the assessment by each rule that fires. Idioms are blanked
// only where a rule fired, since most pieces hold neither.
func assessPiece(found *Assessment, piece string) {
	blanked := ""
	for _, r := range rules {
		if !r.anchored(piece) || !r.pattern.MatchString(piece) {
			continue
		}
		if blanked == "" {
			blanked = idioms.ReplaceAllString(piece, " _ ")
		}
		if severity := r.severityIn(blanked); severity != None {
			found.raise(r, severity)
		}
	}
}

// severityIn is that of the gravest match; the first that nothing softens decides.
func (r rule) severityIn(piece string) Severity {
	severity := None
	for _, at := range r.pattern.FindAllStringIndex(piece, -1) {
		if !r.firstPerson || !softened(piece, at[0], at[1]) {
			severity = r.severity
			break
		}
		severity = Concern
	}
	if severity != None && r.kind == DangerToOthers && joking.MatchString(piece) {
		return Concern
	}
	return severity
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
	if (denial.MatchString(sentence[:from]+" ") && !strings.Contains(sentence[:from], " promise ")) || denialWithin.MatchString(sentence[from:to]) {
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
