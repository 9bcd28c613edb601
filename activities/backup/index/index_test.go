package index_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/index"
	"meai/activities/backup/repository"
	"meai/internal/vectors"
)

// steps notes the steps that were told of, each once.
func steps(into *[]index.Step) func(index.Progress) {
	return func(p index.Progress) {
		if n := len(*into); n == 0 || (*into)[n-1] != p.Step {
			*into = append(*into, p.Step)
		}
	}
}

func TestABackupIsRestoredIntoAnEmptyServer(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	talks, asleep, silent := live.subject(t, 250), live.subject(t, 40), live.subject(t, 0)
	live.fillCatalogue(t)
	live.guests(t)
	want := map[uuid.UUID][][]vectors.Hit{talks: live.found(t, talks), asleep: live.found(t, asleep)}
	live.deactivate(t, asleep)
	var told []index.Step
	o := live.how()
	o.Samples, o.Progress = 8, steps(&told)

	m := shelf.take(t, o)
	require.Equal(t, []index.Step{index.Activating, index.Counting, index.Sampling, index.BackingUp, index.Counting, index.Packing}, told)
	require.Equal(t, []repository.Collection{
		{Name: "Guests", Tenants: map[string]int{"one": 1}},
		{Name: "Library_1", Tenants: map[string]int{"": 12}},
		{Name: "Memory", Tenants: map[string]int{vectors.TenantOf(talks): 250, vectors.TenantOf(asleep): 40, vectors.TenantOf(silent): 0}},
	}, m.Index.Collections)
	require.Equal(t, node, m.Index.Node)
	require.Equal(t, "1.35.2", m.Index.Version)
	require.Greater(t, len(m.Index.Samples), 8, "of all collections")
	require.Empty(t, live.staged(t))
	require.Equal(t, statusOf(false), live.status(t, asleep), "it was put back")
	require.Equal(t, statusOf(true), live.status(t, talks))
	require.NoError(t, shelf.Check(t.Context(), m.Objects[0]))

	scratch := newServer(t, node)
	told, o = nil, scratch.how()
	o.Progress = steps(&told)
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, o))
	require.Equal(t, []index.Step{index.Unpacking, index.Restoring, index.Comparing}, told)
	require.Empty(t, scratch.staged(t))
	for subject, hits := range want {
		require.Equal(t, hits, scratch.found(t, subject))
	}
	near, err := scratch.index.FindNear(t.Context(), catalogue, vectors.Nearest{Vector: pointing(5), Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "f", near[0].Key)

	t.Run("only into an empty one, unless it is told to drop", func(t *testing.T) {
		err := index.Restore(t.Context(), shelf.Repository, m, shelf.keys, scratch.how())
		require.ErrorIs(t, err, index.ErrNotEmpty)
		require.ErrorContains(t, err, "Guests, Library_1, Memory")
		scratch.remember(t, talks, 250, 260)
		o := scratch.how()
		o.Drop = true
		require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, o))
	})
	t.Run("what is different is named", func(t *testing.T) { differs(t, shelf, m, scratch, talks, silent) })
}

// statusOf is how Weaviate calls the two states of a tenant.
func statusOf(active bool) string {
	if active {
		return "HOT"
	}
	return "COLD"
}

// differs changes a server that was restored, one thing after another.
func differs(t *testing.T, shelf *shelf, m repository.Manifest, s *server, talks, silent uuid.UUID) {
	compare := func() error { return index.Compare(t.Context(), m, shelf.keys, s.how()) }
	require.NoError(t, compare())
	var sample repository.Sample
	for _, candidate := range m.Index.Samples {
		if candidate.Tenant == vectors.TenantOf(talks) {
			sample = candidate
		}
	}
	other := object(talks, 0)
	other.ID = sample.ID
	other.Vector = pointing(991)
	require.NoError(t, s.index.Put(t.Context(), talks, other))
	require.ErrorIs(t, compare(), index.ErrDifferent)
	require.ErrorContains(t, compare(), "object "+sample.ID.String()+" of tenant \""+vectors.TenantOf(talks)+"\" of Memory has another vector")

	require.NoError(t, s.index.Delete(t.Context(), talks, sample.ID))
	require.ErrorContains(t, compare(), "object "+sample.ID.String()+" of tenant \""+vectors.TenantOf(talks)+"\" of Memory is missing")
	require.ErrorContains(t, compare(), "holds 249 objects instead of 250")

	require.NoError(t, s.index.DeleteTenant(t.Context(), silent))
	require.ErrorContains(t, compare(), `tenant "`+vectors.TenantOf(silent)+`" of Memory is missing`)
	stranger := s.subject(t, 1)
	require.ErrorContains(t, compare(), `tenant "`+vectors.TenantOf(stranger)+`" of Memory is none of the backup's`)
	require.NoError(t, s.index.DropOtherEditions(t.Context(), vectors.Catalogue{Name: "Library", Edition: "2"}))
	require.ErrorContains(t, compare(), "collection Library_1 is missing")
	require.NoError(t, s.index.EnsureCatalogue(t.Context(), vectors.Catalogue{Name: "Library", Edition: "2"}, nil))
	require.ErrorContains(t, compare(), "collection Library_2 is none of the backup's")
}
