package encoder

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The weights file is a magic number, the length of a JSON header as a
// little-endian uint32, the header, and the tensors' bytes. All numbers in it
// are little-endian.
const magic = "MEAIENC1"

// layout says how the bytes of a tensor are arranged.
type layout string

const (
	// float32s: the values, row by row.
	float32s layout = "float32"
	// int8Rows: one float32 scale per row, then the int8 values row by row.
	int8Rows layout = "int8_rows"
	// int8Panels: one float32 scale per row, then the int8 values as [panels] arranges them.
	int8Panels layout = "int8_panels"
	// scoredPieces: per piece a float64 score, a length byte and the text in UTF-8.
	scoredPieces layout = "scored_pieces"
	// lines: texts, one a line.
	lines layout = "lines"
)

// entry is one tensor in the header. Offset counts from the end of the header.
type entry struct {
	Name    string `json:"name"`
	Layout  layout `json:"layout"`
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
	Offset  int    `json:"offset"`
	Length  int    `json:"length"`
}

// archive is a weights file in memory; its tensors point into the file's bytes.
type archive struct {
	entries map[string]entry
	body    []byte
}

// openArchive reads the header and checks that every tensor lies in the file.
func openArchive(file []byte) (*archive, error) {
	if !bytes.HasPrefix(file, []byte(magic)) || len(file) < len(magic)+4 {
		return nil, errors.New("weights file: unknown format")
	}
	rest := file[len(magic)+4:]
	length := int(binary.LittleEndian.Uint32(file[len(magic):]))
	if length > len(rest) {
		return nil, errors.New("weights file: header is cut off")
	}
	var listed []entry
	if err := json.Unmarshal(rest[:length], &listed); err != nil {
		return nil, fmt.Errorf("weights file: read header: %w", err)
	}
	a := &archive{entries: make(map[string]entry, len(listed)), body: rest[length:]}
	for _, e := range listed {
		if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(a.body) {
			return nil, fmt.Errorf("weights file: tensor %q is cut off", e.Name)
		}
		a.entries[e.Name] = e
	}
	return a, nil
}

// bytes returns a tensor's bytes once its layout and size are as expected;
// rows below zero match any.
func (a *archive) bytes(name string, as layout, rows, columns int) ([]byte, entry, error) {
	e, found := a.entries[name]
	if !found {
		return nil, e, fmt.Errorf("weights file: tensor %q is missing", name)
	}
	if e.Layout != as || (rows >= 0 && e.Rows != rows) || e.Columns != columns || (as != scoredPieces && as != lines && e.Length != e.Rows*bytesPerRow(as, columns)) {
		return nil, e, fmt.Errorf("weights file: tensor %q is %s %d×%d in %d bytes, want %s %d×%d",
			name, e.Layout, e.Rows, e.Columns, e.Length, as, rows, columns)
	}
	return a.body[e.Offset : e.Offset+e.Length], e, nil
}

func bytesPerRow(as layout, columns int) int {
	if as == float32s {
		return 4 * columns
	}
	return 4 + columns
}

// floats returns a copy of a float32 vector of n values.
func (a *archive) floats(name string, n int) ([]float32, error) {
	raw, _, err := a.bytes(name, float32s, 1, n)
	if err != nil {
		return nil, err
	}
	return readFloats(raw), nil
}

func readFloats(raw []byte) []float32 {
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values
}

// archiveWriter collects tensors and writes them as one weights file. The
// same tensors in the same order give the same bytes.
type archiveWriter struct {
	entries []entry
	body    bytes.Buffer
}

func (w *archiveWriter) add(name string, as layout, rows, columns int, raw []byte) {
	w.entries = append(w.entries, entry{name, as, rows, columns, w.body.Len(), len(raw)})
	w.body.Write(raw) // a bytes.Buffer never fails
}

func (w *archiveWriter) addFloats(name string, values []float32) {
	w.add(name, float32s, 1, len(values), appendFloats(nil, values))
}

// addPanels and addRows add a matrix rounded to int8, laid out as their names say.
func (w *archiveWriter) addPanels(name string, values []float32, rows, columns int) {
	scales, rounded := quantiseRows(values, rows, columns)
	w.add(name, int8Panels, rows, columns, append(appendFloats(nil, scales), panels(rounded, rows, columns)...))
}

func (w *archiveWriter) addRows(name string, values []float32, rows, columns int) {
	scales, rounded := quantiseRows(values, rows, columns)
	w.add(name, int8Rows, rows, columns, append(appendFloats(nil, scales), int8Bytes(rounded)...))
}

func appendFloats(to []byte, values []float32) []byte {
	for _, v := range values {
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
	}
	return to
}

func (w *archiveWriter) writeTo(out io.Writer) error {
	header, err := json.Marshal(w.entries)
	if err != nil {
		return fmt.Errorf("weights file: write header: %w", err)
	}
	file := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(header)))
	file = append(append(file, header...), w.body.Bytes()...)
	_, err = out.Write(file)
	return err
}
