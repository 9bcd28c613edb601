package finetune

import (
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// view is a matrix in a slice: element (r, c) is data[r*row+c*column].
type view struct {
	data          []float32
	rows, columns int
	row, column   int
}

func rowMajor(data []float32, rows, columns int) view {
	return view{data, rows, columns, columns, 1}
}

func (v view) transposed() view { return view{v.data, v.columns, v.rows, v.column, v.row} }

// The product works on tiles of tileRows × tileColumns elements.
const (
	tileRows    = 4
	tileColumns = 32
)

// multiply returns a·b row by row. Each element is the sum of its products in the order
// of a's columns, each rounded before it is added, whatever instructions compute it and
// on however many processors: the result is the same to the bit. The columns of b have
// to be a multiple of 32.
func multiply(a, b view) []float32 {
	c := make([]float32, a.rows*b.columns)
	tiles := packRows(a)
	defer tileBuffers.put(tiles)
	parallel(b.columns/tileColumns, func(panel int) {
		packed := packPanel(b, panel*tileColumns)
		defer panelBuffers.put(packed)
		var sums [tileRows][tileColumns]float32
		for r := 0; r < a.rows; r += tileRows {
			tile(&sums, tiles[r/tileRows*a.columns:][:a.columns], packed)
			for i := range min(tileRows, a.rows-r) {
				copy(c[(r+i)*b.columns+panel*tileColumns:], sums[i][:])
			}
		}
	})
	return c
}

// packRows lays four rows side by side, column after column; missing rows are zero.
func packRows(a view) [][tileRows]float32 {
	count := (a.rows + tileRows - 1) / tileRows
	tiles := tileBuffers.get(count * a.columns)
	parallel(count, func(t int) {
		if a.rows-t*tileRows < tileRows {
			clear(tiles[t*a.columns:][:a.columns])
		}
		for i := range min(tileRows, a.rows-t*tileRows) {
			at := (t*tileRows + i) * a.row
			for c := range a.columns {
				tiles[t*a.columns+c][i] = a.data[at+c*a.column]
			}
		}
	})
	return tiles
}

// packPanel copies 32 columns, row after row.
func packPanel(b view, column int) [][tileColumns]float32 {
	panel := panelBuffers.get(b.rows)
	for r := range panel {
		if b.column == 1 {
			copy(panel[r][:], b.data[r*b.row+column:])
			continue
		}
		for i := range tileColumns {
			panel[r][i] = b.data[r*b.row+(column+i)*b.column]
		}
	}
	return panel
}

// buffers keeps slices for reuse: fresh memory costs more time than the copying.
type buffers[T any] struct{ pool sync.Pool }

var (
	tileBuffers  buffers[[tileRows]float32]
	panelBuffers buffers[[tileColumns]float32]
)

// get returns a slice of n elements that hold anything.
func (b *buffers[T]) get(n int) []T {
	if kept, ok := b.pool.Get().(*[]T); ok && cap(*kept) >= n {
		return (*kept)[:n]
	}
	return make([]T, n)
}

func (b *buffers[T]) put(s []T) { b.pool.Put(&s) }

// tileScalar is what every kernel computes, in plain Go.
func tileScalar(sums *[tileRows][tileColumns]float32, a [][tileRows]float32, b [][tileColumns]float32) {
	*sums = [tileRows][tileColumns]float32{}
	b = b[:len(a)]
	for k := range a {
		for i, x := range a[k] {
			row := &sums[i]
			for j, y := range b[k] {
				row[j] += float32(x * y) // rounded, so that no compiler fuses it with the addition
			}
		}
	}
}

// parallel calls do for 0 to n-1 on all processors.
func parallel(n int, do func(i int)) {
	var group errgroup.Group
	workers := min(runtime.GOMAXPROCS(0), n)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < n; i += workers {
				do(i)
			}
			return nil
		})
	}
	_ = group.Wait() // nothing returns an error
}
