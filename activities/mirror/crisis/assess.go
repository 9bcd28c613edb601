package crisis

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Assess looks for signs of danger in a text by the rules alone, and counts the doubtful
// ones, too. Missing a sign is worse than seeing one too many, and idioms still must not
// count. It is deterministic and takes time linear in the length of the text.
func Assess(text string) Assessment { return Look(text).Settled() }

// Look is a first look, before a model decides: what doubtful rules find is only
// suspected. Where no model comes, [Assessment.Settled] counts it.
func Look(text string) Assessment {
	whole := normalise(text)
	found := Assessment{Severity: None}
	signs(whole, func(r rule, severity Severity, long bool) {
		if r.suspect && long {
			found.Suspected = graver(found.Suspected, severity)
			severity = Concern
		}
		found.raise(r, severity)
	})
	for _, severity := range []*Severity{&found.Severity, &found.Suspected} {
		if level(*severity) >= level(Explicit) && imminence.MatchString(whole) {
			*severity = Imminent
		}
	}
	return found
}

// signs tells each rule that fires somewhere in a normalised text, for what severity, and
// whether the text says more than that.
func signs(whole string, tell func(r rule, severity Severity, long bool)) {
	in := sync.OnceValue(func() surroundings { return about(whole) })
	for sentence := range strings.SplitSeq(whole, " . ") {
		for piece := range pieces(strings.Fields(sentence)) {
			signsIn(" "+strings.Join(piece, " ")+" ", in, tell)
		}
	}
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

// signsIn are those of a piece. Idioms are blanked only where a rule fired, since most
// pieces hold neither.
func signsIn(piece string, in func() surroundings, tell func(r rule, severity Severity, long bool)) {
	held, blanked := anchors.in(piece), ""
	for _, r := range rules {
		if slices.ContainsFunc(r.anchors, func(a int) bool { return !held[a] }) || !r.pattern().MatchString(piece) {
			continue
		}
		if blanked == "" {
			blanked = idioms.ReplaceAllString(piece, " _ ")
		}
		if severity := r.severityIn(blanked, in()); severity != None {
			tell(r, severity, in().long)
		}
	}
}

// severityIn is that of the gravest match; the first that nothing softens decides.
func (r rule) severityIn(piece string, in surroundings) Severity {
	severity := None
	for _, at := range r.pattern().FindAllStringIndex(piece, -1) {
		if !r.softened(piece, at[0], at[1], in) {
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
	a.Severity = graver(a.Severity, severity)
	if !slices.Contains(a.Kinds, r.kind) {
		a.Kinds = append(a.Kinds, r.kind)
	}
	if !slices.Contains(a.Rules, r.name) {
		a.Rules = append(a.Rules, r.name)
	}
}

func graver(a, b Severity) Severity {
	if level(b) > level(a) {
		return b
	}
	return a
}

// level is -1 of no severity at all.
func level(s Severity) int {
	return slices.Index(Severities(), s)
}

// rule is one sign. The patterns see normalised sentences with spaces around.
type rule struct {
	name     string
	kind     Kind
	severity Severity
	// firstPerson rules speak of the writer, so denial and past soften them.
	firstPerson bool
	// suspect rules count in short texts only; see suspects.
	suspect bool
	// key is the name with the pattern as the rules spell it.
	key string
	// pattern is compiled when a text holds its anchors for the first time.
	pattern func() *regexp.Regexp
	// anchors are the places of the pattern's anchors.
	anchors []int
}

// anchors are those of all rules.
var anchors index

// mine are the rules, one for each alternative, of a sign in what people say of
// themselves; others are those of a sign in what they say of anybody.
func mine(name string, kind Kind, severity Severity, pattern string) []rule {
	return sign(rule{name: name, kind: kind, severity: severity, firstPerson: true}, pattern)
}

func others(name string, kind Kind, severity Severity, pattern string) []rule {
	return sign(rule{name: name, kind: kind, severity: severity}, pattern)
}

func sign(r rule, pattern string) []rule {
	var all []rule
	for _, alternative := range alternatives(pattern) {
		full := classes.Replace(alternative)
		r.key = r.name + "\t" + alternative
		r.suspect = suspects[r.key]
		r.anchors = anchors.add(full)
		r.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(full) })
		all = append(all, r)
	}
	return all
}
