// Package finetune trains the built-in encoder's transformer, all of it, to classify texts
// or to compare two. It computes in float32, on amd64 with the same result to the bit whatever vector
// instructions there are; [encoder.PackClassifier] rounds what it makes.
//
// Gradients are worked out by hand layer by layer, which a test compares with the
// differences of the loss. The optimiser is AdamW (Loshchilov and Hutter, 2019) with a
// rate that rises for the first steps and then falls to zero.
package finetune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"meai/internal/embedding/encoder"
)

// Example is a text to learn from.
type Example struct {
	// Spellings are the tokens of the text, at least one, in one or several spellings, of
	// which each epoch takes one.
	Spellings [][]int32
	// Targets say for each label how true it is, from 0 to 1, or that this is [Unknown].
	Targets []float32
}

// Unknown is the target of a label that nobody judged for a text.
const Unknown = -1

// Options of the training.
type Options struct {
	Epochs, Batch int
	// Labels name what is learned, and Weights say how much each counts.
	Labels  []string
	Weights []float32
	// Rate is the highest learning rate of the layers, TokenRate that of the tokens'
	// vectors and HeadRate that of the head.
	Rate, TokenRate, HeadRate float64
	// Decay is the weight decay.
	Decay float64
	// Dropout is the share of values that are hidden behind each half of a layer,
	// HeadDropout before the head (in a comparer, before each layer of it), and WordDropout that of tokens that are replaced
	// by the unknown one.
	Dropout, HeadDropout, WordDropout float64
	Seed                              uint64
	// Progress is told the mean loss now and then; it may be nil.
	Progress func(step, steps int, loss float64)
}

const (
	// warmUp is the share of steps in which the rate rises.
	warmUp = 0.06
	// longest bounds the length of the gradient of one step.
	longest = 1
	// progressEvery so many steps.
	progressEvery = 50
)

// Train returns the file of a classifier for [encoder.Encoder.Classifier]. The same
// examples in the same order with the same options give the same bytes.
func Train(ctx context.Context, e *encoder.Encoder, examples []Example, o Options) ([]byte, error) {
	if err := o.check(examples); err != nil {
		return nil, err
	}
	m := newModel(e, o)
	err := o.run(ctx, len(examples), m.params(), func(picked []int, random *rand.Rand, drop *dropout) float64 {
		batch := make([]lesson, len(picked))
		for i, at := range picked {
			e := examples[at]
			batch[i] = lesson{e.Spellings[random.IntN(len(e.Spellings))], e.Targets}
		}
		return m.step(batch, drop)
	})
	if err != nil {
		return nil, err
	}
	return encoder.PackClassifier(m.weights(), o.Labels, m.head.value, m.bias.value)
}

// run goes through n examples in all epochs. learn sets the gradients by those of a batch
// and returns their mean loss.
func (o Options) run(ctx context.Context, n int, params []*param, learn func(picked []int, random *rand.Rand, drop *dropout) float64) error {
	random := rand.New(rand.NewPCG(o.Seed, 1))
	drop := &dropout{random: rand.New(rand.NewPCG(o.Seed, 2)), inner: o.Dropout, top: o.HeadDropout, words: o.WordDropout}
	steps, step, loss := o.Epochs*((n+o.Batch-1)/o.Batch), 0, 0.0
	for range o.Epochs {
		for picked := range slices.Chunk(random.Perm(n), o.Batch) {
			if err := ctx.Err(); err != nil {
				return err
			}
			loss += learn(picked, random, drop)
			clip(params)
			adam(params, step, rate(step, steps), o.Decay)
			if step++; step%progressEvery == 0 && o.Progress != nil {
				o.Progress(step, steps, loss/progressEvery)
				loss = 0
			}
		}
	}
	return nil
}

func (o Options) check(examples []Example) error {
	if o.Epochs < 1 || o.Batch < 1 || len(o.Labels) == 0 || len(o.Weights) != len(o.Labels) {
		return fmt.Errorf("train: %d epochs, batches of %d, %d labels, %d weights", o.Epochs, o.Batch, len(o.Labels), len(o.Weights))
	}
	for i, e := range examples {
		if len(e.Targets) != len(o.Labels) || len(e.Spellings) == 0 || slices.ContainsFunc(e.Spellings, func(s []int32) bool { return len(s) == 0 }) {
			return fmt.Errorf("train: example %d has %d targets and %d spellings, perhaps an empty one", i, len(e.Targets), len(e.Spellings))
		}
	}
	return nil
}

// rate is the share of the highest rate in a step.
func rate(step, steps int) float64 {
	return min(float64(step+1)/(warmUp*float64(steps)), float64(steps-step)/float64(steps))
}

// clip shortens the gradient of all parameters together to a length of at most longest.
func clip(params []*param) {
	sums := make([]float64, len(params))
	parallel(len(params), func(i int) {
		for _, g := range params[i].grad {
			sums[i] += float64(g) * float64(g)
		}
	})
	var sum float64
	for _, s := range sums {
		sum += s
	}
	if sum <= longest*longest {
		return
	}
	factor := float32(longest / math.Sqrt(sum))
	parallel(len(params), func(i int) {
		for j := range params[i].grad {
			params[i].grad[j] *= factor
		}
	})
}

// adam moves the parameters against their gradients; share is what the step takes of
// each parameter's highest rate.
func adam(params []*param, step int, share, decay float64) {
	const first, second, epsilon = 0.9, 0.999, 1e-8
	power := float64(step + 1)
	unbias := 1 / math.Sqrt(1-math.Pow(second, power))
	parallel(len(params), func(i int) {
		p := params[i]
		speed := float32(share * p.rate / (1 - math.Pow(first, power)))
		keep, root := float32(1-share*p.rate*decay), float32(unbias)
		for j, g := range p.grad {
			p.mean[j] = float32(first*p.mean[j]) + float32((1-first)*g)
			p.square[j] = float32(second*p.square[j]) + float32((1-second)*float32(g*g))
			size := float32(float32(math.Sqrt(float64(p.square[j])))*root) + epsilon
			p.value[j] = float32(p.value[j]*keep) - float32(speed*p.mean[j]/size)
		}
	})
}
