package encoder

import "math"

// attend mixes the values of all tokens into each token, head by head:
// softmax(q·kᵀ/√size)·v. It reads s.inner, whose rows hold query, key and
// value of the given width each, and writes s.mixed.
func (e *Encoder) attend(s *scratch, n, width int) {
	s.mixed = resize(s.mixed, n*width)
	clear(s.mixed)
	s.attention = resize(s.attention, n)
	size := width / heads
	scale := float32(1 / math.Sqrt(float64(size)))
	for h := range heads {
		for t := range n {
			query := s.inner[3*width*t+size*h:][:size]
			for other := range n {
				key := s.inner[3*width*other+width+size*h:][:size]
				s.attention[other] = e.kernel.dot(query, key) * scale
			}
			Softmax(s.attention)
			mixed := s.mixed[width*t+size*h:][:size]
			for other, weight := range s.attention {
				e.kernel.addScaled(mixed, s.inner[3*width*other+2*width+size*h:][:size], weight)
			}
		}
	}
}

// Softmax turns scores into weights that sum to 1, in place.
func Softmax(scores []float32) {
	largest := scores[0]
	for _, v := range scores {
		largest = max(largest, v)
	}
	var sum float64
	for i, v := range scores {
		weight := math.Exp(float64(v - largest))
		sum += weight
		scores[i] = float32(weight)
	}
	share := float32(1 / sum)
	for i := range scores {
		scores[i] *= share
	}
}

// layerNorm is layer normalisation with learnt scale and bias.
type layerNorm struct {
	scale, bias []float32
}

// epsilon keeps the normalisation of a constant row finite, as in the published graph.
const epsilon = 1e-6

// apply writes the n normalised rows of x to dst.
func (l layerNorm) apply(dst *[]float32, x []float32, n int) {
	width := len(l.scale)
	*dst = resize(*dst, n*width)
	for t := range n {
		l.row((*dst)[t*width:(t+1)*width], x[t*width:(t+1)*width])
	}
}

func (l layerNorm) row(dst, x []float32) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(float64(v) * float64(v))
	}
	mean := sum / float64(len(x))
	spread := max(squares/float64(len(x))-float64(mean*mean), 0)
	factor, shift := float32(1/math.Sqrt(spread+epsilon)), float32(mean)
	scale, bias := l.scale[:len(x)], l.bias[:len(x)]
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float32((v-shift)*factor*scale[i]) + bias[i]
	}
}
