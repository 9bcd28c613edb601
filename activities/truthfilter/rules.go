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

// says reports whether the text has a match of its own, which is not a word of the
// person given back.
func (s subject) says(expr *regexp.Regexp) bool {
	return slices.ContainsFunc(expr.FindAllString(s.text, -1), func(match string) bool {
		return !strings.Contains(s.said, strings.TrimSpace(match))
	})
}

// judge takes from a full score the share of each rule that the text breaks, and
// names the rules' codes.
func (s subject) judge(rules []rule) (score float64, codes []string) {
	score = 1
	for _, r := range rules {
		if !s.breaks(r) {
			continue
		}
		score *= 1 - r.weight
		if !slices.Contains(codes, r.code) {
			codes = append(codes, r.code)
		}
	}
	return score, codes
}

func (s subject) breaks(r rule) bool {
	return slices.ContainsFunc(r.phrases, func(p phrase) bool {
		return p.possible(s.text) && slices.ContainsFunc(p.expr.FindAllStringIndex(s.text, -1), func(at []int) bool {
			return !s.excuses(r.excused, at)
		})
	})
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

// judgeSafety scores how safe a text is for a person who may be hurt already. Each
// rule costs enough to fall below the default threshold by itself.
func judgeSafety(s subject) LayerScore {
	score, codes := s.judge(rulebook.safety)
	return LayerScore{Layer: Safety, Score: score, Reasons: codes}
}
