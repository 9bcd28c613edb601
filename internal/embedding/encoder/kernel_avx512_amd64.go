//go:build goexperiment.simd && amd64

package encoder

import "simd/archsimd"

// avx512 works on tiles of 4 rows × 32 outputs. More accumulators would not
// help: the compiler allocates fifteen vector registers, the rest would spill.
// The short vectors of attention stay with avx2.
type avx512 struct{ avx2 }

func (avx512) name() string { return "avx512" }

func (avx512) multiply(dst []float32, w *matrix, x *activations) {
	for o := 0; o < w.out; o += 2 * panelWidth {
		left, right := w.panel(o), w.panel(o+panelWidth)
		for r := 0; r < x.padded; r += tileRows {
			var sums [tileRows][2 * panelWidth]int32
			tile4x32(&sums, x.tile(r), left, right)
			for i := range sums {
				store32(dst[(r+i)*w.out+o:], &sums[i], w.scale[o:], w.bias[o:], x.scale[r+i])
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

// tile4x32 sums four rows against the outputs of two panels.
func tile4x32(sums *[tileRows][2 * panelWidth]int32, tile [][tileRows]int32, left, right []panelPair) {
	var a00, a01, a10, a11, a20, a21, a30, a31 archsimd.Int32x16
	left, right = left[:len(tile)], right[:len(tile)]
	for i := range tile {
		x := &tile[i]
		w0 := archsimd.LoadUint8x32((*[32]uint8)(&left[i])).AsInt8x32().ExtendToInt16()
		w1 := archsimd.LoadUint8x32((*[32]uint8)(&right[i])).AsInt8x32().ExtendToInt16()
		row := archsimd.BroadcastInt32x16(x[0]).AsInt16x32()
		a00, a01 = a00.Add(row.DotProductPairs(w0)), a01.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x16(x[1]).AsInt16x32()
		a10, a11 = a10.Add(row.DotProductPairs(w0)), a11.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x16(x[2]).AsInt16x32()
		a20, a21 = a20.Add(row.DotProductPairs(w0)), a21.Add(row.DotProductPairs(w1))
		row = archsimd.BroadcastInt32x16(x[3]).AsInt16x32()
		a30, a31 = a30.Add(row.DotProductPairs(w0)), a31.Add(row.DotProductPairs(w1))
	}
	a00.StoreSlice(sums[0][:])
	a01.StoreSlice(sums[0][16:])
	a10.StoreSlice(sums[1][:])
	a11.StoreSlice(sums[1][16:])
	a20.StoreSlice(sums[2][:])
	a21.StoreSlice(sums[2][16:])
	a30.StoreSlice(sums[3][:])
	a31.StoreSlice(sums[3][16:])
}

// store32 scales the sums of one row and adds the bias.
func store32(dst []float32, sums *[2 * panelWidth]int32, scale, bias []float32, row float32) {
	factor := archsimd.BroadcastFloat32x16(row)
	for i := 0; i < 2*panelWidth; i += 16 {
		values := archsimd.LoadInt32x16Slice(sums[i:]).ConvertToFloat32().Mul(archsimd.LoadFloat32x16Slice(scale[i:]))
		values.Mul(factor).Add(archsimd.LoadFloat32x16Slice(bias[i:])).StoreSlice(dst[i:])
	}
}
