package vectors_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/vectors"
)

// newCatalogue is one that no other test knows, and that is gone after the test.
func newCatalogue(t *testing.T, index *vectors.Index) vectors.Catalogue {
	t.Helper()
	c := vectors.Catalogue{Name: "T" + strings.ReplaceAll(uuid.NewString(), "-", ""), Edition: "1"}
	t.Cleanup(func() {
		require.NoError(t, index.DropOtherEditions(context.Background(), vectors.Catalogue{Name: c.Name, Edition: "none"}))
	})
	return c
}

func items() []vectors.Item {
	return []vectors.Item{
		{Key: "a", Labels: []string{"kind:x", "at:home"}, Amount: 5, Vector: pointing(0, 0)},
		{Key: "b", Labels: []string{"kind:y", "at:home"}, Amount: 10, Vector: pointing(0, 0.3)},
		{Key: "c", Labels: []string{"kind:x", "at:work"}, Amount: 20, Vector: pointing(0, 0.6)},
	}
}

func keys(found []vectors.Near) []string {
	var list []string
	for _, n := range found {
		list = append(list, n.Key)
	}
	return list
}

func TestACatalogueIsSearchedByMeaningAndLabels(t *testing.T) {
	index := open(t)
	c := newCatalogue(t, index)
	require.NoError(t, index.EnsureCatalogue(t.Context(), c, items()))
	require.NoError(t, index.EnsureCatalogue(t.Context(), c, items()), "once more changes nothing")
	count, err := index.CountCatalogue(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 3, count)
	for name, q := range map[string]struct {
		vectors.Nearest
		want []string
	}{
		"all":             {vectors.Nearest{Limit: 9}, []string{"a", "b", "c"}},
		"the nearest":     {vectors.Nearest{Limit: 1}, []string{"a"}},
		"by label":        {vectors.Nearest{Limit: 9, Labels: [][]string{{"kind:x"}}}, []string{"a", "c"}},
		"one of several":  {vectors.Nearest{Limit: 9, Labels: [][]string{{"kind:x", "kind:y"}}}, []string{"a", "b", "c"}},
		"all groups":      {vectors.Nearest{Limit: 9, Labels: [][]string{{"kind:x"}, {"at:work"}}}, []string{"c"}},
		"by amount":       {vectors.Nearest{Limit: 9, MostAmount: 10}, []string{"a", "b"}},
		"both":            {vectors.Nearest{Limit: 9, MostAmount: 10, Labels: [][]string{{"kind:y"}}}, []string{"b"}},
		"nothing is left": {vectors.Nearest{Limit: 9, Labels: [][]string{{"kind:z"}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			q.Vector = pointing(0, 0)
			found, err := index.FindNear(t.Context(), c, q.Nearest)
			require.NoError(t, err)
			require.Equal(t, q.want, keys(found))
			if len(found) > 0 && found[0].Key == "a" {
				require.InDelta(t, 1, found[0].Cosine, 1e-5)
			}
		})
	}
}

func TestANewEditionReplacesTheOld(t *testing.T) {
	index := open(t)
	old := newCatalogue(t, index)
	require.NoError(t, index.EnsureCatalogue(t.Context(), old, items()))
	next := vectors.Catalogue{Name: old.Name, Edition: "2"}
	longer := []vectors.Item{{Key: "d", Vector: append(pointing(0, 0), 0, 0)}}
	require.NoError(t, index.EnsureCatalogue(t.Context(), next, longer), "another model's vectors are of another length")
	require.NoError(t, index.DropOtherEditions(t.Context(), next))
	require.NoError(t, index.DropOtherEditions(t.Context(), next), "once more changes nothing")

	_, err := index.FindNear(t.Context(), old, vectors.Nearest{Vector: pointing(0, 0), Limit: 1})
	require.ErrorIs(t, err, vectors.ErrNoCatalogue)
	_, err = index.CountCatalogue(t.Context(), old)
	require.ErrorIs(t, err, vectors.ErrNoCatalogue)
	found, err := index.FindNear(t.Context(), next, vectors.Nearest{Vector: longer[0].Vector, Limit: 9})
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, keys(found))
}

func TestAnEditionThatLostItemsIsFilledAgain(t *testing.T) {
	index := open(t)
	c := newCatalogue(t, index)
	require.NoError(t, index.EnsureCatalogue(t.Context(), c, items()[:1]))
	require.NoError(t, index.EnsureCatalogue(t.Context(), c, items()))
	count, err := index.CountCatalogue(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 3, count)
}

func TestACatalogueIsUnavailableWhenNobodyAnswers(t *testing.T) {
	index, err := vectors.Open(t.Context(), vectors.Options{URL: closedPort(t), Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	c := vectors.Catalogue{Name: "T", Edition: "1"}
	require.ErrorIs(t, index.EnsureCatalogue(t.Context(), c, items()), vectors.ErrUnavailable)
	require.ErrorIs(t, index.DropOtherEditions(t.Context(), c), vectors.ErrUnavailable)
	_, err = index.FindNear(t.Context(), c, vectors.Nearest{Vector: pointing(0, 0), Limit: 1})
	require.ErrorIs(t, err, vectors.ErrUnavailable)
}
