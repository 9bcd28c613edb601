package index_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/index"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/vectors"
)

// world is MeAi's memory in PostgreSQL, indexed in a Weaviate of the test's own.
type world struct {
	db    *postgres.DB
	owner string
	keys  *keyring.Keyring
	model embedding.Embedder
	acts  *memory.Activities
	clock time.Time
}

func newWorld(t *testing.T, s *server) *world {
	t.Helper()
	db, urls := enginetest.Database(t)
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	w := &world{db: db, owner: urls.Owner, keys: enginetest.Keyring(t), model: model, clock: time.Now().Add(-time.Hour)}
	require.NoError(t, s.index.EnsureClass(t.Context()))
	w.acts = w.on(t, s, model)
	return w
}

// on are the activities of memory on a server's index.
func (w *world) on(t *testing.T, s *server, model embedding.Embedder) *memory.Activities {
	t.Helper()
	return memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: s.index, Embedder: model, Logger: enginetest.Logger(t)})
}

// deaf is an embedding model that is out of reach.
type deaf struct{ embedding.Embedder }

func (deaf) Embed(context.Context, ...string) ([][]float32, error) {
	return nil, errors.New("nothing is embedded again")
}

func (w *world) person(t *testing.T, says ...string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	require.NoError(t, w.db.EnsureSubject(t.Context(), id))
	require.NoError(t, w.keys.Create(t.Context(), id))
	for _, text := range says {
		w.says(t, id, text)
	}
	return id
}

// says has a text remembered and indexed, and returns its node.
func (w *world) says(t *testing.T, subject uuid.UUID, text string) uuid.UUID {
	t.Helper()
	w.clock = w.clock.Add(time.Second)
	ref := interaction.Ref{Subject: subject, Session: subject, Interaction: uuid.New(), Workflow: "person/" + uuid.NewString()}
	kept, err := w.acts.Remember(t.Context(), memory.RememberInput{
		Ref: ref, Text: text, SaidAt: w.clock, Analysis: &mirror.Analysis{Primary: "neutral", Intensity: 0.2, Confidence: 0.5},
	})
	require.NoError(t, err)
	_, err = w.acts.IndexVectors(t.Context(), memory.IndexInput{Ref: ref, Nodes: kept.Nodes})
	require.NoError(t, err)
	return kept.Nodes[0]
}

// exec runs a statement on a person's rows as the owner of the tables.
func (w *world) exec(t *testing.T, subject uuid.UUID, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "select set_config('app.subject', $1, true)", subject.String())
		if err == nil {
			_, err = tx.Exec(t.Context(), statement, args...)
		}
		return err
	}))
}

// repairs goes through all of a person's memories, as the workflow RepairIndex does.
func repairs(t *testing.T, acts *memory.Activities, subject uuid.UUID) (all memory.Repaired) {
	t.Helper()
	done, err := acts.Repair(t.Context(), memory.RepairInput{Subject: subject})
	require.NoError(t, err)
	require.Zero(t, done.Next)
	return done
}

// indexed are the ids of what a server holds of a person.
func indexed(t *testing.T, s *server, subject uuid.UUID) (ids []uuid.UUID) {
	t.Helper()
	held, err := s.index.List(t.Context(), subject, uuid.Nil, 1000)
	require.NoError(t, err)
	for _, h := range held {
		ids = append(ids, h.ID)
	}
	return ids
}

// TestTheRepairFillsTheGapAfterARestore brings an index backup level with a PostgreSQL
// that went on: what was said since is there, what was taken back or erased is gone, and
// nothing is embedded again.
func TestTheRepairFillsTheGapAfterARestore(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	w := newWorld(t, live)
	ada := w.person(t, "My garden has three apple trees.", "The smallest one bears nothing.")
	taken := w.says(t, ada, "I never want to see an apple again.")
	bo, erased := w.person(t, "I play the cello."), w.person(t, "I want to be forgotten.")
	m := shelf.take(t, live.how())

	for i := range 70 { // more than a page of the repair
		w.says(t, ada, fmt.Sprintf("On day %d I watered the apple trees.", i))
	}
	w.exec(t, ada, "update memory_nodes set retracted_at = now() where id = $1", taken)
	repairs(t, w.acts, ada)
	require.NoError(t, w.db.Freeze(t.Context(), erased))
	w.exec(t, erased, "update subjects set state = 'erased' where id = $1", erased)
	_, err := w.acts.SweepTenants(t.Context(), struct{}{})
	require.NoError(t, err)
	cy := w.person(t, "I came after the backup.")

	scratch := newServer(t, node)
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, scratch.how()))
	require.Contains(t, indexed(t, scratch, ada), taken, "it is the older state")
	require.Len(t, indexed(t, scratch, ada), 3)
	require.Len(t, indexed(t, scratch, erased), 1)

	acts := w.on(t, scratch, deaf{w.model})
	done := repairs(t, acts, ada)
	require.Equal(t, 70, done.Missing)
	require.Equal(t, 1, done.Stray)
	require.Zero(t, repairs(t, acts, bo).Missing)
	require.Equal(t, 1, repairs(t, acts, cy).Missing)
	swept, err := acts.SweepTenants(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Equal(t, 1, swept.Removed)

	question, err := w.model.Embed(t.Context(), "What grows in the garden?")
	require.NoError(t, err)
	for _, person := range []uuid.UUID{ada, bo, cy} {
		require.Equal(t, indexed(t, live, person), indexed(t, scratch, person))
		again := repairs(t, acts, person)
		require.Zero(t, again.Missing+again.Stale+again.Stray)
		require.Equal(t, nearest(t, live, person, question[0]), nearest(t, scratch, person, question[0]))
	}
	require.NotContains(t, indexed(t, scratch, ada), taken)
	require.Empty(t, indexed(t, scratch, erased))
}

func nearest(t *testing.T, s *server, subject uuid.UUID, v []float32) []vectors.Hit {
	t.Helper()
	hits, err := s.index.Search(t.Context(), subject, vectors.Query{Vector: v, Limit: 5})
	require.NoError(t, err)
	require.NotEmpty(t, hits)
	return hits
}
