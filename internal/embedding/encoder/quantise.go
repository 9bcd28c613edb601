package encoder

import "math"

// panelWidth is how many outputs (rows of a weight matrix) a panel holds side by side.
const panelWidth = 16

// quantiseRows rounds each row of a row-major matrix to int8 and returns the
// scale of each row: value ≈ scale × int8. The largest value of a row becomes ±127.
func quantiseRows(values []float32, rows, columns int) (scales []float32, rounded []int8) {
	scales, rounded = make([]float32, rows), make([]int8, len(values))
	for r := range rows {
		row := values[r*columns : (r+1)*columns]
		var largest float64
		for _, v := range row {
			largest = max(largest, math.Abs(float64(v)))
		}
		if largest == 0 {
			continue
		}
		scales[r] = float32(largest / 127)
		for i, v := range row {
			rounded[r*columns+i] = int8(math.Round(float64(v) * 127 / largest))
		}
	}
	return scales, rounded
}

// panels arranges a row-major int8 matrix for the kernels: panels of 16 rows,
// in each the columns in pairs, and for each pair the two values of row 0, of
// row 1, and so on. One 32-byte load then holds what 16 outputs need from one
// pair of inputs. Rows have to be a multiple of 16, columns of 2.
func panels(values []int8, rows, columns int) []byte {
	arranged := make([]byte, 0, len(values))
	for top := 0; top < rows; top += panelWidth {
		for c := 0; c < columns; c += 2 {
			for r := top; r < top+panelWidth; r++ {
				arranged = append(arranged, byte(values[r*columns+c]), byte(values[r*columns+c+1]))
			}
		}
	}
	return arranged
}

// transpose turns a row-major rows × columns matrix into columns × rows.
func transpose(values []float32, rows, columns int) []float32 {
	turned := make([]float32, len(values))
	for r := range rows {
		for c := range columns {
			turned[c*rows+r] = values[r*columns+c]
		}
	}
	return turned
}

func int8Bytes(values []int8) []byte {
	raw := make([]byte, len(values))
	for i, v := range values {
		raw[i] = byte(v)
	}
	return raw
}
