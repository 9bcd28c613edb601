package truthfilter

import (
	"regexp"
	"slices"
	"strings"
)

// A rule recognises one way in which a text can be unsafe or dishonest. Rules are
// written in rules/*.yaml.
type rule struct {
	// code is the reason that a judgement names.
	code string
	// weight is the share of the layer's score that the rule costs, in (0, 1].
	weight float64
	// excused tells which matches are harmless.
	excused excuse
	phrases []phrase
}

// A phrase is a pattern with the parts of which at least one occurs in every text
// that it matches. They spare the pattern on all other texts.
type phrase struct {
	expr  *regexp.Regexp
	hints []string
}

type excuse uint8

const (
	// denied: "it is not your fault" is the opposite of "it is your fault".
	denied excuse = 1 << iota
	// inverted: the denial stands inside the match, "you are not a failure".
	inverted
	// reported: the person said it, and the draft gives it back as theirs: "it
	// seems to you that you are a failure".
	reported
	// echoed: the person said it of themselves, and the draft gives back the
	// whole of it: "you have to leave him" after "I have to leave him".
	echoed
)

// A subject is a text under judgement, prepared once for all rules.
type subject struct {
	text string
	// sources are what the person said, now or earlier: as voices, and as plain
	// text.
	sources [][]string
	said    string
}

func newSubject(text string, sources ...string) subject {
	s := subject{text: plain(text)}
	for _, source := range sources {
		source = plain(source)
		s.sources = append(s.sources, voices(source, person))
		s.said += source + "\n"
	}
	return s
}

// says finds a match that is the text's own, not a word of the person given back.
func (s subject) says(expr *regexp.Regexp) (words string, found bool) {
	for _, match := range expr.FindAllString(s.text, -1) {
		if words = strings.TrimSpace(match); !strings.Contains(s.said, words) {
			return words, true
		}
	}
	return "", false
}

// takeSaid costs the layer a share of its score when, and if the text says it.
func (s subject) takeSaid(layer *LayerScore, weight float64, code string, when bool, expr *regexp.Regexp) {
	if !when {
		return
	}
	words, found := s.says(expr)
	layer.take(weight, found, Reason{Code: code, Words: words})
}

// judge takes from a full score the share of each rule that the text breaks, and
// names the rules' codes with the words that break them.
func (s subject) judge(layer Layer, rules []rule) LayerScore {
	judged := LayerScore{Layer: layer, Score: 1}
	for _, r := range rules {
		if words, broken := s.breaks(r); broken {
			judged.take(r.weight, true, Reason{Code: r.code, Words: words})
		}
	}
	return judged
}

// breaks finds the words by which the text breaks the rule.
func (s subject) breaks(r rule) (words string, broken bool) {
	for _, p := range r.phrases {
		if !p.possible(s.text) {
			continue
		}
		for _, at := range p.expr.FindAllStringIndex(s.text, -1) {
			if !s.excuses(r.excused, at) {
				return strings.TrimSpace(s.text[at[0]:at[1]]), true
			}
		}
	}
	return "", false
}

func (p phrase) possible(text string) bool {
	return len(p.hints) == 0 || slices.ContainsFunc(p.hints, func(h string) bool { return strings.Contains(text, h) })
}

func (s subject) excuses(e excuse, at []int) bool {
	return e&denied != 0 && deniedAt(s.text, at[0]) ||
		e&inverted != 0 && negated(strings.Fields(s.text[at[0]:at[1]])) ||
		e&reported != 0 && s.reportedAt(at) ||
		e&echoed != 0 && s.echoedAt(at)
}
