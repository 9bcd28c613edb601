package encoder

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomMatrix has weights and biases of every size that int8 can hold.
func randomMatrix(r *rand.Rand, in, out int) (m *matrix, rows [][]int8) {
	flat := make([]int8, in*out)
	for i := range flat {
		flat[i] = int8(r.IntN(255) - 127)
	}
	m = &matrix{in: in, out: out, weights: asPanels(panels(flat, out, in))}
	for o := range out {
		rows = append(rows, flat[o*in:(o+1)*in])
		m.scale = append(m.scale, r.Float32())
		m.bias = append(m.bias, r.Float32()-0.5)
	}
	return m, rows
}

func TestEveryKernelMultipliesExactly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ rows, in, out int }{{1, 2, 32}, {3, 256, 64}, {4, 16, 32}, {5, 512, 96}, {9, 1536, 32}} {
		m, weights := randomMatrix(r, shape.in, shape.out)
		input := make([]float32, shape.rows*shape.in)
		for i := range input {
			input[i] = float32(r.NormFloat64())
		}
		for _, k := range kernels() {
			var x activations
			x.quantise(input, shape.rows, shape.in)
			got := make([]float32, x.padded*shape.out)
			k.multiply(got, m, &x)
			for row := range shape.rows {
				for o := range shape.out {
					want := scaled(exactSum(&x, row, weights[o]), m.scale[o], x.scale[row]) + m.bias[o]
					require.Equal(t, want, got[row*shape.out+o], "%s, shape %v, row %d, output %d", k.name(), shape, row, o)
				}
			}
		}
	}
}

// exactSum is the plain definition, in 64 bits.
func exactSum(x *activations, row int, weights []int8) int32 {
	var sum int64
	for i, pair := range x.tile(row / tileRows * tileRows) {
		both := pair[row%tileRows]
		sum += int64(int16(both))*int64(weights[2*i]) + int64(both>>16)*int64(weights[2*i+1])
	}
	return int32(sum)
}

func TestTheLargestSumsDoNotOverflow(t *testing.T) {
	flat := make([]int8, hidden*32)
	input := make([]float32, 4*hidden)
	for i := range flat {
		flat[i] = -127
	}
	for i := range input {
		input[i] = 3
	}
	m := &matrix{in: hidden, out: 32, weights: asPanels(panels(flat, 32, hidden)), scale: ones(32), bias: make([]float32, 32)}
	for _, k := range kernels() {
		var x activations
		x.quantise(input, 4, hidden)
		got := make([]float32, 4*32)
		k.multiply(got, m, &x)
		require.InEpsilon(t, -127*3*hidden, got[100], 1e-6, k.name())
	}
}

func TestVectorPrimitivesAgreeWithTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{16, 64, 128} {
		a, b := make([]float32, n), make([]float32, n)
		var want float64
		for i := range a {
			a[i], b[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
			want += float64(a[i]) * float64(b[i])
		}
		const factor = 0.3
		for _, k := range kernels() {
			require.InDelta(t, want, k.dot(a, b), 1e-4, k.name())
			require.Equal(t, scalar{}.dot(a, b), k.dot(a, b), k.name())
			sum := append([]float32(nil), a...)
			k.addScaled(sum, b, factor)
			for i := range sum {
				require.Equal(t, a[i]+float32(factor*b[i]), sum[i], k.name())
			}
		}
	}
}

func TestActivationsRoundToTheNearestOf14Bits(t *testing.T) {
	var x activations
	x.quantise([]float32{2, -2, 1, 0.0001, 0, 0, 0, 0}, 2, 4)
	require.Equal(t, 4, x.padded)
	require.InDelta(t, 2.0/activationMax, x.scale[0], 1e-9)
	first, second := x.tile(0)[0][0], x.tile(0)[1][0]
	require.Equal(t, []int16{8191, -8191, 4096, 0}, []int16{int16(first), int16(first >> 16), int16(second), int16(second >> 16)})
	require.Zero(t, x.scale[1], "a row of zeros")
	require.Zero(t, x.tile(0)[1][1])
}

func TestRoundingToInt8KeepsEveryRowWithinHalfAStep(t *testing.T) {
	values := []float32{0.5, -1.27, 0.003, 0, 0, 0}
	scales, rounded := quantiseRows(values, 2, 3)
	require.Equal(t, []int8{50, -127, 0, 0, 0, 0}, rounded)
	require.InDelta(t, 0.01, scales[0], 1e-8)
	require.Zero(t, scales[1])
}

func ones(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	return values
}
