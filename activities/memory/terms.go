package memory

import (
	"encoding/binary"

	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

const (
	// mostTerms bounds what one memory adds to the indexes; a page of text has
	// about 200 distinct stems.
	mostTerms = 512
	// mostQueryTerms bounds one search; words beyond it hardly change the ranking.
	mostQueryTerms = 48
)

// blindTerms cuts text into stems and blinds them, each once.
func blindTerms(keys *keyring.Keys, text string, most int) []vectors.Term {
	seen := make(map[string]bool)
	terms := []vectors.Term{}
	for _, stem := range lexicon.Terms(text) {
		if seen[stem] {
			continue
		}
		if seen[stem] = true; len(seen) > most {
			break
		}
		hash := keys.Blind(keyring.SearchTerm, []byte(stem))
		terms = append(terms, vectors.Term(binary.BigEndian.Uint64(hash)))
	}
	return terms
}

// numbers are the terms as PostgreSQL keeps them: the same 64 bits, signed.
func numbers(terms []vectors.Term) []int64 {
	list := make([]int64, len(terms))
	for i, t := range terms {
		list[i] = int64(t)
	}
	return list
}

func termsOf(list []int64) []vectors.Term {
	terms := make([]vectors.Term, len(list))
	for i, n := range list {
		terms[i] = vectors.Term(n)
	}
	return terms
}
