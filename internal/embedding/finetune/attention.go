package finetune

import (
	"math"

	"meai/internal/embedding/encoder"
)

// attend mixes the values of a text's tokens, head by head. Rows of projected hold
// query, key and value, each of the width. It returns the mixed rows, and for each text
// the weights: per head, per token, of each token.
func attend(projected []float32, ends []int, width int) (mixed []float32, weights [][]float32) {
	mixed, weights = make([]float32, len(projected)/3), make([][]float32, len(ends))
	parallel(len(ends), func(text int) {
		begin := beginOf(ends, text)
		n := ends[text] - begin
		in, out := projected[3*width*begin:3*width*ends[text]], mixed[width*begin:width*ends[text]]
		all := make([]float32, encoder.Heads*n*n)
		size, scale := headShape(width)
		for h := range encoder.Heads {
			for t := range n {
				row := all[(h*n+t)*n:][:n]
				query := in[3*width*t+size*h:][:size]
				for other := range n {
					row[other] = encoder.Dot(query, in[3*width*other+width+size*h:][:size]) * scale
				}
				encoder.Softmax(row)
				to := out[width*t+size*h:][:size]
				for other, w := range row {
					addScaled(to, in[3*width*other+2*width+size*h:][:size], w)
				}
			}
		}
		weights[text] = all
	})
	return mixed, weights
}

// attendBackward returns the gradient of projected.
func attendBackward(projected []float32, weights [][]float32, dmixed []float32, ends []int, width int) []float32 {
	grad := make([]float32, len(projected))
	parallel(len(ends), func(text int) {
		begin := beginOf(ends, text)
		n := ends[text] - begin
		in, to := projected[3*width*begin:3*width*ends[text]], grad[3*width*begin:3*width*ends[text]]
		d := dmixed[width*begin : width*ends[text]]
		size, scale := headShape(width)
		slopes := make([]float32, n)
		for h := range encoder.Heads {
			for t := range n {
				row, from := weights[text][(h*n+t)*n:][:n], d[width*t+size*h:][:size]
				var along float32
				for other, w := range row {
					slopes[other] = encoder.Dot(from, in[3*width*other+2*width+size*h:][:size])
					along += float32(w * slopes[other])
					addScaled(to[3*width*other+2*width+size*h:][:size], from, w)
				}
				for other, w := range row {
					slope := w * (slopes[other] - along) * scale
					addScaled(to[3*width*t+size*h:][:size], in[3*width*other+width+size*h:][:size], slope)
					addScaled(to[3*width*other+width+size*h:][:size], in[3*width*t+size*h:][:size], slope)
				}
			}
		}
	})
	return grad
}

func beginOf(ends []int, text int) int {
	if text == 0 {
		return 0
	}
	return ends[text-1]
}

func headShape(width int) (size int, scale float32) {
	size = width / encoder.Heads
	return size, float32(1 / math.Sqrt(float64(size)))
}

func addScaled(dst, x []float32, factor float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += float32(factor * x[i])
	}
}
