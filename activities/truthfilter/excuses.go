package truthfilter

import (
	"regexp"
	"slices"
	"strings"
)

var (
	negators = map[string]bool{
		"not": true, "no": true, "never": true, "without": true, "nobody": true, "nothing": true,
		"cannot": true, "isn't": true, "doesn't": true, "don't": true, "didn't": true, "won't": true,
		"can't": true, "needn't": true, "wasn't": true, "aren't": true, "couldn't": true, "wouldn't": true,
		"shouldn't": true, "neither": true, "nor": true, "hardly": true, "seldom": true,
	}
	// suspenders leave open what follows them: "before you stop taking them, ask".
	suspenders = map[string]bool{"before": true, "whether": true, "rather": true, "instead": true, "unless": true}

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
	return negated(words) || slices.ContainsFunc(words, func(w string) bool { return suspenders[w] })
}

func negated(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return negators[w] })
}

// attribution marks a sentence that gives back what somebody says or feels,
// instead of stating it.
var attribution = regexp.MustCompile(`\b(?:(?:you|you're|you've|your \w+|she|he|they|someone|people)(?: \w+)? ` +
	`(?:say|says|said|saying|write|wrote|writing|tell|tells|told|telling|call|calls|called|think|thinks|thinking|fear|worry|worries|` +
	`believe|describe|hear|heard|feel|feels|felt|ask|asks|asked|asking)|` +
	`seems to you|feels? (?:as if|as though|like|to you)|felt (?:as if|like)|the thought|the voice|part of you|the words|your words)\b`)

// reportedAt reports whether the match only gives back the person's own words, as
// theirs.
func (s subject) reportedAt(at []int) bool {
	start, end := sentenceAround(s.text, at)
	if !attribution.MatchString(s.text[start:end]) && !quoted(s.text, at) {
		return false
	}
	return s.fromPerson(s.text[at[0]:at[1]])
}

// echoLead is how many words before a match have to be the person's as well before
// it counts as given back: it tells "you have to sign" from "you should sign".
const echoLead = 3

// echoedAt reports whether the person said the same of themselves. A match at the
// head of a sentence is a command and never an echo.
func (s subject) echoedAt(at []int) bool {
	start, _ := sentenceAround(s.text, at)
	lead := strings.Fields(s.text[start:at[0]])
	match := s.text[at[0]:at[1]]
	if len(lead) == 0 && !strings.HasPrefix(match, "you") {
		return false
	}
	lead = lead[max(0, len(lead)-echoLead):]
	return s.fromPerson(strings.Join(lead, " ") + " " + match)
}

func (s subject) fromPerson(given string) bool {
	words := voices(given, companion)
	return slices.ContainsFunc(s.sources, func(source []string) bool { return within(words, source) })
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
