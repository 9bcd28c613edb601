package vectors_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	client "github.com/weaviate/weaviate-go-client/v4/weaviate"

	"meai/internal/enginetest"
	"meai/internal/vectors"
	"meai/internal/weaviateserver"
)

// mortal is a server of the test's own, that it kills as a crash does.
type mortal struct {
	*weaviateserver.Server
	options weaviateserver.Options
	index   *vectors.Index
	client  *client.Client
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	binary, err := weaviateserver.Find()
	require.NoError(t, err)
	m := &mortal{options: weaviateserver.Options{Binary: binary, Data: filepath.Join(t.TempDir(), "data"), Node: "node1"}}
	m.start(t)
	t.Cleanup(func() { m.Kill() })
	return m
}

func (m *mortal) start(t *testing.T) {
	t.Helper()
	var err error
	m.Server, err = weaviateserver.Start(t.Context(), m.options)
	require.NoError(t, err)
	m.index, err = vectors.Open(t.Context(), vectors.Options{
		URL: m.URL(), APIKey: m.APIKey(), Timeout: 10 * time.Second, Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(m.index.Close)
	m.client, err = client.NewClient(client.Config{Scheme: "http", Host: m.URL()[len("http://"):], Headers: map[string]string{"Authorization": "Bearer " + m.APIKey()}})
	require.NoError(t, err)
	require.NoError(t, m.index.EnsureClass(t.Context()))
}

// crash is kill -9 and what a supervisor does about it.
func (m *mortal) crash(t *testing.T) {
	t.Helper()
	m.Kill()
	m.start(t)
}

// holder makes a tenant with memories, whose vectors have this many values.
func (m *mortal) holder(t *testing.T, memories, length int) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, m.index.EnsureTenant(t.Context(), subject))
	m.put(t, subject, 0, memories, length)
	return subject
}

func (m *mortal) put(t *testing.T, subject uuid.UUID, from, to, length int) {
	t.Helper()
	require.NoError(t, m.index.Put(t.Context(), subject, some(from, to, length)...))
}

func some(from, to, length int) []vectors.Object {
	var objects []vectors.Object
	for i := from; i < to; i++ {
		o := memory(i, vectors.Term(i+1))
		o.Vector = towards(i, length)
		objects = append(objects, o)
	}
	return objects
}

// towards is a vector for a number, without zeros: as those of models, it has a sign everywhere.
func towards(i, length int) []float32 {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	v := make([]float32, length)
	for j := range v {
		v[j] = float32(random.NormFloat64()) / float32(length)
	}
	return v
}

// requireFound shows that each of so many memories is what a search for its vector finds.
func (m *mortal) requireFound(t *testing.T, what string, subject uuid.UUID, memories, length int) {
	t.Helper()
	all, err := m.index.Search(t.Context(), subject, vectors.Query{Vector: towards(0, length), Limit: memories + 10})
	require.NoError(t, err, what)
	require.Len(t, all, memories, what)
	for i := range memories {
		hits, err := m.index.Search(t.Context(), subject, vectors.Query{Vector: towards(i, length), Limit: 1})
		require.NoError(t, err, what)
		require.Equal(t, memory(i).ID, hits[0].ID, what)
		require.InDelta(t, 1, hits[0].Score, 1e-5, what)
	}
}

// TestWhatWasPutIsFoundWhenTheServerWasKilled has a person with one memory, with so many
// that they fill buffers, and with more after each crash.
func TestWhatWasPutIsFoundWhenTheServerWasKilled(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	one, small, large := m.holder(t, 1, 512), m.holder(t, 30, 16), m.holder(t, 130, 512)
	library := vectors.Catalogue{Name: "Library", Edition: "1"}
	require.NoError(t, m.index.EnsureCatalogue(t.Context(), library, items()))
	more := 0
	for range 2 {
		m.crash(t)
		m.requireFound(t, "one memory", one, 1+more, 512)
		m.requireFound(t, "small vectors", small, 30+more, 16)
		m.requireFound(t, "several batches", large, 130, 512)
		found, err := m.index.FindNear(t.Context(), library, vectors.Nearest{Vector: pointing(0, 0), Limit: 9})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b", "c"}, keys(found))
		m.put(t, one, 1+more, 2+more, 512)
		m.put(t, small, 30+more, 31+more, 16)
		more++
	}
}

