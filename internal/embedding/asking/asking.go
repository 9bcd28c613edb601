// Package asking moves the vector of a question to where its answers lie.
//
// An encoder of sentences puts a question near other questions about the same thing. A
// linear map, learned from pairs of what somebody told and what is asked about it, moves
// it towards what answers it. The vectors of what was told stay as they are: nothing has
// to be embedded again when the map changes. scripts/train-recall makes it.
package asking

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"meai/internal/embedding/encoder"
)

// model is the encoder whose vectors the map was learned on.
const model = "use-lite-en-int8/1"

//go:embed map.bin
var file []byte

// learned is the map; it is immutable.
var learned = sync.OnceValue(func() Map {
	m, err := Read(file)
	if err != nil {
		panic(err) // it is part of the binary, and a test reads it
	}
	return m
})

// Toward returns the unit vector by which a question is compared with what was told. The
// question of another model than the built-in one is returned as it is.
func Toward(embedder string, question []float32) []float32 {
	if embedder != model || len(question) != width {
		return question
	}
	return learned().Move(question)
}

const (
	width = encoder.Dimensions
	// rowSize is a scale and the row's values, rounded to a byte each.
	rowSize = 4 + width
)

// Map is a square matrix, row by row.
type Map []float32

// Move returns question + M·question, scaled to length 1.
func (m Map) Move(question []float32) []float32 {
	moved := make([]float32, width)
	var squares float64
	for i := range moved {
		moved[i] = question[i] + encoder.Dot(m[i*width:(i+1)*width], question)
		squares += float64(moved[i]) * float64(moved[i])
	}
	length := float32(math.Sqrt(squares))
	for i := range moved {
		moved[i] /= length
	}
	return moved
}

// Read reads what [Map.Write] wrote.
func Read(raw []byte) (Map, error) {
	if len(raw) != width*rowSize {
		return nil, fmt.Errorf("read the map of questions: %d bytes for %d", len(raw), width*rowSize)
	}
	m := make(Map, 0, width*width)
	for ; len(raw) > 0; raw = raw[rowSize:] {
		scale := math.Float32frombits(binary.LittleEndian.Uint32(raw))
		for _, v := range raw[4:rowSize] {
			m = append(m, scale*float32(int8(v)))
		}
	}
	return m, nil
}

// Write rounds each row to a byte a value and its scale.
func (m Map) Write() ([]byte, error) {
	if len(m) != width*width {
		return nil, fmt.Errorf("write the map of questions: %d values for %d", len(m), width*width)
	}
	var raw []byte
	for row := m; len(row) > 0; row = row[width:] {
		largest := float32(0)
		for _, v := range row[:width] {
			largest = max(largest, float32(math.Abs(float64(v))))
		}
		scale := max(largest, math.SmallestNonzeroFloat32) / math.MaxInt8
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(scale))
		for _, v := range row[:width] {
			raw = append(raw, byte(int8(math.Round(float64(v/scale)))))
		}
	}
	return raw, nil
}
