//go:build goexperiment.simd && amd64

package encoder

import "simd/archsimd"

// vectorKernels asks the processor what it can do.
func vectorKernels() []kernel {
	var found []kernel
	if archsimd.X86.AVX512() {
		found = append(found, avx512{})
	}
	if archsimd.X86.AVX2() {
		found = append(found, avx2{})
	}
	return found
}

// avx2 works on tiles of 4 rows × 16 outputs in eight accumulators. The
// instruction behind DotProductPairs multiplies 16 int16 and adds neighbours,
// so that each lane of an accumulator belongs to one output.
type avx2 struct{}

func (avx2) name() string { return "avx2" }

func (avx2) multiply(dst []float32, w *matrix, x *activations) {
	for o := 0; o < w.out; o += panelWidth {
		panel := w.panel(o)
		for r := 0; r < x.padded; r += tileRows {
			var sums [tileRows][panelWidth]int32
			tile4x16(&sums, x.tile(r), panel)
			for i := range sums {
				store16(dst[(r+i)*w.out+o:], &sums[i], w.scale[o:], w.bias[o:], x.scale[r+i])
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

// tile4x16 sums four rows against the outputs of a panel.
func tile4x16(sums *[tileRows][panelWidth]int32, tile [][tileRows]int32, panel []panelPair) {
	var a00, a01, a10, a11, a20, a21, a30, a31 archsimd.Int32x8
	panel = panel[:len(tile)]
	for i := range tile {
		x, w := &tile[i], &panel[i]
		w0 := archsimd.LoadUint8x16((*[16]uint8)(w[:16])).AsInt8x16().ExtendToInt16()
		w1 := archsimd.LoadUint8x16((*[16]uint8)(w[16:])).AsInt8x16().ExtendToInt16()
		row := archsimd.BroadcastInt32x8(x[0]).AsInt16x16()
		a00, a01 = a00.Add(row.DotProductPairs(w0)), a01.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x8(x[1]).AsInt16x16()
		a10, a11 = a10.Add(row.DotProductPairs(w0)), a11.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x8(x[2]).AsInt16x16()
		a20, a21 = a20.Add(row.DotProductPairs(w0)), a21.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x8(x[3]).AsInt16x16()
		a30, a31 = a30.Add(row.DotProductPairs(w0)), a31.Add(row.DotProductPairs(w1))
	}
	a00.StoreSlice(sums[0][:])
	a01.StoreSlice(sums[0][8:])
	a10.StoreSlice(sums[1][:])
	a11.StoreSlice(sums[1][8:])
	a20.StoreSlice(sums[2][:])
	a21.StoreSlice(sums[2][8:])
	a30.StoreSlice(sums[3][:])
	a31.StoreSlice(sums[3][8:])
}

// store16 scales the sums of one row and adds the bias.
func store16(dst []float32, sums *[panelWidth]int32, scale, bias []float32, row float32) {
	factor := archsimd.BroadcastFloat32x8(row)
	for i := 0; i < panelWidth; i += 8 {
		values := archsimd.LoadInt32x8Slice(sums[i:]).ConvertToFloat32().Mul(archsimd.LoadFloat32x8Slice(scale[i:]))
		values.Mul(factor).Add(archsimd.LoadFloat32x8Slice(bias[i:])).StoreSlice(dst[i:])
	}
}

func (avx2) dot(a, b []float32) float32 {
	b = b[:len(a)]
	var sums archsimd.Float32x8
	for i := 0; i+8 <= len(a); i += 8 {
		sums = sums.Add(archsimd.LoadFloat32x8Slice(a[i:]).Mul(archsimd.LoadFloat32x8Slice(b[i:])))
	}
	var lanes [8]float32
	sums.Store(&lanes)
	archsimd.ClearAVXUpperBits()
	return sumOfLanes(lanes)
}

func (avx2) addScaled(dst, x []float32, factor float32) {
	x = x[:len(dst)]
	f := archsimd.BroadcastFloat32x8(factor)
	for i := 0; i+8 <= len(dst); i += 8 {
		archsimd.LoadFloat32x8Slice(dst[i:]).Add(f.Mul(archsimd.LoadFloat32x8Slice(x[i:]))).StoreSlice(dst[i:])
	}
	archsimd.ClearAVXUpperBits()
}
