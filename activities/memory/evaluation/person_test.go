package evaluation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/vectors"
)

// TestAPersonTellsAndIsAsked goes through the engines, and leaves nothing that can be read.
func TestAPersonTellsAndIsAsked(t *testing.T) {
	db, _ := enginetest.Database(t)
	keys := enginetest.Keyring(t)
	w := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: w.URL, APIKey: w.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	e := Engines{DB: db, Keys: keys, Index: index, Memory: memory.New(memory.Options{DB: db, Keyring: keys, Vectors: index, Embedder: model, Logger: enginetest.Logger(t)})}

	at := time.Date(2025, 3, 1, 9, 0, 0, 0, time.UTC)
	c := Conversation{Name: "ana", Turns: []Turn{
		{ID: "1.1", Session: "1", At: at, Text: "My sister Maya plays the cello in Porto."},
		{ID: "1.2", Session: "1", At: at.Add(time.Minute), Text: "I burned the rice again."},
		{ID: "2.1", Session: "2", At: at.AddDate(0, 0, 1), Text: "Maya has sold her cello."},
	}}
	var told []int
	p, err := e.Tell(t.Context(), c, func(turns int) { told = append(told, turns) })
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, told)
	find := func(asked time.Time) []string {
		found, err := p.Find(t.Context(), Question{Question: "What does Maya do with her cello?", AskedAt: asked}, 0, 10)
		require.NoError(t, err)
		return found
	}
	require.ElementsMatch(t, []string{"1.1", "2.1"}, find(time.Time{})[:2])
	require.Equal(t, "1.1", find(at)[0], "what was said at that moment is known")
	require.NotContains(t, find(at.Add(time.Hour)), "2.1")

	require.NoError(t, p.Forget(t.Context()))
	_, err = keys.Keys(t.Context(), p.subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	require.True(t, failure.Is(db.CheckActive(t.Context(), p.subject), failure.SubjectInactive))
	n, err := index.Count(t.Context(), p.subject)
	require.True(t, n == 0 || err != nil)
}
