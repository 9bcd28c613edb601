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
	// share of what was said on it that shows the feeling, in [0, 1].
	share float64
}

// grain is into how many steps the share of an occasion is rounded, so that sums of
// shares can be counted.
const grain = 4

// exactly tests whether the shares are higher on the occasions of the pattern than on
// the others of the same four weeks. It is Fisher's exact test, stratified (Mantel and
// Haenszel) and for shares instead of yes and no: were the pattern's occasions drawn
// at random among those of each block, how likely would their sum be so high? Days
// are compared within four weeks only, so a bad month, or one in which somebody wrote
// more, is no evidence. p is the probability; least is the smallest that these
// occasions could have given, whatever was felt on which. The occasions are in the
// order of their blocks.
func exactly(occasions []occasion) (p, least float64) {
	total, observed := []float64{1}, 0
	for len(occasions) > 0 {
		end := 1
		for end < len(occasions) && occasions[end].block == occasions[0].block {
			end++
		}
		values, drawn, sum := steps(occasions[:end])
		occasions = occasions[end:]
		if drawn == 0 || drawn == len(values) || slices.Max(values) == 0 {
			continue // nothing to compare, or nothing to count
		}
		total = convolve(total, sumsOf(values, drawn))
		observed += sum
	}
	for sum, probability := range total {
		if sum >= observed {
			p += probability
		}
		if probability > 0 {
			least = probability
		}
	}
	return min(p, 1), least
}

// steps are the occasions' shares in steps, how many belong to the pattern, and the
// sum of those.
func steps(occasions []occasion) (values []int, drawn, sum int) {
	values = make([]int, len(occasions))
	for i, o := range occasions {
		values[i] = int(math.Round(o.share * grain))
		if o.in {
			drawn, sum = drawn+1, sum+values[i]
		}
	}
	return values, drawn, sum
}

// sumsOf is the distribution of the sum of so many values, drawn without putting back.
func sumsOf(values []int, drawn int) []float64 {
	highest := 1 // one more than the sum of the highest
	for _, v := range slices.Sorted(slices.Values(values))[len(values)-drawn:] {
		highest += v
	}
	// ways[n*highest+sum] is the share of the draws of n values with this sum among all
	// draws of n; values are taken up one by one.
	ways := make([]float64, (drawn+1)*highest)
	ways[0] = 1
	for i, v := range values {
		for n := min(i+1, drawn); n > 0; n-- {
			with := float64(n) / float64(i+1) // the value is among the n of i+1
			less, now := ways[(n-1)*highest:n*highest], ways[n*highest:(n+1)*highest]
			for sum := highest - 1; sum >= 0; sum-- {
				now[sum] *= 1 - with
				if sum >= v {
					now[sum] += with * less[sum-v]
				}
			}
		}
	}
	return ways[drawn*highest:]
}

func convolve(a, b []float64) []float64 {
	sums := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		if x == 0 {
			continue
		}
		for j, y := range b {
			sums[i+j] += x * y
		}
	}
	return sums
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
	// are exact and therefore cautious; the one of years is neither, since moods outlast
	// months.
	mostFalse       = 0.04
	mostFalseOfYear = 0.02
	mostFalseTopic  = 0.02
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

// hypergeometric is the probability of at least k hits among drawn of total, of which
// so many hit: Fisher's exact test.
func hypergeometric(k, drawn, hits, total int) float64 {
	p := 0.0
	for i := k; i <= min(drawn, hits); i++ {
		if drawn-i <= total-hits {
			p += math.Exp(choose(hits, i) + choose(total-hits, drawn-i) - choose(total, drawn))
		}
	}
	return min(p, 1)
}

// choose is the logarithm of n over k.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
