package encoder

import "encoding/binary"

// scalar runs everywhere. Its matrix product gets two products out of one
// 64-bit multiplication: two rows' inputs travel as low + high<<32, and since
// each row's sum fits 32 bits, the sums can be taken apart at the end.
type scalar struct{}

func (scalar) name() string { return "scalar" }

func (s scalar) multiply(dst []float32, w *matrix, x *activations) {
	for r := 0; r < x.padded; r += tileRows {
		twins := x.pairUp(r)
		for o := 0; o < w.out; o += 2 {
			first, second := tileSums(twins, w.panel(o/panelWidth*panelWidth), o%panelWidth)
			for i := range tileRows {
				dst[(r+i)*w.out+o] = scaled(first[i], w.scale[o], x.scale[r+i]) + w.bias[o]
				dst[(r+i)*w.out+o+1] = scaled(second[i], w.scale[o+1], x.scale[r+i]) + w.bias[o+1]
			}
		}
	}
}

// twin holds a pair of inputs of four rows: even and odd input of rows 0 and 1,
// then of rows 2 and 3.
type twin [4]int64

// pairUp returns the twins of the tile at row r.
func (a *activations) pairUp(r int) []twin {
	a.twins = resize(a.twins, a.half)
	for i, rows := range a.tile(r) {
		a.twins[i] = twin{
			int64(int16(rows[0])) + int64(int16(rows[1]))<<32,
			int64(rows[0]>>16) + int64(rows[1]>>16)<<32,
			int64(int16(rows[2])) + int64(int16(rows[3]))<<32,
			int64(rows[2]>>16) + int64(rows[3]>>16)<<32,
		}
	}
	return a.twins
}

// tileSums sums four rows against two neighbouring outputs of a panel.
func tileSums(twins []twin, panel []panelPair, output int) (first, second [tileRows]int32) {
	var a0, a1, b0, b1 int64
	panel = panel[:len(twins)]
	for i := range twins {
		x, w := &twins[i], binary.LittleEndian.Uint32(panel[i][2*output:])
		even, odd := int64(int8(w)), int64(int8(w>>8))
		a0 += x[0]*even + x[1]*odd
		b0 += x[2]*even + x[3]*odd
		even, odd = int64(int8(w>>16)), int64(int32(w)>>24)
		a1 += x[0]*even + x[1]*odd
		b1 += x[2]*even + x[3]*odd
	}
	first[0], first[1] = apart(a0)
	first[2], first[3] = apart(b0)
	second[0], second[1] = apart(a1)
	second[2], second[3] = apart(b1)
	return first, second
}

// apart undoes low + high<<32, where low may be negative.
func apart(twin int64) (low, high int32) {
	low = int32(twin)
	return low, int32((twin - int64(low)) >> 32)
}

// scaled is spelled out operation by operation, as all products in this package that are
// added to something: a compiler that fuses the two would round differently.
func scaled(sum int32, output, row float32) float32 {
	return float32(float32(float32(sum)*output) * row)
}

func (scalar) dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for i := 0; i+8 <= len(a); i += 8 {
		x, y := (*[8]float32)(a[i:]), (*[8]float32)(b[i:])
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
		s4 += float32(x[4] * y[4])
		s5 += float32(x[5] * y[5])
		s6 += float32(x[6] * y[6])
		s7 += float32(x[7] * y[7])
	}
	return sumOfLanes([8]float32{s0, s1, s2, s3, s4, s5, s6, s7})
}

func (scalar) addScaled(dst, x []float32, factor float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += float32(factor * x[i])
	}
}

// sumOfLanes ends a dot product: in one order, whatever added up the lanes.
func sumOfLanes(s [8]float32) float32 {
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}
