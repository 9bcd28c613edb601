package finetune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Asked is a question with the text that answers it and one that does not, as unit
// vectors of the same length.
type Asked struct{ Question, Answer, Other []float32 }

// QuestionOptions of [TrainQuestions].
type QuestionOptions struct {
	Epochs, Batch int
	// Rate is the learning rate at first; it falls to zero. SharpnessRate is that of how
	// sharply cosines are told apart.
	Rate, SharpnessRate float64
	// Closeness keeps the map near the identity.
	Closeness float64
	Seed      uint64
	// Progress is told the mean loss of each epoch; it may be nil.
	Progress func(epoch int, loss float64)
}

// TrainQuestions learns a matrix M, row by row, such that question + M·question, scaled
// to length 1, lies nearer to its answer than to the answers and others of the batch
// (InfoNCE; van den Oord et al., 2018). The texts' vectors stay as they are. The same
// examples with the same options give the same matrix.
func TrainQuestions(ctx context.Context, examples []Asked, o QuestionOptions) ([]float32, error) {
	if len(examples) == 0 || o.Epochs < 1 || o.Batch < 2 {
		return nil, fmt.Errorf("train: %d examples, %d epochs, batches of %d", len(examples), o.Epochs, o.Batch)
	}
	width := len(examples[0].Question)
	q := questions{
		width: width, closeness: o.Closeness,
		matrix:    newParam(make([]float32, width*width), o.Rate),
		sharpness: newParam([]float32{firstSharpness}, o.SharpnessRate),
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	steps, step := o.Epochs*((len(examples)+o.Batch-1)/o.Batch), 0
	for epoch := range o.Epochs {
		loss, batches := 0.0, 0
		for picked := range slices.Chunk(random.Perm(len(examples)), o.Batch) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			loss += q.step(examples, picked)
			adam([]*param{q.matrix, q.sharpness}, step, float64(steps-step)/float64(steps), 0)
			step++
			batches++
		}
		if o.Progress != nil {
			o.Progress(epoch, loss/float64(batches))
		}
	}
	return q.matrix.value, nil
}

// firstSharpness is the logarithm of the factor that cosines have at first, some 20.
const firstSharpness = 3

// questions is the map on its way.
type questions struct {
	width             int
	closeness         float64
	matrix, sharpness *param
}

// step sets the gradients by a batch and returns its mean loss.
func (q *questions) step(examples []Asked, picked []int) float64 {
	n := len(picked)
	asked := make([]float32, 0, n*q.width)
	// The texts, the answers before the others, and rows of zeros up to a whole tile.
	texts := make([]float32, (2*n+tileColumns-1)/tileColumns*tileColumns*q.width)
	for i, at := range picked {
		asked = append(asked, examples[at].Question...)
		copy(texts[i*q.width:], examples[at].Answer)
		copy(texts[(n+i)*q.width:], examples[at].Other)
	}
	rows := len(texts) / q.width
	moved := multiply(rowMajor(asked, n, q.width), rowMajor(q.matrix.value, q.width, q.width).transposed())
	add(moved, asked)
	lengths := scaleRows(moved, q.width)
	cosines := multiply(rowMajor(moved, n, q.width), rowMajor(texts, rows, q.width).transposed())
	slopes, loss := q.contrast(cosines, n, rows)
	dmoved := multiply(rowMajor(slopes, n, rows), rowMajor(texts, rows, q.width))
	for i := range n {
		row, d := moved[i*q.width:(i+1)*q.width], dmoved[i*q.width:(i+1)*q.width]
		var along float64
		for j, v := range row {
			along += float64(v) * float64(d[j])
		}
		for j, v := range row {
			d[j] = (d[j] - float32(float32(along)*v)) / lengths[i]
		}
	}
	q.matrix.grad = multiply(rowMajor(dmoved, n, q.width).transposed(), rowMajor(asked, n, q.width))
	for i, v := range q.matrix.value {
		q.matrix.grad[i] += float32(float32(2*q.closeness) * v)
	}
	return loss
}

// contrast turns cosines into the gradient of the mean cross-entropy by them, where row i
// should choose text i of 2n, and sets the gradient of the sharpness.
func (q *questions) contrast(cosines []float32, n, rows int) (slopes []float32, loss float64) {
	sharp := math.Exp(float64(q.sharpness.value[0]))
	slopes = make([]float32, len(cosines))
	var slope float64
	for i := range n {
		row, out := cosines[i*rows:][:2*n], slopes[i*rows:][:2*n]
		largest, sum := float64(slices.Max(row)), 0.0
		for _, c := range row {
			sum += math.Exp(sharp * (float64(c) - largest))
		}
		loss += (math.Log(sum) - sharp*(float64(row[i])-largest)) / float64(n)
		for j, c := range row {
			d := math.Exp(sharp*(float64(c)-largest)) / sum
			if i == j {
				d--
			}
			slope += d * float64(c) * sharp / float64(n)
			out[j] = float32(d * sharp / float64(n))
		}
	}
	q.sharpness.grad[0] = float32(slope)
	return slopes, loss
}

// scaleRows brings rows to length 1 and returns what their lengths were.
func scaleRows(x []float32, width int) []float32 {
	var lengths []float32
	for row := range slices.Chunk(x, width) {
		var squares float64
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		length := float32(math.Sqrt(squares))
		for i := range row {
			row[i] /= length
		}
		lengths = append(lengths, length)
	}
	return lengths
}
