package asking

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
)

func TestAQuestionMovesTowardsItsAnswer(t *testing.T) {
	pairs, err := ReadPairs(os.DirFS("pairs"))
	require.NoError(t, err)
	require.Len(t, pairs, 4002)
	e, err := embedding.NewBuiltin()
	require.NoError(t, err)
	require.Equal(t, model, e.Model(), "the map was learned on the vectors of the built-in encoder")
	asked, err := Embed(t.Context(), e, pairs[:200])
	require.NoError(t, err)
	require.Greater(t, Ranks(learned(), asked, asked), 0.1+Ranks(nil, asked, asked))

	moved := Toward(e.Model(), asked[0].Question)
	require.InDelta(t, 1, embedding.Cosine(moved, moved), 1e-4)
	require.Equal(t, asked[0].Question, Toward("another", asked[0].Question), "another model's question stays")
}

func TestAMapIsReadAsItWasWritten(t *testing.T) {
	m := make(Map, width*width)
	m[0], m[width+1], m[width+2] = 0.5, -1, 0.25
	raw, err := m.Write()
	require.NoError(t, err)
	got, err := Read(raw)
	require.NoError(t, err)
	for i := range m {
		require.InDelta(t, m[i], got[i], 1.0/math.MaxInt8)
	}
	_, err = Read(raw[1:])
	require.Error(t, err)
	_, err = m[1:].Write()
	require.Error(t, err)
}

func TestPairsHaveThreeColumns(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/a.tsv", []byte("one\ttwo\tthree\none\ttwo\n"), 0o600))
	_, err := ReadPairs(os.DirFS(folder))
	require.ErrorContains(t, err, "a.tsv: line 2")
}
