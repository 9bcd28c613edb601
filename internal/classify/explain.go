package classify

import "slices"

// Weight is how much a part of the text speaks for a label.
type Weight struct {
	Token
	Weight float64
}

// Explain tells which words speak for a label, the strongest first: what each one's
// features add to the score. What the dense features add has no words.
func (m *Model) Explain(text string, label int) []Weight {
	if m.Grams.Bits == 0 {
		return nil
	}
	tokens := Tokens(text)
	v := m.Grams.count(text).vector(m.rarity)
	made := map[uint32][]int{} // the tokens that made a feature
	m.Grams.occurrences(tokens, func(_ byte, place uint32, from, to int) {
		for i := from; i < to; i++ {
			made[place] = append(made[place], i)
		}
	})
	weights := make([]Weight, len(tokens))
	for i, t := range tokens {
		weights[i].Token = t
	}
	for i, place := range v.Index {
		from := made[place]
		each := float64(v.Value[i]) * float64(m.Sparse[int(place)*len(m.Labels)+label]) * float64(m.SparseScale[label]) / float64(len(from))
		for _, token := range from {
			weights[token].Weight += each
		}
	}
	weights = slices.DeleteFunc(weights, func(w Weight) bool { return w.Weight <= 0 })
	slices.SortStableFunc(weights, func(a, b Weight) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		default:
			return a.Start - b.Start
		}
	})
	return weights
}
