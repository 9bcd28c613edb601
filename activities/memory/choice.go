package memory

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/internal/embedding"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

// scored is a memory with what tells how alike two are.
type scored struct {
	Memory
	vector []float32
	terms  []vectors.Term
}

// eachOnce drops what says again what a better memory said: the marker of a turn that is
// there already, or the same words another time.
func eachOnce(ranked []scored) []scored {
	interactions := make(map[uuid.UUID]bool)
	said := make(map[string]bool)
	var kept []scored
	for _, m := range ranked {
		words := strings.Join(lexicon.Words(m.Text), " ")
		if said[words] || (m.Interaction != uuid.Nil && m.Kind != Entity && interactions[m.Interaction]) {
			continue
		}
		said[words], interactions[m.Interaction] = true, true
		kept = append(kept, m)
	}
	return kept
}

// perToken is how many characters a token of a language model has in English, about.
const perToken = 4

// tokens is about how many tokens a text has.
func tokens(text string) int { return (len([]rune(text)) + perToken - 1) / perToken }

// choose takes the first, as many as are asked for and as the budget of tokens has room
// for; 0 is no budget. What has no room is passed over. With diversity each next one is
// the best by what it adds: its score, less how alike it is to what is there already
// (maximal marginal relevance; Carbonell and Goldstein, 1998).
func choose(ranked []scored, limit int, diversity float64, budget int) []Memory {
	var chosen []scored
	var list []Memory
	for len(ranked) > 0 && len(list) < limit {
		at := 0
		if diversity > 0 {
			at = mostAdding(ranked, chosen, diversity)
		}
		next := ranked[at]
		ranked = slices.Delete(ranked, at, at+1)
		if budget > 0 {
			if tokens(next.Text) > budget {
				continue
			}
			if budget -= tokens(next.Text); budget == 0 {
				limit = 0 // nothing more has room
			}
		}
		chosen, list = append(chosen, next), append(list, next.Memory)
	}
	return list
}

// mostAdding is the place of what adds most. Scores count in proportion to the best left.
func mostAdding(ranked, chosen []scored, diversity float64) int {
	best, most := 0, 0.0
	highest := ranked[0].Score
	for i, m := range ranked {
		alike := 0.0
		for _, c := range chosen {
			alike = max(alike, likeness(m, c))
		}
		adds := (1-diversity)*m.Score/highest - diversity*alike
		if i == 0 || adds > most {
			best, most = i, adds
		}
	}
	return best
}

// likeness of two memories in [0, 1]: the cosine of their vectors or, without, the share
// of terms that both hold.
func likeness(a, b scored) float64 {
	if len(a.vector) > 0 && len(a.vector) == len(b.vector) {
		return clamp(embedding.Cosine(a.vector, b.vector))
	}
	both := 0
	for _, t := range a.terms {
		if slices.Contains(b.terms, t) {
			both++
		}
	}
	return float64(both) / float64(max(len(a.terms)+len(b.terms)-both, 1))
}
