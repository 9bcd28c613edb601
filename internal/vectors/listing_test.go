package vectors_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/vectors"
)

// listed goes through everything in pages.
func listed(t *testing.T, index *vectors.Index, subject uuid.UUID, limit int) []vectors.Held {
	t.Helper()
	var all []vectors.Held
	for after := uuid.Nil; ; {
		page, err := index.List(t.Context(), subject, after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		after = page[len(page)-1].ID
	}
}

func TestWhatIsIndexedIsListedInTheOrderOfItsIDs(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	want := make([]uuid.UUID, 40)
	for i := range want {
		o := memory(i, vectors.Term(i))
		o.ID = uuid.New()
		want[i] = o.ID
		require.NoError(t, index.Put(t.Context(), subject, o))
	}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	for _, limit := range []int{7, 40, 100} {
		var got []uuid.UUID
		for _, h := range listed(t, index, subject, limit) {
			got = append(got, h.ID)
		}
		require.Equal(t, want, got, "%d to a page", limit)
	}
	nobody, err := index.List(t.Context(), uuid.New(), uuid.Nil, 5)
	require.NoError(t, err)
	require.Empty(t, nobody)
}

func TestAnObjectMatchesWhatItWasWrittenFromAndNothingElse(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	o := memory(1, 1, 2)
	o.SaidAt = noon.Add(123456 * time.Microsecond)
	o.Neighbours, o.Session = []vectors.Term{3}, []vectors.Term{3, 4, 5}
	lonely := memory(2, 9)
	require.NoError(t, index.Put(t.Context(), subject, o, lonely))
	held := make(map[uuid.UUID]vectors.Held)
	for _, h := range listed(t, index, subject, 10) {
		held[h.ID] = h
	}
	require.True(t, held[o.ID].Matches(o, []vectors.Term{3, 4}))
	require.True(t, held[lonely.ID].Matches(lonely, nil), "nothing around it")

	for name, change := range map[string]func(*vectors.Object) []vectors.Term{
		"another word":       func(o *vectors.Object) []vectors.Term { o.Turn = []vectors.Term{1, 7}; return nil },
		"another neighbour":  func(o *vectors.Object) []vectors.Term { o.Neighbours = []vectors.Term{4}; return nil },
		"another model":      func(o *vectors.Object) []vectors.Term { o.Model = "next"; return nil },
		"another kind":       func(o *vectors.Object) []vectors.Term { o.Kind = "marker"; return nil },
		"another time":       func(o *vectors.Object) []vectors.Term { o.SaidAt = o.SaidAt.Add(time.Microsecond); return nil },
		"less around it now": func(o *vectors.Object) []vectors.Term { o.Session = []vectors.Term{3, 4}; return nil },
		"more was before it": func(o *vectors.Object) []vectors.Term { o.Session = append(o.Session, 6); return []vectors.Term{6} },
	} {
		changed := o
		before := change(&changed)
		require.False(t, held[o.ID].Matches(changed, before), name)
	}
	later := o
	later.Session = append(later.Session, 8)
	require.True(t, held[o.ID].Matches(later, []vectors.Term{3, 4, 5}), "a turn that followed changes nothing")
}

func TestDeletedObjectsAreGoneAndOthersStay(t *testing.T) {
	index := open(t)
	subject, other := newTenant(t, index), newTenant(t, index)
	var gone []uuid.UUID
	for i := range 130 {
		require.NoError(t, index.Put(t.Context(), subject, memory(i, 1)))
		if i < 120 {
			gone = append(gone, memory(i).ID)
		}
	}
	require.NoError(t, index.Put(t.Context(), other, memory(0, 1)))
	gone = append(gone, uuid.New())
	require.NoError(t, index.Delete(t.Context(), subject, gone...))
	require.NoError(t, index.Delete(t.Context(), subject, gone...), "deleting twice is no error")
	require.NoError(t, index.Delete(t.Context(), uuid.New(), gone...), "and neither is it where nobody is")

	require.Len(t, listed(t, index, subject, 100), 10)
	require.Len(t, listed(t, index, other, 100), 1, "another person's is not touched")
	hits, err := index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{1}, Vector: pointing(0, 0), Alpha: 0.5, Limit: 200})
	require.NoError(t, err)
	require.Len(t, hits, 10)
}

func TestTenantsAreListed(t *testing.T) {
	index := open(t)
	one, other := newTenant(t, index), newTenant(t, index)
	tenants, err := index.Tenants(t.Context())
	require.NoError(t, err)
	require.Subset(t, tenants, []uuid.UUID{one, other})
	require.NotContains(t, tenants, uuid.New())
}
