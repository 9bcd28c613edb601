package patterns

import (
	"cmp"
	"math"
	"slices"
)

// occasion is one day, or part of one, on which the person wrote.
type occasion struct {
	// block is the four weeks that it lies in.
	block int
	// in: it is one of those that the pattern is about.
	in bool
	// weight is how many independent turns it is worth, and hits how many of those show
	// the feeling.
	weight, hits float64
}

// stratified tests whether a feeling is more frequent on the occasions of a pattern than
// on the others of the same four weeks. Were the pattern's occasions drawn at random
// among those of each block, they would hold its share of the block's hits: how likely
// do they hold so many? Fisher's exact test in strata (Mantel and Haenszel, 1959) would
// tell, if all occasions were worth one turn. As they are not, the binomial
// distribution with the same mean and the same most is taken, whose variance is
// somewhat larger: the test errs towards finding nothing. Days are compared within four
// weeks only, so a bad month, or one in which somebody wrote more, is no evidence. p is
// the probability; least is the smallest that these occasions could have given,
// whatever was felt on which. The occasions are in the order of their blocks.
func stratified(occasions []occasion) (p, least float64) {
	var sum table
	for len(occasions) > 0 {
		end := 1
		for end < len(occasions) && occasions[end].block == occasions[0].block {
			end++
		}
		sum.add(occasions[:end])
		occasions = occasions[end:]
	}
	return sum.exceeds(sum.both), sum.exceeds(sum.most)
}

// table sums blocks: the hits that the pattern's occasions hold, those that they could
// hold at most, and those that they hold on average by chance.
type table struct{ both, most, mean float64 }

func (t *table) add(block []occasion) {
	var total, drawn, hits, both float64
	for _, o := range block {
		total, hits = total+o.weight, hits+o.hits
		if o.in {
			drawn, both = drawn+o.weight, both+o.hits
		}
	}
	if drawn == 0 || drawn == total {
		return // nothing to compare
	}
	t.both += both
	t.most += min(drawn, hits)
	t.mean += drawn * hits / total
}

// exceeds is the binomial probability of at least so many hits by chance. For whole
// numbers that is the incomplete beta function, which also holds between them.
func (t *table) exceeds(hits float64) float64 {
	if hits <= 0 {
		return 1
	}
	return incompleteBeta(hits, t.most-hits+1, t.mean/t.most)
}

// candidate is a pattern that may be one, with its significance.
type candidate struct {
	echo Echo
	p    float64
	// least is the smallest p that these occasions could have given, whatever was felt on which.
	least float64
	// q is the share of false alarms among all candidates that are at least as
	// significant, by Benjamini and Hochberg.
	q float64
	// span is when, of a pattern in time.
	span span
	// evidence gives the turns that show it.
	evidence func() []placed
}

const (
	// The share of false alarms that is accepted among what is found: a person without
	// any pattern is told of one with at most the sum of these. Tests within four weeks
	// err towards nothing, and use up a fraction; the one of years errs the other way,
	// since moods outlast months.
	mostFalse       = 0.05
	mostFalseOfYear = 0.02
	mostFalseTopic  = 0.05
	// lenience is how much more is accepted for what was found before.
	lenience = 5
)

// testable leaves out candidates that could not be significant whatever was felt when,
// because the person wrote too seldom or felt so too seldom: they would only raise the
// bar for the others (Tarone; for false alarms among what is found, Gilbert 2005). It
// depends on how often something was, never on whether it was at the time.
func testable(all []candidate, bar float64) []candidate {
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.least, b.least) })
	for n := 1; n < len(all); n++ {
		if all[n].least > bar/float64(n) {
			return all[:n] // one more could not reach the bar that n have
		}
	}
	return all
}

// significant gives every candidate its q and keeps those that reach the bar, the
// surest first.
func significant(all []candidate, bar float64, known func(key string) bool) []candidate {
	all = testable(all, bar)
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.echo.Key, b.echo.Key)) })
	q := 1.0
	for i := len(all) - 1; i >= 0; i-- {
		q = min(q, all[i].p*float64(len(all))/float64(i+1))
		all[i].q = q
	}
	var kept []candidate
	for _, c := range all {
		if c.q <= bar || (c.q <= lenience*bar && known(c.echo.Key)) {
			c.echo.P, c.echo.Confidence = c.p, sure(1-c.q)
			kept = append(kept, c)
		}
	}
	return kept
}

// sure rounds a confidence down to two digits: nothing is certain.
func sure(confidence float64) float64 { return math.Floor(min(max(confidence, 0), 0.99)*100) / 100 }

// upperT is the probability that Student's t with so many degrees of freedom exceeds t.
func upperT(t, freedom float64) float64 {
	tail := incompleteBeta(freedom/2, 0.5, freedom/(freedom+t*t)) / 2
	if t < 0 {
		return 1 - tail
	}
	return tail
}

// atLeast is how probable it is, after k of n, that the true share is at least so
// high, under Jeffreys' prior.
func atLeast(share float64, k, n int) float64 {
	return 1 - incompleteBeta(float64(k)+0.5, float64(n-k)+0.5, share)
}

// incompleteBeta is the regularised incomplete beta function, by Lentz's continued
// fraction (Numerical Recipes, 6.4).
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - incompleteBeta(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny, precision, most = 1e-300, 1e-14, 500
	c, d := 1.0, 0.0
	f := 1.0
	for i := range most {
		m := float64(i / 2)
		var numerator float64
		switch {
		case i == 0:
			numerator = 1
		case i%2 == 0:
			numerator = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			numerator = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + numerator*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + numerator/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(1-c*d) < precision {
			break
		}
	}
	return front * (f - 1)
}
