package vectors_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
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
	o.Neighbours = []vectors.Term{3}
	lonely := memory(2, 9)
	require.NoError(t, index.Put(t.Context(), subject, o, lonely))
	held := make(map[uuid.UUID]vectors.Held)
	for _, h := range listed(t, index, subject, 10) {
		held[h.ID] = h
	}
	require.True(t, held[o.ID].Matches(o))
	require.True(t, held[lonely.ID].Matches(lonely), "nothing around it")

	for name, change := range map[string]func(*vectors.Object){
		"another word":      func(o *vectors.Object) { o.Turn = []vectors.Term{1, 7} },
		"another neighbour": func(o *vectors.Object) { o.Neighbours = []vectors.Term{4} },
		"another model":     func(o *vectors.Object) { o.Model = "next" },
		"another kind":      func(o *vectors.Object) { o.Kind = "marker" },
		"another time":      func(o *vectors.Object) { o.SaidAt = o.SaidAt.Add(time.Microsecond) },
	} {
		changed := o
		change(&changed)
		require.False(t, held[o.ID].Matches(changed), name)
	}
}

// Objects that were written before hold the words of their session, too, which is no reason
// to write a whole index again. What nobody knows is.
func TestAnObjectOfBeforeMatchesWithTheWordsOfItsSession(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	former, strange := memory(1, 1, 2), memory(2, 3)
	require.NoError(t, index.Put(t.Context(), subject, former, strange))
	for o, property := range map[*vectors.Object]string{&former: "session", &strange: "unheard_of"} {
		weaviate(t, http.MethodPost, "/v1/schema/Memory/properties", map[string]any{"name": property, "dataType": []string{"text"}}, http.StatusOK, http.StatusUnprocessableEntity)
		weaviate(t, http.MethodPatch, "/v1/objects/Memory/"+o.ID.String(), map[string]any{
			"class": "Memory", "id": o.ID, "tenant": vectors.TenantOf(subject), "properties": map[string]any{property: "0000000000000005"},
		}, http.StatusNoContent)
	}
	for _, h := range listed(t, index, subject, 10) {
		if h.ID == former.ID {
			require.True(t, h.Matches(former))
		} else {
			require.False(t, h.Matches(strange))
		}
	}
	hits, err := index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{5}, Limit: 1})
	require.NoError(t, err)
	require.Empty(t, hits, "nobody searches them")
}

// weaviate asks Weaviate's own API, which must answer with one of the statuses.
func weaviate(t *testing.T, method, path string, body any, statuses ...int) {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, cfg.URL+path, bytes.NewReader(raw))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+cfg.APIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, statuses, response.StatusCode)
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
	hits, err := index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{1}, Limit: 200})
	require.NoError(t, err)
	require.Len(t, hits, 10)
}

func TestTenantsAreListed(t *testing.T) {
	index := open(t)
	one, other := newTenant(t, index), newTenant(t, index)
	tenants, err := index.Tenants(t.Context())
	require.NoError(t, err)
	require.Subset(t, tenants, []string{vectors.TenantOf(one), vectors.TenantOf(other)})
	require.NotContains(t, tenants, vectors.TenantOf(uuid.New()))
	for _, subject := range []uuid.UUID{one, other} {
		require.Regexp(t, "^[0-9a-f]{32}$", vectors.TenantOf(subject))
		require.NotContains(t, tenants, subject.String(), "the names outlive the tenants in Weaviate's own log")
	}
	require.NoError(t, index.DeleteTenantNamed(t.Context(), vectors.TenantOf(one)))
	tenants, err = index.Tenants(t.Context())
	require.NoError(t, err)
	require.NotContains(t, tenants, vectors.TenantOf(one))
	require.Contains(t, tenants, vectors.TenantOf(other))
	require.NoError(t, index.DeleteTenantNamed(t.Context(), vectors.TenantOf(one)), "once more")
}
