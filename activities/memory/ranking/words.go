package ranking

import "meai/internal/vectors"

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

// pile counts the question's terms over some turns.
type pile struct {
	counts []float64
	length float64
}

func (q *Question) newPile() pile { return pile{counts: make([]float64, len(q.rarity))} }

// add puts a turn's terms onto the pile, each counting so much.
func (q *Question) add(p *pile, terms []vectors.Term, counts float64) {
	p.length += counts * float64(len(terms))
	for _, t := range terms {
		if at, asked := q.place[t]; asked {
			p.counts[at] += counts
		}
	}
}

// bm25 of a pile, divided by what all the question's terms weigh.
func (q *Question) bm25(p pile, mean float64) float64 {
	if q.total == 0 {
		return 0
	}
	norm, sum := k1*(1-b+b*p.length/mean), 0.0
	for i, n := range p.counts {
		sum += q.rarity[i] * n * (k1 + 1) / (n + norm)
	}
	return sum / q.total
}

// share of the question's terms, by rarity, that are on the pile.
func (q *Question) share(p pile) float64 {
	if q.total == 0 {
		return 0
	}
	sum := 0.0
	for i, n := range p.counts {
		if n > 0 {
			sum += q.rarity[i]
		}
	}
	return sum / q.total
}

// Covers is the share of the question's terms, by rarity, that these are.
func (q *Question) Covers(terms []vectors.Term) float64 {
	p := q.newPile()
	q.add(&p, terms, 1)
	return q.share(p)
}

// wording sets the features of the terms.
func (q *Question) wording(f *Features, m Memory) {
	self, beside, wide, around, last, apart := q.newPile(), q.newPile(), q.newPile(), q.newPile(), q.newPile(), q.newPile()
	for _, p := range []*pile{&self, &beside, &wide, &around} {
		q.add(p, m.Terms, 1)
	}
	for _, n := range m.Around {
		if n.Distance < -reach || n.Distance > reach {
			continue
		}
		q.add(&around, n.Terms, 1)
		switch n.Distance {
		case -1:
			q.add(&last, n.Terms, 1)
			fallthrough
		case 1:
			q.add(&beside, n.Terms, 1)
			q.add(&wide, n.Terms, 1)
		case -2, 2:
			q.add(&wide, n.Terms, second)
			q.add(&apart, n.Terms, 1)
		}
	}
	f[own], f[window], f[session] = q.bm25(self, meanTurn), q.bm25(wide, meanWindow), q.bm25(around, meanSession)
	f[before], f[further] = q.bm25(last, meanTurn), q.bm25(apart, 2*meanTurn)
	f[covered], f[coveredBeside], f[coveredAround] = q.share(self), q.share(beside), q.share(around)
}
