package finetune

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// invented examples: the answer lies where the question's first half is turned round.
func inventedQuestions(n, width int) []Asked {
	random := rand.New(rand.NewPCG(7, 7))
	unit := func() []float32 {
		v := make([]float32, width)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		scaleRows(v, width)
		return v
	}
	examples := make([]Asked, n)
	for i := range examples {
		question := unit()
		answer := append([]float32(nil), question...)
		for j := range width / 2 {
			answer[j] = -answer[j]
		}
		examples[i] = Asked{Question: question, Answer: answer, Other: unit()}
	}
	return examples
}

func TestQuestionsLearnWhereAnswersLie(t *testing.T) {
	examples := inventedQuestions(256, 32)
	var losses []float64
	o := QuestionOptions{Epochs: 40, Batch: 64, Rate: 0.02, SharpnessRate: 0.01, Seed: 1, Progress: func(_ int, loss float64) { losses = append(losses, loss) }}
	m, err := TrainQuestions(t.Context(), examples, o)
	require.NoError(t, err)
	require.Less(t, losses[len(losses)-1], losses[0]/10)
	again, err := TrainQuestions(t.Context(), examples, o)
	require.NoError(t, err)
	require.Equal(t, m, again, "the same to the bit")
	_, err = TrainQuestions(t.Context(), nil, o)
	require.Error(t, err)
}

func TestQuestionGradientsAreDifferencesOfTheLoss(t *testing.T) {
	examples := inventedQuestions(6, 32)
	q := questions{width: 32, matrix: newParam(make([]float32, 32*32), 1), sharpness: newParam([]float32{1}, 1)}
	random := rand.New(rand.NewPCG(9, 9))
	for i := range q.matrix.value {
		q.matrix.value[i] = float32(random.NormFloat64() / 20)
	}
	picked := []int{3, 1, 0, 5}
	q.step(examples, picked)
	for _, p := range []*param{q.matrix, q.sharpness} {
		grad := append([]float32(nil), p.grad...)
		for _, i := range []int{0, len(grad) / 3, len(grad) - 1} {
			const h = 1e-2
			was := p.value[i]
			p.value[i] = was + h
			up := q.step(examples, picked)
			p.value[i] = was - h
			down := q.step(examples, picked)
			p.value[i] = was
			require.InDelta(t, (up-down)/(2*h), float64(grad[i]), 1e-3+0.02*math.Abs(float64(grad[i])))
		}
	}
}