// TestWhatVectorsFindNoMoreIsNoticed has the server lose what a crash can lose of an older
// version's writes: the vectors themselves, or their signs, which are in a log of their own.
// It has the objects, and no search by vector finds them, or all as if they were the same.
func TestWhatVectorsFindNoMoreIsNoticed(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	objects := some(0, 30, 16)
	for _, log := range []string{"vectors_compressed_text", "vectors_text"} {
		subject, other := m.holder(t, len(objects), 16), m.holder(t, len(objects), 16)
		m.loses(t, subject, log)
		require.Equal(t, len(objects), m.count(t, subject), log)
		require.Len(t, m.unfound(t, subject, objects), len(objects), log)
		require.Empty(t, m.unfound(t, other, objects), log)

		require.NoError(t, m.index.Put(t.Context(), subject, objects...))
		require.Len(t, m.unfound(t, subject, objects), len(objects), "what it has it does not index again: %s", log)
		require.NoError(t, m.index.Replace(t.Context(), subject, objects...))
		require.Empty(t, m.unfound(t, subject, objects), log)
		m.requireFound(t, "after they were replaced", subject, len(objects), 16)
		m.crash(t)
		m.requireFound(t, "after another crash", subject, len(objects), 16)
	}
}

// loses kills the server, and one of a tenant's logs is gone when it starts again.
func (m *mortal) loses(t *testing.T, subject uuid.UUID, log string) {
	t.Helper()
	m.Kill()
	folder := filepath.Join(m.options.Data, "memory", vectors.TenantOf(subject), "lsm", log)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, os.RemoveAll(folder))
	m.start(t)
}

// TestATenantOfAClassThatKeptVectorsInMemoryIsFound: the cache of older classes was not
// filled from what a crash had left in the log.
func TestATenantOfAClassThatKeptVectorsInMemoryIsFound(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	m.keepInMemory(t, true)
	m.crash(t) // and its EnsureClass has it as it ought to be
	require.False(t, m.keptInMemory(t))
	subject := m.holder(t, 30, 16)
	m.crash(t)
	m.requireFound(t, "without a cache", subject, 30, 16)
}

func (m *mortal) unfound(t *testing.T, subject uuid.UUID, objects []vectors.Object) []uuid.UUID {
	t.Helper()
	var all []uuid.UUID
	for _, o := range objects {
		all = append(all, o.ID)
	}
	lost, err := m.index.Unfound(t.Context(), subject, len(objects[0].Vector), all...)
	require.NoError(t, err)
	return lost
}

func (m *mortal) count(t *testing.T, subject uuid.UUID) int {
	t.Helper()
	n, err := m.index.Count(t.Context(), subject)
	require.NoError(t, err)
	return n
}

// keepInMemory makes the class as versions before did.
func (m *mortal) keepInMemory(t *testing.T, cached bool) {
	t.Helper()
	class, err := m.client.Schema().ClassGetter().WithClassName("Memory").Do(t.Context())
	require.NoError(t, err)
	class.VectorConfig["text"].VectorIndexConfig.(map[string]any)["bq"].(map[string]any)["cache"] = cached
	require.NoError(t, m.client.Schema().ClassUpdater().WithClass(class).Do(t.Context()))
	require.Equal(t, cached, m.keptInMemory(t))
}

func (m *mortal) keptInMemory(t *testing.T) bool {
	t.Helper()
	class, err := m.client.Schema().ClassGetter().WithClassName("Memory").Do(t.Context())
	require.NoError(t, err)
	return class.VectorConfig["text"].VectorIndexConfig.(map[string]any)["bq"].(map[string]any)["cache"].(bool)
}
