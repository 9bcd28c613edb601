//go:build goexperiment.simd && amd64

package finetune

import "simd/archsimd"

// tile is the fastest kernel that the processor runs.
var tile = func() func(*[tileRows][tileColumns]float32, [][tileRows]float32, [][tileColumns]float32) {
	switch {
	case archsimd.X86.AVX512():
		return tile512
	case archsimd.X86.AVX2():
		return tile256
	default:
		return tileScalar
	}
}()

// tile512 keeps the 4 × 32 sums in eight registers.
func tile512(sums *[tileRows][tileColumns]float32, a [][tileRows]float32, b [][tileColumns]float32) {
	var a00, a01, a10, a11, a20, a21, a30, a31 archsimd.Float32x16
	b = b[:len(a)]
	for k := range a {
		x, y := &a[k], &b[k]
		y0, y1 := archsimd.LoadFloat32x16((*[16]float32)(y[:16])), archsimd.LoadFloat32x16((*[16]float32)(y[16:]))
		row := archsimd.BroadcastFloat32x16(x[0])
		a00, a01 = a00.Add(row.Mul(y0)), a01.Add(row.Mul(y1))
		row = archsimd.BroadcastFloat32x16(x[1])
		a10, a11 = a10.Add(row.Mul(y0)), a11.Add(row.Mul(y1))
		row = archsimd.BroadcastFloat32x16(x[2])
		a20, a21 = a20.Add(row.Mul(y0)), a21.Add(row.Mul(y1))
		row = archsimd.BroadcastFloat32x16(x[3])
		a30, a31 = a30.Add(row.Mul(y0)), a31.Add(row.Mul(y1))
	}
	a00.StoreSlice(sums[0][:])
	a01.StoreSlice(sums[0][16:])
	a10.StoreSlice(sums[1][:])
	a11.StoreSlice(sums[1][16:])
	a20.StoreSlice(sums[2][:])
	a21.StoreSlice(sums[2][16:])
	a30.StoreSlice(sums[3][:])
	a31.StoreSlice(sums[3][16:])
	archsimd.ClearAVXUpperBits()
}

// tile256 does the columns in two halves, 4 × 16 sums in eight registers.
func tile256(sums *[tileRows][tileColumns]float32, a [][tileRows]float32, b [][tileColumns]float32) {
	for half := 0; half < tileColumns; half += 16 {
		var a00, a01, a10, a11, a20, a21, a30, a31 archsimd.Float32x8
		b = b[:len(a)]
		for k := range a {
			x, y := &a[k], b[k][half:half+16]
			y0, y1 := archsimd.LoadFloat32x8((*[8]float32)(y[:8])), archsimd.LoadFloat32x8((*[8]float32)(y[8:]))
			row := archsimd.BroadcastFloat32x8(x[0])
			a00, a01 = a00.Add(row.Mul(y0)), a01.Add(row.Mul(y1))
			row = archsimd.BroadcastFloat32x8(x[1])
			a10, a11 = a10.Add(row.Mul(y0)), a11.Add(row.Mul(y1))
			row = archsimd.BroadcastFloat32x8(x[2])
			a20, a21 = a20.Add(row.Mul(y0)), a21.Add(row.Mul(y1))
			row = archsimd.BroadcastFloat32x8(x[3])
			a30, a31 = a30.Add(row.Mul(y0)), a31.Add(row.Mul(y1))
		}
		for i, pair := range [tileRows][2]archsimd.Float32x8{{a00, a01}, {a10, a11}, {a20, a21}, {a30, a31}} {
			pair[0].StoreSlice(sums[i][half:])
			pair[1].StoreSlice(sums[i][half+8:])
		}
	}
	archsimd.ClearAVXUpperBits()
}
