package workers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/cluster"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/vectors"
	"meai/workflows"
)

func TestOnePersonsPatternsAreFoundWhenAskedFor(t *testing.T) {
	s := newSite(t)
	cfg := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: cfg.URL, APIKey: cfg.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	remembering := memory.New(memory.Options{DB: s.db, Keyring: s.keys, Vectors: index, Embedder: model, Logger: enginetest.Logger(t)})
	caps := s.caps
	caps.Memory = remembering
	batch, err := Start(s.temporal, declaration(t), []string{workflows.QueueBatch}, caps, enginetest.Logger(t))
	require.NoError(t, err)
	t.Cleanup(batch.Stop)

	subject := uuid.New()
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	require.NoError(t, s.keys.Create(t.Context(), subject))
	for n := range 3 {
		_, err := remembering.Remember(t.Context(), memory.RememberInput{
			Ref:  interaction.Ref{Subject: subject, Session: uuid.New(), Interaction: uuid.New(), Workflow: fmt.Sprintf("person/%s/interaction/%d", subject, n)},
			Text: "I argued with Tom.", SaidAt: time.Now().AddDate(0, 0, -n-1), Analysis: &mirror.Analysis{Primary: "anger", Intensity: 0.4},
		})
		require.NoError(t, err)
	}
	declared := declaration(t)
	declared.Schedules = nil
	_, err = cluster.Applier{Client: s.temporal, Namespace: s.namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { // a new search attribute takes a moment
		return s.starter.Consolidate(t.Context(), subject) == nil
	}, time.Minute, 200*time.Millisecond)
	require.NoError(t, s.starter.Consolidate(t.Context(), subject), "asking twice is no error")
	require.Eventually(t, func() bool {
		found, err := memory.NewGraph(s.db, s.keys).Patterns(t.Context(), subject)
		return err == nil && len(found.Echoes) == 2
	}, time.Minute, 100*time.Millisecond, "Tom, and anger")
	var done memory.Consolidated
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), workflows.ConsolidationID(subject), "").Get(t.Context(), &done))

	require.NoError(t, s.db.Freeze(t.Context(), subject))
	err = s.starter.Consolidate(t.Context(), subject)
	require.True(t, failure.Is(err, failure.SubjectInactive), err)
}
