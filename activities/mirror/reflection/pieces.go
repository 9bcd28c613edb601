package reflection

import (
	"slices"
	"strings"
)

// parting words begin a new clause after a comma, and some even without.
var (
	partingAfterComma = wordSet(`and but so because then yet or plus now which`)
	partingAnywhere   = wordSet(`but because`)
	// splicing words begin a sentence of its own behind a mere comma.
	splicing = wordSet(`i my he she it they we there nobody everyone`)
	// prepositions begin what belongs to the clause that follows: "after work, I".
	prepositions = wordSet(`after at in on during for from with by before until despite without`)
	// subordinators begin a clause that cannot stand alone.
	subordinators = wordSet(`if when whenever because since although though after before while as until unless even once every`)
)

// cut is a place where a clause begins; hard ones part sentences that only a
// comma joins.
type cut struct {
	at   int
	hard bool
}

// piece is a run of words with where it stands in its sentence.
type piece struct {
	words    []token
	from, to int
}

// pieces cuts a sentence where its clauses meet and returns every run of
// neighbouring clauses that is short enough to be given back. Sentences that were
// spliced by a comma get a dash in its place.
func pieces(words []token) []piece {
	cuts := cutsOf(words)
	var runs []piece
	for from := range len(cuts) - 1 {
		for to := from + 1; to < len(cuts) && cuts[to].at-cuts[from].at <= mostWords; to++ {
			runs = append(runs, piece{mended(words, cuts[from:to+1]), cuts[from].at, cuts[to].at})
		}
	}
	return runs
}

// cutsOf are the places where a clause may begin, from 0 to the length.
func cutsOf(words []token) []cut {
	cuts := []cut{{}}
	for i := 1; i < len(words); i++ {
		last := cuts[len(cuts)-1].at
		if i-last < 3 || subordinators[words[last].was] && !strings.ContainsAny(words[i-1].after, ";:–—…") {
			continue
		}
		if c, found := cutAt(words, i); found && !(c.hard && (leading[words[last].was] || prepositions[words[last].was])) {
			cuts = append(cuts, c)
		}
	}
	return append(cuts, cut{at: len(words)})
}

func cutAt(words []token, i int) (cut, bool) {
	before, word := words[i-1].after, base(words[i].was)
	strong := strings.ContainsAny(before, ";:–—") || strings.Contains(before, "...") || strings.Contains(before, "…")
	comma := strings.Contains(before, ",")
	switch {
	case strong || comma && splicing[word] && whole(words[i:nextComma(words, i)]):
		return cut{i, comma && !strong}, true
	default:
		return cut{i, false}, comma && partingAfterComma[word] || partingAnywhere[words[i].was]
	}
}

// nextComma is the place after the next punctuation from i on.
func nextComma(words []token, i int) int {
	for k := i; k < len(words); k++ {
		if words[k].after != "" {
			return k + 1
		}
	}
	return len(words)
}

func mended(words []token, cuts []cut) []token {
	first, last := cuts[0].at, cuts[len(cuts)-1].at
	run := slices.Clone(words[first:last])
	for _, c := range cuts[1 : len(cuts)-1] {
		if c.hard {
			run[c.at-first-1].after = " –"
		}
	}
	return run
}
