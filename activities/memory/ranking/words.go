package ranking

import (
	"math/bits"

	"meai/internal/vectors"
)

// BM25 with little length normalisation and early saturation suits short turns (see
// internal/vectors).
const (
	k1 = 0.9
	b  = 0.4
)

// What turns are long, in distinct terms: some 11 a turn on the project's conversations.
// Only the proportion matters, and the weights take it up.
const (
	meanTurn    = 11
	meanWindow  = 4 * meanTurn
	meanSession = 12 * meanTurn
)

// Matched says which of the question's terms some text holds, a bit each in their order,
// and how many terms it has in all.
type Matched struct {
	bits   uint64
	length int
}

// mostTerms is how many terms of a question are matched; recall asks for fewer.
const mostTerms = 64

// Match compares terms with the question's.
func (q *Question) Match(terms []vectors.Term) Matched {
	m := Matched{length: len(terms)}
	for _, t := range terms {
		if at, asked := q.place[t]; asked {
			m.bits |= 1 << at
		}
	}
	return m
}

// pile counts the question's terms over some turns.
type pile struct {
	counts [mostTerms]float64
	any    uint64
	length float64
}

// add puts a turn onto the pile, each of its terms counting so much.
func (p *pile) add(m Matched, counts float64) {
	p.length += counts * float64(m.length)
	p.any |= m.bits
	for left := m.bits; left != 0; left &= left - 1 {
		p.counts[bits.TrailingZeros64(left)] += counts
	}
}

// bm25 of a pile, divided by what all the question's terms weigh.
func (q *Question) bm25(p *pile, mean float64) float64 {
	if q.total == 0 {
		return 0
	}
	norm, sum := k1*(1-b+b*p.length/mean), 0.0
	for left := p.any; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		sum += q.rarity[i] * p.counts[i] * (k1 + 1) / (p.counts[i] + norm)
	}
	return sum / q.total
}

// share of the question's terms, by rarity, that these bits stand for.
func (q *Question) share(held uint64) float64 {
	if q.total == 0 {
		return 0
	}
	sum := 0.0
	for left := held; left != 0; left &= left - 1 {
		sum += q.rarity[bits.TrailingZeros64(left)]
	}
	return sum / q.total
}

// wording sets the features of the terms.
func (q *Question) wording(f *Features, m Memory) {
	var self, wide, around, last, apart pile
	mine := q.Match(m.Terms)
	for _, p := range []*pile{&self, &wide, &around} {
		p.add(mine, 1)
	}
	beside := mine.bits
	for _, n := range m.Around {
		if n.Distance < -reach || n.Distance > reach {
			continue
		}
		around.add(n.Matched, 1)
		switch n.Distance {
		case -1:
			last.add(n.Matched, 1)
			fallthrough
		case 1:
			beside |= n.Matched.bits
			wide.add(n.Matched, 1)
		case -2, 2:
			wide.add(n.Matched, second)
			apart.add(n.Matched, 1)
		}
	}
	f[own], f[window], f[session] = q.bm25(&self, meanTurn), q.bm25(&wide, meanWindow), q.bm25(&around, meanSession)
	f[before], f[further] = q.bm25(&last, meanTurn), q.bm25(&apart, 2*meanTurn)
	f[covered], f[coveredBeside], f[coveredAround] = q.share(self.any), q.share(beside), q.share(around.any)
}
