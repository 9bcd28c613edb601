package crisis

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
)

// An anchor is a set of literals of which every match of a pattern contains at least
// one. Looking for them first spares most sentences the regular expressions, which
// cost about a thousand times as much.

// index finds all anchors' literals in a piece at once: by their first four bytes.
type index struct {
	literals map[string][]*literal
	known    map[string]*literal
	anchors  int
}

// literal is a string and the places of the anchors that it belongs to.
type literal struct {
	text    string
	anchors []int
}

const (
	// mostAnchors is how many anchors a pattern gets at most.
	mostAnchors = 3
	// keyBytes is how much of a literal is looked up, so that no literal is shorter.
	keyBytes = 4
	// largest is how many literals an anchor may have.
	largest = 150
)

// add takes up the pattern's anchors, the most telling first, and returns their
// places: a piece without a literal of each does not match.
func (x *index) add(pattern string) []int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil // regexp.MustCompile says it better
	}
	sets := required(parsed.Simplify())
	slices.SortStableFunc(sets, func(a, b []string) int { return cmp.Compare(shortest(b), shortest(a)) })
	var places []int
	for _, set := range sets[:min(len(sets), mostAnchors)] {
		if shortest(set) < keyBytes {
			continue
		}
		for _, text := range set {
			x.put(text, x.anchors)
		}
		places = append(places, x.anchors)
		x.anchors++
	}
	return places
}

func (x *index) put(text string, anchor int) {
	if x.known == nil {
		x.literals, x.known = map[string][]*literal{}, map[string]*literal{}
	}
	l := x.known[text]
	if l == nil {
		l = &literal{text: text}
		x.known[text] = l
		x.literals[text[:keyBytes]] = append(x.literals[text[:keyBytes]], l)
	}
	l.anchors = append(l.anchors, anchor)
}

// in reports for each anchor whether the piece holds one of its literals.
func (x *index) in(piece string) []bool {
	held := make([]bool, x.anchors)
	for i := range max(len(piece)-keyBytes+1, 0) {
		for _, l := range x.literals[piece[i:i+keyBytes]] {
			if strings.HasPrefix(piece[i:], l.text) {
				for _, a := range l.anchors {
					held[a] = true
				}
			}
		}
	}
	return held
}

// required returns sets of literals, of each of which every match contains one.
func required(re *syntax.Regexp) [][]string {
	if all := exact(re); all != nil {
		return [][]string{all}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var sets [][]string
		run := []string{""}
		for _, sub := range re.Sub {
			all := exact(sub)
			if joined := cross(run, all); joined != nil {
				run = joined
				continue
			}
			sets = append(sets, run)
			if run = all; all == nil {
				sets, run = append(sets, required(sub)...), []string{""}
			}
		}
		return append(sets, run)
	case syntax.OpAlternate:
		var joined []string
		for _, sub := range re.Sub {
			sets := required(sub)
			if len(sets) == 0 {
				return nil
			}
			joined = append(joined, slices.MaxFunc(sets, func(a, b []string) int { return cmp.Compare(shortest(a), shortest(b)) })...)
		}
		return [][]string{joined}
	default:
		return nil
	}
}

// exact returns all strings that the expression matches, or nil if they are many.
func exact(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return []string{""}
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpQuest:
		if all := exact(re.Sub[0]); all != nil {
			return append([]string{""}, all...)
		}
		return nil
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			if all = cross(all, exact(sub)); all == nil {
				return nil
			}
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			some := exact(sub)
			if some == nil || len(all)+len(some) > largest {
				return nil
			}
			all = append(all, some...)
		}
		return all
	default:
		return nil
	}
}

// cross joins each string with each; nil if they become too many or one side is nil.
func cross(a, b []string) []string {
	if len(a)*len(b) > largest {
		return nil
	}
	var all []string
	for _, x := range a {
		for _, y := range b {
			all = append(all, x+y)
		}
	}
	return all
}

func shortest(set []string) int {
	if len(set) == 0 {
		return 0
	}
	return len(slices.MinFunc(set, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
}

// alternatives cuts a pattern at its outermost bars: each alternative has anchors of
// its own.
func alternatives(pattern string) []string {
	var all []string
	depth, begin := 0, 0
	for i, r := range pattern {
		switch {
		case r == '(' || r == '[':
			depth++
		case r == ')' || r == ']':
			depth--
		case r == '|' && depth == 0:
			all = append(all, pattern[begin:i])
			begin = i + 1
		}
	}
	return append(all, pattern[begin:])
}
