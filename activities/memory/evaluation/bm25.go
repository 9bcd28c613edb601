package evaluation

import (
	"cmp"
	"context"
	"slices"

	"meai/internal/lexicon"
)

// k1 and b are BM25's parameters as Lucene has them.
const k1, b = 1.2, 0.75

// BM25 finds turns by their own words alone (Robertson and Zaragoza 2009, with Lucene's
// idf): what a recall has to be better than.
type BM25 struct {
	ids    []string
	counts []map[string]int
	length []float64
}

// NewBM25 indexes the turns of a conversation.
func NewBM25(c Conversation) *BM25 {
	f := &BM25{}
	for _, t := range c.Turns {
		counts := map[string]int{}
		terms := lexicon.Terms(c.Remembered(t))
		for _, term := range terms {
			counts[term]++
		}
		f.ids, f.counts, f.length = append(f.ids, t.ID), append(f.counts, counts), append(f.length, float64(len(terms)))
	}
	return f
}

// Find implements [Finder]: the best of the first known turns.
func (f *BM25) Find(_ context.Context, q Question, known, limit int) ([]string, error) {
	scores, mean := make([]float64, known), 0.0
	for _, length := range f.length[:known] {
		mean += length / float64(known)
	}
	for _, term := range distinct(lexicon.Terms(q.Question)) {
		held := 0
		for _, counts := range f.counts[:known] {
			if counts[term] > 0 {
				held++
			}
		}
		idf := lexicon.Rarity(float64(held), float64(known))
		for i, counts := range f.counts[:known] {
			n := float64(counts[term])
			scores[i] += idf * n * (k1 + 1) / (n + k1*(1-b+b*f.length[i]/mean))
		}
	}
	return best(scores, f.ids, limit), nil
}

// best are the ids of the highest scores above zero; of equal ones the earlier first.
func best(scores []float64, ids []string, limit int) []string {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var found []string
	for _, i := range order[:min(limit, len(order))] {
		if scores[i] > 0 {
			found = append(found, ids[i])
		}
	}
	return found
}

func distinct(terms []string) []string {
	slices.Sort(terms)
	return slices.Compact(terms)
}
