package memory_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/enginetest"
	"meai/internal/vectors"
	"meai/internal/weaviateserver"
)

// mortal is a Weaviate server of the test's own, that it kills as a crash does.
type mortal struct {
	*weaviateserver.Server
	options weaviateserver.Options
	index   *vectors.Index
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
	require.NoError(t, m.index.EnsureClass(t.Context()))
}

// loses kills the server, and the log of a person's quantised vectors is gone when it starts
// again: it has the objects, and no search by vector finds them.
func (m *mortal) loses(t *testing.T, subject uuid.UUID) {
	t.Helper()
	m.Kill()
	log := filepath.Join(m.options.Data, "memory", vectors.TenantOf(subject), "lsm", "vectors_compressed_text")
	require.DirExists(t, log)
	require.NoError(t, os.RemoveAll(log))
	m.start(t)
}

// TestARepairFindsWhatACrashOfTheIndexHasLost: all objects are there, and found by
// their words only.
func TestARepairFindsWhatACrashOfTheIndexHasLost(t *testing.T) {
	w, m := newWorld(t), newMortal(t)
	p := w.newPerson(t)
	p.keepsDiary(t)
	p.consolidates(t)
	all := p.searchable(t)
	require.Equal(t, len(all), p.repairs(t, w.with(t, m.index, w.model)).Missing)

	m.loses(t, p.id)
	acts := w.with(t, m.index, w.model)
	held, err := m.index.Count(t.Context(), p.id)
	require.NoError(t, err)
	require.Len(t, all, held, "counts tell nothing")
	require.Len(t, m.unfound(t, p, all), len(all))

	require.Equal(t, memory.Repaired{Compared: len(all), Lost: len(all)}, p.repairs(t, acts))
	require.Empty(t, m.unfound(t, p, all))
	require.Equal(t, memory.Repaired{Compared: len(all)}, p.repairs(t, acts), "a second run finds nothing")
	m.Kill()
	m.start(t)
	require.Empty(t, m.unfound(t, p, all), "it is mended for good")
}

// unfound are those that a search by vector finds none of.
func (m *mortal) unfound(t *testing.T, p *person, ids []uuid.UUID) []uuid.UUID {
	t.Helper()
	lost, err := m.index.Unfound(t.Context(), p.id, p.w.model.Dimensions(), ids...)
	require.NoError(t, err)
	return lost
}
