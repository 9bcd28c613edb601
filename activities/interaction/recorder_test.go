package interaction_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// shared serves all tests: each keeps to a person of its own.
var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// scene is a running recorder and one interaction.
type scene struct {
	*interaction.Recorder
	db   *postgres.DB
	urls enginetest.URLs
	ref  interaction.Ref
}

func newScene(t *testing.T, log *slog.Logger) scene {
	t.Helper()
	db, urls := shared.Database(t)
	ref := interaction.Ref{Subject: uuid.New(), Session: uuid.New(), Interaction: uuid.Must(uuid.NewV7())}
	require.NoError(t, db.EnsureSubject(t.Context(), ref.Subject))
	r := interaction.NewRecorder(db, log)
	r.Start()
	t.Cleanup(func() { r.Stop(context.Background()) })
	return scene{r, db, urls, ref}
}

// steps reads the live status as "step state reason".
func (s scene) steps(t *testing.T) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.urls.App)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", s.ref.Subject.String())
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "select concat_ws(' ', step, state, nullif(reason, '')) from interaction_steps where interaction_id = $1 order by step", s.ref.Interaction)
	require.NoError(t, err)
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return steps
}

func (s scene) requireSoon(t *testing.T, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return slices.Equal(want, s.steps(t)) }, 10*time.Second, 10*time.Millisecond, "want %v", want)
}

func ended(step interaction.Step, state interaction.StepState, reason string) interaction.StepRecord {
	at := time.Now()
	return interaction.StepRecord{Step: step, State: state, StartedAt: at, CompletedAt: &at, Reason: reason}
}

func TestStepsShowWhileTheyRun(t *testing.T) {
	s := newScene(t, nil)
	s.Begin(s.ref, interaction.MemoryRetrieval)
	s.Begin(s.ref, interaction.EmotionalAnalysis)
	s.requireSoon(t, "emotional_analysis started", "memory_retrieval started")
	s.End(s.ref, ended(interaction.MemoryRetrieval, interaction.Degraded, "vectors_unavailable"))
	s.requireSoon(t, "emotional_analysis started", "memory_retrieval degraded vectors_unavailable")
	s.Begin(s.ref, interaction.MemoryRetrieval) // a second attempt, or a late hint
	s.End(s.ref, ended(interaction.EmotionalAnalysis, interaction.Completed, ""))
	s.requireSoon(t, "emotional_analysis completed", "memory_retrieval degraded vectors_unavailable")
}

func TestStoppingWritesWhatIsQueuedInWhateverOrderItCame(t *testing.T) {
	s := newScene(t, nil)
	s.End(s.ref, ended(interaction.TruthReview, interaction.Completed, ""))
	s.Begin(s.ref, interaction.TruthReview)
	s.Begin(s.ref, interaction.Delivery)
	s.End(s.ref, ended(interaction.Delivery, interaction.Completed, ""))
	s.Stop(t.Context())
	require.Equal(t, []string{"delivery completed", "truth_review completed"}, s.steps(t))
	require.Zero(t, s.Dropped())

	s.Begin(s.ref, interaction.MemoryStorage)
	require.EqualValues(t, 1, s.Dropped(), "a stopped recorder drops")
	s.Stop(t.Context()) // again
}

func TestAnOutcomeIsNotOverwrittenByALateHint(t *testing.T) {
	s := newScene(t, nil)
	s.Begin(s.ref, interaction.Delivery)
	s.requireSoon(t, "delivery started")
	final := []interaction.StepRecord{
		ended(interaction.Delivery, interaction.Completed, ""),
		ended(interaction.MemoryRetrieval, interaction.Degraded, "vectors_unavailable"),
	}
	require.NoError(t, s.db.Write(t.Context(), s.ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		if err := interaction.FinishSteps(ctx, q, s.ref, final); err != nil {
			return err
		}
		return interaction.FinishStep(ctx, q, s.ref, ended(interaction.MemoryStorage, interaction.Completed, ""))
	}))
	for _, step := range []interaction.Step{interaction.Delivery, interaction.MemoryRetrieval, interaction.MemoryStorage} {
		s.Begin(s.ref, step)
		s.End(s.ref, ended(step, interaction.Skipped, "late"))
	}
	s.Stop(t.Context())
	require.Equal(t, []string{"delivery completed", "memory_retrieval degraded vectors_unavailable", "memory_storage completed"}, s.steps(t))
}

