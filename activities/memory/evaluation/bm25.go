package evaluation

import (
	"cmp"
	"context"
	"math"
	"slices"

	"meai/internal/lexicon"
)

// The parameters of BM25 as Lucene has them.
const saturation, lengthCounts = 1.2, 0.75

// BM25 finds turns by their own words alone (Robertson and Zaragoza 2009, with Lucene's
// idf): what a recall has to be better than.
type BM25 struct {
	ids    []string
	counts []map[string]int
	length []float64
	mean   float64
}

// NewBM25 indexes the turns of a conversation.
func NewBM25(c Conversation) *BM25 {
	b := &BM25{}
	for _, t := range c.Turns {
		counts := map[string]int{}
		terms := lexicon.Terms(c.remembered(t))
		for _, term := range terms {
			counts[term]++
		}
		b.ids, b.counts, b.length = append(b.ids, t.ID), append(b.counts, counts), append(b.length, float64(len(terms)))
		b.mean += float64(len(terms)) / float64(len(c.Turns))
	}
	return b
}

// Find implements [Finder]: the best of the first known turns.
func (b *BM25) Find(_ context.Context, q Question, known, limit int) ([]string, error) {
	scores := make([]float64, known)
	for _, term := range distinct(lexicon.Terms(q.Question)) {
		held := 0
		for _, counts := range b.counts[:known] {
			if counts[term] > 0 {
				held++
			}
		}
		idf := math.Log(1 + (float64(known-held)+0.5)/(float64(held)+0.5))
		for i, counts := range b.counts[:known] {
			n := float64(counts[term])
			scores[i] += idf * n * (saturation + 1) / (n + saturation*(1-lengthCounts+lengthCounts*b.length[i]/b.mean))
		}
	}
	return best(scores, b.ids, limit), nil
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
