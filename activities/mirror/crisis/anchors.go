package crisis

import (
	"regexp/syntax"
	"strings"
)

// anchors returns literals of which every match of the pattern contains at least
// one, or nil when there are none. Looking for them first spares most sentences
// the regular expressions, which cost about a thousand times as much.
func anchors(pattern string) []string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil // regexp.MustCompile says it better
	}
	return required(parsed.Simplify())
}

func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if found := required(sub); shortest(found) > shortest(best) {
				best = found
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := required(sub)
			if found == nil {
				return nil
			}
			all = append(all, found...)
		}
		return all
	default:
		return nil
	}
}

func shortest(literals []string) int {
	if len(literals) == 0 {
		return 0
	}
	least := len(literals[0])
	for _, l := range literals {
		least = min(least, len(l))
	}
	return least
}

// anchored reports whether a sentence holds one of the rule's anchors.
func (r rule) anchored(sentence string) bool {
	for _, a := range r.anchors {
		if strings.Contains(sentence, a) {
			return true
		}
	}
	return r.anchors == nil
}
