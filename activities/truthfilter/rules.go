package truthfilter

import (
	"regexp"
	"slices"
	"strings"
)

// A rule recognises one way in which a text can be unsafe or dishonest.
type rule struct {
	// code is the reason that a judgement names.
	code string
	// weight is the share of the layer's score that one match costs, in (0, 1].
	weight float64
	// hints are parts of which at least one occurs in every text that expr
	// matches; they spare the pattern on all other texts.
	hints []string
	expr  *regexp.Regexp
	// excused tells which matches are harmless.
	excused excuse
}

type excuse uint8

const (
	// denied: "it is not your fault" is the opposite of "it is your fault".
	denied excuse = 1 << iota
	// reported: the person said it, and the draft gives it back as theirs:
	// "it seems to you that you are a failure".
	reported
)

// phrase builds a rule. hints are separated by "|".
func phrase(code string, weight float64, excused excuse, hints, expr string) rule {
	return rule{
		code: code, weight: weight, excused: excused,
		hints: strings.Split(hints, "|"), expr: regexp.MustCompile(`\b(?:` + expr + `)`),
	}
}

// A subject is a text under judgement, prepared once for all rules.
type subject struct {
	text string
	// sources are what the person said, now or earlier, as voices.
	sources [][]string
}

func newSubject(text string, sources ...string) subject {
	s := subject{text: plain(text)}
	for _, source := range sources {
		s.sources = append(s.sources, voices(plain(source), person))
	}
	return s
}

// broken lists the rules that the text breaks, each once.
func (s subject) broken(rules []rule) []rule {
	var found []rule
	for _, r := range rules {
		if s.breaks(r) {
			found = append(found, r)
		}
	}
	return found
}

func (s subject) breaks(r rule) bool {
	if !slices.ContainsFunc(r.hints, func(h string) bool { return strings.Contains(s.text, h) }) {
		return false
	}
	for _, at := range r.expr.FindAllStringIndex(s.text, -1) {
		if r.excused&denied != 0 && deniedAt(s.text, at[0]) {
			continue
		}
		if r.excused&reported != 0 && s.reportedAt(at) {
			continue
		}
		return true
	}
	return false
}

// penalise multiplies what each broken rule leaves of a score and names its code.
func penalise(score float64, broken []rule) (float64, []string) {
	var codes []string
	for _, r := range broken {
		score *= 1 - r.weight
		if !slices.Contains(codes, r.code) {
			codes = append(codes, r.code)
		}
	}
	return score, codes
}

var (
	negators = map[string]bool{
		"not": true, "no": true, "never": true, "without": true, "nobody": true, "nothing": true,
		"cannot": true, "isn't": true, "doesn't": true, "don't": true, "didn't": true, "won't": true,
		"can't": true, "needn't": true, "wasn't": true, "aren't": true, "couldn't": true, "wouldn't": true,
		"shouldn't": true, "rather": true, "instead": true, "neither": true, "nor": true, "hardly": true, "seldom": true,
	}
	clauseEnd = regexp.MustCompile(`[.,;:!?"]| but | and then `)
)

// deniedReach is how many words before a match a negation may stand.
const deniedReach = 5

// deniedAt reports whether a negation governs the match that begins at i.
func deniedAt(text string, i int) bool {
	clause := text[:i]
	if ends := clauseEnd.FindAllStringIndex(clause, -1); len(ends) > 0 {
		clause = clause[ends[len(ends)-1][1]:]
	}
	words := strings.Fields(clause)
	words = words[max(0, len(words)-deniedReach):]
	return slices.ContainsFunc(words, func(w string) bool { return negators[w] })
}

// attribution marks a sentence that gives back what somebody says or feels,
// instead of stating it.
var attribution = regexp.MustCompile(`\b(?:(?:you|you're|you've|your \w+|she|he|they|someone|people)(?: \w+)? (?:say|says|said|saying|write|wrote|writing|tell|tells|told|telling|call|calls|called|think|thinks|thinking|fear|worry|worries|believe|describe|hear|heard|feel|feels|felt|ask|asks|asked|asking)|seems to you|feels? (?:as if|as though|like|to you)|felt (?:as if|like)|the thought|the voice|part of you|the words|your words)\b`)

// reportedAt reports whether the match only gives back the person's own words.
func (s subject) reportedAt(at []int) bool {
	start, end := sentenceAround(s.text, at)
	sentence := s.text[start:end]
	if !attribution.MatchString(sentence) && !quoted(s.text, at) {
		return false
	}
	match := voices(s.text[at[0]:at[1]], companion)
	return slices.ContainsFunc(s.sources, func(source []string) bool { return within(match, source) })
}

func sentenceAround(text string, at []int) (start, end int) {
	start = strings.LastIndexAny(text[:at[0]], ".!?") + 1
	end = len(text)
	if i := strings.IndexAny(text[at[1]:], ".!?"); i >= 0 {
		end = at[1] + i
	}
	return start, end
}

// quoted reports whether the match lies between quotation marks.
func quoted(text string, at []int) bool {
	return strings.Count(text[:at[0]], `"`)%2 == 1 && strings.Contains(text[at[1]:], `"`)
}

// bare builds a rule whose pattern need not begin at a word.
func bare(code string, weight float64, hints, expr string) rule {
	return rule{code: code, weight: weight, hints: strings.Split(hints, "|"), expr: regexp.MustCompile(expr)}
}
