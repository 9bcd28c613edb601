package classify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// A model file is a magic number, the length of a JSON header as a little-endian
// uint32, the header, and the tables: rarity, sparse weights by place and label, dense
// weights by label as little-endian float32.
const fileMagic = "MEAICLS1"

// header holds what is small.
type header struct {
	Labels       []string      `json:"labels"`
	Grams        Grams         `json:"grams"`
	Dense        int           `json:"dense"`
	Bias         []float32     `json:"bias"`
	SparseScale  []float32     `json:"sparse_scale,omitempty"`
	Calibrations []Calibration `json:"calibrations"`
}

// Write writes the model's file.
func (m *Model) Write(w io.Writer) error {
	h := header{Labels: m.Labels, Grams: m.Grams, Bias: m.Bias, SparseScale: m.SparseScale, Calibrations: m.Calibrations}
	if len(m.Dense) > 0 {
		h.Dense = len(m.Dense[0])
	}
	head, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(fileMagic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	b.Write(head)
	b.Write(m.Rarity)
	for _, x := range m.Sparse {
		b.WriteByte(byte(x))
	}
	for _, row := range m.Dense {
		for _, x := range row {
			b.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}

// Pack is the model's file, compressed. The same model gives the same bytes.
func (m *Model) Pack() ([]byte, error) {
	var raw bytes.Buffer
	if err := m.Write(&raw); err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress model: %w", err)
	}
	return encoder.EncodeAll(raw.Bytes(), nil), nil
}

// Unpack reads what [Model.Pack] made.
func Unpack(packed []byte) (*Model, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("decompress model: %w", err)
	}
	defer decoder.Close()
	raw, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress model: %w", err)
	}
	return Read(raw)
}

// Read reads what [Model.Write] wrote.
func Read(file []byte) (*Model, error) {
	if !bytes.HasPrefix(file, []byte(fileMagic)) || len(file) < len(fileMagic)+4 {
		return nil, errors.New("read model: unknown format")
	}
	rest := file[len(fileMagic)+4:]
	size := int(binary.LittleEndian.Uint32(file[len(fileMagic):]))
	if size > len(rest) {
		return nil, errors.New("read model: the header is cut off")
	}
	var h header
	if err := json.Unmarshal(rest[:size], &h); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m := &Model{Labels: h.Labels, Grams: h.Grams, Bias: h.Bias, SparseScale: h.SparseScale, Calibrations: h.Calibrations}
	if err := m.tables(rest[size:], h.Dense); err != nil {
		return nil, err
	}
	return m, m.check()
}

func (m *Model) tables(rest []byte, dense int) error {
	labels, places := len(m.Labels), 0
	if m.Grams.Bits < 0 || m.Grams.Bits > 24 || dense < 0 || dense > 1<<16 || labels > 1<<10 {
		return errors.New("read model: the header is not plausible")
	}
	if m.Grams.Bits > 0 {
		places = 1 << m.Grams.Bits
	}
	if len(rest) != places+places*labels+4*dense*labels {
		return fmt.Errorf("read model: %d bytes of tables", len(rest))
	}
	m.Rarity, rest = rest[:places:places], rest[places:]
	m.Sparse = make([]int8, places*labels)
	for i := range m.Sparse {
		m.Sparse[i] = int8(rest[i])
	}
	rest = rest[places*labels:]
	if dense == 0 {
		return nil
	}
	m.Dense = make([][]float32, labels)
	for label := range m.Dense {
		m.Dense[label] = make([]float32, dense)
		for i := range m.Dense[label] {
			m.Dense[label][i] = math.Float32frombits(binary.LittleEndian.Uint32(rest))
			rest = rest[4:]
		}
	}
	return nil
}
