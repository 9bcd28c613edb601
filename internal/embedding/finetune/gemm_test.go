package finetune

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func random(n int, r *rand.Rand) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestTheProductIsThatOfTheDefinitionToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][3]int{{1, 1, 32}, {5, 7, 64}, {12, 300, 96}} {
		m, k, n := shape[0], shape[1], shape[2]
		a, b := rowMajor(random(m*k, r), m, k), rowMajor(random(k*n, r), k, n)
		for _, views := range [][2]view{{a, b}, {rowMajor(a.data, k, m).transposed(), rowMajor(b.data, n, k).transposed()}} {
			a, b := views[0], views[1]
			want := make([]float32, m*n)
			for i := range m {
				for j := range n {
					for x := range k {
						want[i*n+j] += float32(a.data[i*a.row+x*a.column] * b.data[x*b.row+j*b.column])
					}
				}
			}
			require.Equal(t, want, multiply(a, b), shape)
		}
	}
}

func BenchmarkMultiply(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	x, w := rowMajor(random(640*512, r), 640, 512), rowMajor(random(512*1536, r), 512, 1536)
	for b.Loop() {
		multiply(x, w)
	}
	b.ReportMetric(2*640*512*1536*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
