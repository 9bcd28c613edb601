package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"meai/internal/embedding/encoder"
)

// published is the model as the package holds it: TensorFlow.js weights in
// shards, listed by a manifest, and the vocabulary. It implements [encoder.Source].
type published struct {
	tensors    map[string][]byte
	vocabulary []encoder.Piece
}

// manifest is the part of model.json that tells where the tensors are.
type manifest struct {
	WeightsManifest []struct {
		Paths   []string `json:"paths"`
		Weights []struct {
			Name  string `json:"name"`
			Shape []int  `json:"shape"`
			Type  string `json:"dtype"`
		} `json:"weights"`
	} `json:"weightsManifest"`
}

func readModel(packed io.Reader) (*published, error) {
	files, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	m := &published{tensors: make(map[string][]byte)}
	if err := m.readTensors(files); err != nil {
		return nil, err
	}
	return m, m.readVocabulary(files["vocab.json"])
}

// unpack returns the files of the package's dist folder by name.
func unpack(packed io.Reader) (map[string][]byte, error) {
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if folder, name := path.Split(header.Name); folder == "package/dist/" {
			if files[name], err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
}

// readTensors cuts the joined shards into tensors, in the manifest's order.
func (m *published) readTensors(files map[string][]byte) error {
	var listed manifest
	if err := json.Unmarshal(files["model.json"], &listed); err != nil {
		return fmt.Errorf("model.json: %w", err)
	}
	for _, group := range listed.WeightsManifest {
		var joined []byte
		for _, shard := range group.Paths {
			joined = append(joined, files[shard]...)
		}
		for _, tensor := range group.Weights {
			size := 4 // float32 and int32 are all there is
			for _, n := range tensor.Shape {
				size *= n
			}
			if size > len(joined) {
				return fmt.Errorf("tensor %s is cut off", tensor.Name)
			}
			if tensor.Type == "float32" {
				m.tensors[tensor.Name] = joined[:size]
			}
			joined = joined[size:]
		}
	}
	return nil
}

// readVocabulary reads pairs of piece and score. Some scores are null; the
// reference implementation counts these as zero.
func (m *published) readVocabulary(file []byte) error {
	var pairs [][2]any
	if err := json.Unmarshal(file, &pairs); err != nil {
		return fmt.Errorf("vocab.json: %w", err)
	}
	for i, pair := range pairs {
		text, ok := pair[0].(string)
		if !ok {
			return fmt.Errorf("vocab.json: entry %d has no text", i)
		}
		score, _ := pair[1].(float64)
		m.vocabulary = append(m.vocabulary, encoder.Piece{Text: text, Score: score})
	}
	return nil
}

// Vocabulary implements [encoder.Source].
func (m *published) Vocabulary() []encoder.Piece { return m.vocabulary }

// Tensor implements [encoder.Source].
func (m *published) Tensor(parts ...string) ([]float32, error) {
	var found []byte
	var name string
	for candidate, raw := range m.tensors {
		if !containsAll(candidate, parts) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%q names both %s and %s", parts, name, candidate)
		}
		found, name = raw, candidate
	}
	if found == nil {
		return nil, fmt.Errorf("no tensor is named %q", parts)
	}
	values := make([]float32, len(found)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(found[4*i:]))
	}
	return values, nil
}

func containsAll(name string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(name, part) {
			return false
		}
	}
	return true
}
