package truthfilter

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter/misconceptions"
	"meai/activities/truthfilter/models"
	"meai/internal/embedding"
)

func TestVectorsAreThoseOfTheList(t *testing.T) {
	m, err := models.Load()
	require.NoError(t, err)
	texts := textsOf(misconceptions.List)
	for i := range texts {
		texts[i].vector = m.Vector(texts[i].text)
	}
	packed := packListed(texts)
	if *update {
		require.NoError(t, os.WriteFile("listed.bin", packed, 0o644))
		return
	}
	require.True(t, string(listedFile) == string(packed), "go generate writes it anew")
	for i, l := range listed() {
		require.InDelta(t, 1, embedding.Cosine(l.vector, texts[i].vector), 0.001, l.text)
	}
}

func TestVectorsOfAnotherListAreRefused(t *testing.T) {
	texts := textsOf(misconceptions.List)
	_, err := readListed(listedFile, texts[1:])
	require.ErrorContains(t, err, "other texts")
	_, err = readListed(listedFile[:len(listedFile)-1], texts)
	require.ErrorContains(t, err, "other texts")
}