func TestAnOutcomeReplacesHintsAndCanBeRepeated(t *testing.T) {
	s := newScene(t, nil)
	s.End(s.ref, ended(interaction.Delivery, interaction.Skipped, "hint"))
	s.requireSoon(t, "delivery skipped hint")
	rec := ended(interaction.Delivery, interaction.Completed, "")
	for range 2 {
		require.NoError(t, s.db.Write(t.Context(), s.ref.Subject, func(ctx context.Context, q *queries.Queries) error {
			return interaction.FinishStep(ctx, q, s.ref, rec)
		}))
	}
	require.NoError(t, s.db.Write(t.Context(), s.ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		return interaction.FinishSteps(ctx, q, s.ref, nil)
	}))
	require.Equal(t, []string{"delivery completed"}, s.steps(t))
}

func TestWhatHasNoStatusIsNotRecorded(t *testing.T) {
	var none *interaction.Recorder
	none.Start()
	none.Begin(interaction.Ref{Interaction: uuid.New()}, interaction.Delivery)
	none.End(interaction.Ref{Interaction: uuid.New()}, interaction.StepRecord{})
	none.Stop(t.Context())
	require.Zero(t, none.Dropped())

	s := newScene(t, nil)
	s.ref.Interaction = uuid.Nil
	s.Begin(s.ref, interaction.EmotionalAnalysis)
	s.Stop(t.Context())
	require.Empty(t, s.steps(t))
	require.Zero(t, s.Dropped())
}

func TestAnActivityNeverWaitsForItsHints(t *testing.T) {
	var log bytes.Buffer
	away, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://meai_app@127.0.0.1:1/meai"})
	require.NoError(t, err)
	defer away.Close()
	r := interaction.NewRecorder(away, slog.New(slog.NewTextHandler(&log, nil)))
	r.Start()
	const hints = 20_000
	for range hints {
		r.Begin(interaction.Ref{Subject: uuid.New(), Interaction: uuid.New()}, interaction.Delivery)
	}
	require.Positive(t, r.Dropped(), "the queue is bounded")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.Stop(ctx)
	require.NoError(t, ctx.Err())
	require.EqualValues(t, hints, r.Dropped(), "each is accounted for")
	require.Contains(t, log.String(), "live status")
}

func TestHintsOfAPersonBeingErasedAreDroppedInSilence(t *testing.T) {
	var log bytes.Buffer
	s := newScene(t, slog.New(slog.NewTextHandler(&log, nil)))
	conn, err := pgx.Connect(t.Context(), s.urls.App)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "update subjects set state = 'freezing' where id = $1", s.ref.Subject)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	s.Begin(s.ref, interaction.Delivery)
	s.Stop(t.Context())
	require.Empty(t, s.steps(t))
	require.EqualValues(t, 1, s.Dropped())
	require.Empty(t, log.String())
}

func TestStoppingWhatWasNeverStarted(t *testing.T) {
	r := interaction.NewRecorder(nil, nil)
	r.Stop(t.Context())
	r.Start()
	r.Begin(interaction.Ref{Interaction: uuid.New()}, interaction.Delivery)
	require.EqualValues(t, 1, r.Dropped())
}

func BenchmarkBegin(b *testing.B) {
	db, _ := shared.Database(b)
	ref := interaction.Ref{Subject: uuid.New(), Interaction: uuid.New()}
	require.NoError(b, db.EnsureSubject(b.Context(), ref.Subject))
	r := interaction.NewRecorder(db, nil)
	r.Start()
	b.ReportAllocs()
	for b.Loop() {
		r.Begin(ref, interaction.Delivery)
	}
	b.StopTimer()
	r.Stop(context.Background())
	b.ReportMetric(float64(r.Dropped())/float64(b.N), "dropped/op")
}
