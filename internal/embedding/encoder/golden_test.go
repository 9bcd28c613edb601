package encoder

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden is what the published float32 implementation says about a text; see
// scripts/embedding-weights/reference.mjs.
type golden struct {
	Text   string  `json:"text"`
	Tokens []int32 `json:"tokens"`
	Vector string  `json:"vector"`
}

func readGolden(t *testing.T) []golden {
	file, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var entries []golden
	require.NoError(t, json.Unmarshal(file, &entries))
	require.NotEmpty(t, entries)
	return entries
}

func (g golden) floats(t *testing.T) []float32 {
	raw, err := base64.StdEncoding.DecodeString(g.Vector)
	require.NoError(t, err)
	return readFloats(raw)
}

func eachKernel(t *testing.T, run func(t *testing.T, e *Encoder)) {
	for _, k := range kernels() {
		t.Run(k.name(), func(t *testing.T) {
			e, err := load(weights, k)
			require.NoError(t, err)
			run(t, e)
		})
	}
}

func TestWeightsFileIsTheOneThatTheCommandMakes(t *testing.T) {
	hash := sha256.Sum256(weights)
	require.Equal(t, WeightsSHA256, hex.EncodeToString(hash[:]))
}

func TestTokensAreTheReferences(t *testing.T) {
	e, err := New()
	require.NoError(t, err)
	for _, g := range readGolden(t) {
		require.Equal(t, g.Tokens, e.Tokens(g.Text), "tokens of %q", g.Text)
	}
	require.Empty(t, e.Tokens(""))
}

func TestVectorsStayCloseToTheFloat32Reference(t *testing.T) {
	eachKernel(t, func(t *testing.T, e *Encoder) {
		for _, g := range readGolden(t) {
			vector, err := e.Encode(g.Tokens)
			require.NoError(t, err)
			require.Greater(t, cosine(vector, g.floats(t)), 0.999, "vector of %q", g.Text)
			require.InDelta(t, 1, cosine(vector, vector), 1e-5, "length of the vector of %q", g.Text)
		}
	})
}

func TestKernelsAgreeToTheBit(t *testing.T) {
	reference, err := load(weights, scalar{})
	require.NoError(t, err)
	eachKernel(t, func(t *testing.T, e *Encoder) {
		for _, g := range readGolden(t) {
			want, err := reference.Encode(g.Tokens)
			require.NoError(t, err)
			got, err := e.Encode(g.Tokens)
			require.NoError(t, err)
			require.Equal(t, want, got, "vector of %q", g.Text)
		}
	})
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}
