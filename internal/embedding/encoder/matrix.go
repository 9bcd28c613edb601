package encoder

import (
	"math"
	"unsafe"
)

// activationMax is the largest activation after rounding. With int8 weights and
// at most 1,536 inputs a sum stays below 8191·127·1536 < 2³¹, so that int32
// accumulators never overflow and every kernel gets exactly the same sums.
const activationMax = 8191

// tileRows is how many rows (tokens) a kernel works on at once. Matrices of
// activations are padded to a multiple of it by rows that hold anything; nothing
// reads what comes out of them.
const tileRows = 4

// matrix is a linear layer: y = W·x + bias with int8 weights.
type matrix struct {
	in, out int
	// weights are the panels that [panels] makes; each element holds what the
	// panel's outputs need from one pair of inputs.
	weights []panelPair
	scale   []float32 // per output
	bias    []float32
}

// panelPair is, for each output of a panel, its weights for two neighbouring inputs.
type panelPair [2 * panelWidth]byte

// panel returns the weights of the outputs from o, a multiple of panelWidth.
func (m *matrix) panel(o int) []panelPair {
	half := m.in / 2
	return m.weights[o/panelWidth*half:][:half]
}

// asPanels views raw bytes as panels without copying them, so that the weights
// stay in the pages of the executable file. Bytes need no alignment.
func asPanels(raw []byte) []panelPair {
	return unsafe.Slice((*panelPair)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/len(panelPair{}))
}

// activations are the rows of a matrix, rounded to 14 bits with one scale per row.
type activations struct {
	padded, half int
	scale        []float32
	// tiles holds, tile by tile and for each pair of inputs, the two int16 values
	// of each of the tile's rows in the halves of an int32.
	tiles [][tileRows]int32
	// twins is scratch of the scalar kernel.
	twins []twin
}

// tile returns the rounded values of the rows from r, a multiple of tileRows.
func (a *activations) tile(r int) [][tileRows]int32 {
	return a.tiles[r/tileRows*a.half:][:a.half]
}

// quantise rounds a rows × in matrix.
func (a *activations) quantise(x []float32, rows, in int) {
	a.padded, a.half = (rows+tileRows-1)/tileRows*tileRows, in/2
	a.scale = resize(a.scale, a.padded)
	a.tiles = resize(a.tiles, a.padded/tileRows*a.half)
	for r := range rows {
		a.scale[r] = quantiseRow(a.tile(r), r%tileRows, x[r*in:(r+1)*in])
	}
}

// quantiseRow rounds row into its lane of a tile and returns the row's scale.
func quantiseRow(tile [][tileRows]int32, lane int, row []float32) float32 {
	largest := magnitude(row)
	if largest == 0 {
		for i := range tile {
			tile[i][lane] = 0
		}
		return 0
	}
	factor := activationMax / largest
	row = row[:2*len(tile)]
	for i := range tile {
		low, high := roundToInt(row[2*i]*factor), roundToInt(row[2*i+1]*factor)
		tile[i][lane] = int32(uint32(uint16(low)) | uint32(high)<<16)
	}
	return largest / activationMax
}

// magnitude returns the largest absolute value, by comparing bits: without its
// sign bit a float32 orders like an integer.
func magnitude(row []float32) float32 {
	var m0, m1 uint32
	for ; len(row) >= 2; row = row[2:] {
		m0 = max(m0, math.Float32bits(row[0])&^(1<<31))
		m1 = max(m1, math.Float32bits(row[1])&^(1<<31))
	}
	return math.Float32frombits(max(m0, m1))
}

// roundToInt rounds to the nearest integer, halves to even, for |x| < 2²²:
// adding 1.5·2²³ leaves the integer in the low bits of the mantissa. The
// conversion keeps the compiler from fusing it with a multiplication before.
func roundToInt(x float32) int32 {
	const shift = 3 << 22
	return int32(math.Float32bits(float32(x)+shift) - math.Float32bits(shift))
}

// resize returns a slice of n elements, reusing s when it is large enough.
// The contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
