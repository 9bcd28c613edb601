package classify

import "math"

// Counts are those of one label: true and false positives, false negatives.
type Counts struct{ TP, FP, FN int }

// Precision is the share of right ones among the texts that were given the label; like
// the others it is zero where nothing was counted.
func (c Counts) Precision() float64 { return ratio(c.TP, c.TP+c.FP) }

// Recall is the share of the label's texts that were found.
func (c Counts) Recall() float64 { return ratio(c.TP, c.TP+c.FN) }

// F1 is the harmonic mean of precision and recall.
func (c Counts) F1() float64 { return ratio(2*c.TP, 2*c.TP+c.FP+c.FN) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Count compares the labels that were given with the right ones, label by label.
func Count(labels int, given, right [][]int) []Counts {
	all := make([]Counts, labels)
	for i := range given {
		marks := make([]int, labels)
		for _, l := range given[i] {
			marks[l] |= 1
		}
		for _, l := range right[i] {
			marks[l] |= 2
		}
		for l, m := range marks {
			switch m {
			case 1:
				all[l].FP++
			case 2:
				all[l].FN++
			case 3:
				all[l].TP++
			}
		}
	}
	return all
}

// MacroF1 is the mean of the labels' F1.
func MacroF1(all []Counts) float64 {
	sum := 0.0
	for _, c := range all {
		sum += c.F1()
	}
	return sum / float64(len(all))
}

// Wilson is the interval that holds the share behind k of n with 95 % confidence
// (Wilson 1927).
func Wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(middle-half, 0), min(middle+half, 1)
}
