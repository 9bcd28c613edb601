package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding/encoder"
)

func TestAnotherPackageIsRefusedAndNothingIsWritten(t *testing.T) {
	folder := t.TempDir()
	tarball, out := filepath.Join(folder, "package.tgz"), filepath.Join(folder, "weights.bin")
	require.NoError(t, os.WriteFile(tarball, packageOf(t, map[string][]byte{"model.json": []byte(`{}`)}), 0o600))
	err := run(context.Background(), tarball, out, &bytes.Buffer{})
	require.ErrorContains(t, err, "SHA-512")
	require.NoFileExists(t, out)
}

func TestTheReportSaysWhetherTheWeightsAreTheExpectedOnes(t *testing.T) {
	committed, err := os.ReadFile("../../internal/embedding/encoder/weights.bin")
	require.NoError(t, err)
	var report bytes.Buffer
	require.NoError(t, describe(committed, "weights.bin", &report))
	require.Contains(t, report.String(), encoder.WeightsSHA256+", the weights that the program expects")
	report.Reset()
	require.NoError(t, describe([]byte("others"), "weights.bin", &report))
	require.Contains(t, report.String(), "not what the program expects")
}

// small is a package with two float32 tensors around an int32 one, in shards
// that cut through a tensor.
func small() map[string][]byte {
	var joined []byte
	for _, v := range []float32{1, 2, 3, 4} {
		joined = binary.LittleEndian.AppendUint32(joined, math.Float32bits(v))
	}
	joined = binary.LittleEndian.AppendUint32(joined, 7)
	for _, v := range []float32{-1, -2} {
		joined = binary.LittleEndian.AppendUint32(joined, math.Float32bits(v))
	}
	return map[string][]byte{
		"model.json": []byte(`{"weightsManifest":[{"paths":["one","two"],"weights":[
			{"name":"Layer_0/kernel","shape":[2,2],"dtype":"float32"},
			{"name":"axis","shape":[],"dtype":"int32"},
			{"name":"Layer_1/kernel","shape":[2],"dtype":"float32"}]}]}`),
		"one":        joined[:10],
		"two":        joined[10:],
		"vocab.json": []byte(`[["<s>",0],["▁the",-3.5],[":",null]]`),
	}
}

func TestTensorsAndVocabularyAreReadFromThePackage(t *testing.T) {
	m, err := readModel(bytes.NewReader(packageOf(t, small())))
	require.NoError(t, err)
	first, err := m.Tensor("Layer_0/", "kernel")
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4}, first)
	second, err := m.Tensor("Layer_1/", "kernel")
	require.NoError(t, err)
	require.Equal(t, []float32{-1, -2}, second)
	require.Equal(t, []encoder.Piece{{Text: "<s>"}, {Text: "▁the", Score: -3.5}, {Text: ":"}}, m.Vocabulary())
}

func TestATensorHasToBeNamedWithoutDoubt(t *testing.T) {
	m, err := readModel(bytes.NewReader(packageOf(t, small())))
	require.NoError(t, err)
	_, err = m.Tensor("kernel")
	require.ErrorContains(t, err, "names both")
	_, err = m.Tensor("axis")
	require.ErrorContains(t, err, "no tensor")
}

func TestADamagedPackageIsRefused(t *testing.T) {
	damage := map[string]func(files map[string][]byte){
		"a shard is missing":      func(files map[string][]byte) { delete(files, "two") },
		"the manifest is missing": func(files map[string][]byte) { delete(files, "model.json") },
		"no vocabulary":           func(files map[string][]byte) { delete(files, "vocab.json") },
		"a piece without text":    func(files map[string][]byte) { files["vocab.json"] = []byte(`[[1,2]]`) },
	}
	for name, damaged := range damage {
		files := small()
		damaged(files)
		_, err := readModel(bytes.NewReader(packageOf(t, files)))
		require.Error(t, err, name)
	}
	_, err := readModel(bytes.NewReader([]byte("not compressed")))
	require.Error(t, err)
}

func TestAModelOfAnotherShapeIsNotPacked(t *testing.T) {
	m, err := readModel(bytes.NewReader(packageOf(t, small())))
	require.NoError(t, err)
	require.ErrorContains(t, encoder.Pack(m, &bytes.Buffer{}), "pack weights")
}

func packageOf(t *testing.T, files map[string][]byte) []byte {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for name, content := range files {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: "package/dist/" + name, Mode: 0o600, Size: int64(len(content))}))
		_, err := archive.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())
	return packed.Bytes()
}
