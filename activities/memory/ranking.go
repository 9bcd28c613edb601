package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/internal/embedding"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// The arms only propose; every candidate is scored here, from the rows, so that
// scores mean the same whether a memory is indexed yet and whether the index is
// up. A score is the weighted mean of two numbers in [0, 1]: the cosine of the
// embeddings, and the share of the query's terms that the memory holds, by rarity.
const (
	// meaningWeight is the weight of the cosine. LoCoMo evidence recall@10 with this
	// encoder was .576 at 2/3, .526 by words alone and .370 by meaning alone. On the
	// conversations in testdata recall@5 was .833 at .5 and .6, .814 at 2/3 and .7.
	meaningWeight = 0.6
	// besideWeight is what a term counts that was said just before or after. It lifts
	// recall@5 of the questions that need a neighbour from .44 to .72 there.
	besideWeight = 0.5
	// leastScore is what a memory must reach by itself to be recalled at all: better
	// nothing than something beside the point. In testdata it costs no recall@5.
	leastScore = 0.15
	// mostHeld and mostTotal bound the counts behind a term's rarity; a term in a
	// quarter of the memories weighs little, however many more hold it.
	mostHeld, mostTotal = 1000, 4000
)

// weigh reads how rare the query's terms are and what was said beside each turn.
func (s *search) weigh(ctx context.Context, q *queries.Queries) error {
	if len(s.terms) == 0 || len(s.nodes) == 0 {
		return nil
	}
	frequencies, err := q.TermFrequencies(ctx, queries.TermFrequenciesParams{
		SubjectID: s.in.Ref.Subject, Terms: numbers(s.terms), MostHeld: mostHeld, MostTotal: mostTotal,
	})
	if err != nil {
		return fmt.Errorf("count the query's terms: %w", err)
	}
	s.rarity = rarity(frequencies)
	around, err := q.Conversation(ctx, s.in.Ref.Subject, 1, slices.Collect(maps.Keys(s.nodes)))
	if err != nil {
		return fmt.Errorf("read the neighbours: %w", err)
	}
	s.beside = make(map[uuid.UUID][]vectors.Term)
	for _, t := range around {
		s.beside[t.TurnID] = append(s.beside[t.TurnID], termsOf(t.Terms)...)
	}
	return nil
}

// rarity is that of each term; see [lexicon.Rarity].
func rarity(frequencies []queries.TermFrequenciesRow) map[vectors.Term]float64 {
	weights := make(map[vectors.Term]float64, len(frequencies))
	for _, f := range frequencies {
		held, total := float64(f.HeldBy), float64(max(f.Total, f.HeldBy))
		weights[vectors.Term(f.Term)] = lexicon.Rarity(held, total)
	}
	return weights
}

// best ranks the candidates and returns the first, without repetitions.
func (s *search) best() []Memory {
	// Who asks for an entity, or for nothing in particular, wants what there is.
	anyway := len(s.in.Entities) > 0 || (len(s.terms) == 0 && s.vector == nil)
	ranked := make([]Memory, 0, len(s.nodes))
	for _, n := range s.nodes {
		own, beside := s.words(n)
		if anyway || s.fuse(n, own) >= leastScore {
			ranked = append(ranked, n.memory(s.fuse(n, own+beside)))
		}
	}
	slices.SortFunc(ranked, func(a, b Memory) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), b.SaidAt.Compare(a.SaidAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return firstOfEach(ranked, s.limit)
}

// fuse adds meaning to words, or gives the one there is.
func (s *search) fuse(n node, words float64) float64 {
	if s.vector == nil || n.model != s.model || len(n.vector) != len(s.vector) {
		return words
	}
	meaning := clamp(embedding.Cosine(s.vector, n.vector))
	if len(s.terms) == 0 {
		return meaning
	}
	return meaningWeight*meaning + (1-meaningWeight)*words
}

// words is the share of the query's terms that the memory holds, and what the
// terms said beside it add.
func (s *search) words(n node) (own, beside float64) {
	all := 0.0
	for _, t := range s.terms {
		weight := s.rarity[t]
		all += weight
		switch {
		case slices.Contains(n.terms, t):
			own += weight
		case slices.Contains(s.beside[n.id], t):
			beside += besideWeight * weight
		}
	}
	if all == 0 {
		return 0, 0
	}
	return own / all, beside / all
}

// firstOfEach drops what says again what a better memory said: the marker of a
// turn that is there already, or the same words another time.
func firstOfEach(ranked []Memory, limit int) []Memory {
	interactions := make(map[uuid.UUID]bool)
	said := make(map[string]bool)
	var kept []Memory
	for _, m := range ranked {
		words := strings.Join(lexicon.Words(m.Text), " ")
		if said[words] || (m.Interaction != uuid.Nil && m.Kind != Entity && interactions[m.Interaction]) {
			continue
		}
		said[words], interactions[m.Interaction] = true, true
		if kept = append(kept, m); len(kept) == limit {
			break
		}
	}
	return kept
}
