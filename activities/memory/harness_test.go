package memory_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/vectors"
)

// world is MeAi's memory on the real engines.
type world struct {
	db    *postgres.DB
	urls  enginetest.URLs
	keys  *keyring.Keyring
	index *vectors.Index
	store *memory.Store
	*memory.Activities
	model embedding.Embedder
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, urls := enginetest.Database(t)
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	w := &world{db: db, urls: urls, keys: enginetest.Keyring(t), index: openIndex(t, enginetest.Config(t).Weaviate.URL), model: model}
	require.NoError(t, w.index.EnsureClass(t.Context()))
	w.Activities = w.with(t, w.index, model)
	w.store = memory.NewStore(db, w.keys)
	return w
}

// with returns the activities on another index or model.
func (w *world) with(t testing.TB, index *vectors.Index, model embedding.Embedder) *memory.Activities {
	return memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: index, Embedder: model, Logger: enginetest.Logger(t)})
}

func openIndex(t testing.TB, url string) *vectors.Index {
	t.Helper()
	index, err := vectors.Open(t.Context(), vectors.Options{
		URL: url, APIKey: enginetest.Config(t).Weaviate.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	return index
}

// nowhere is an index that nobody answers.
func nowhere(t testing.TB) *vectors.Index {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return openIndex(t, "http://"+listener.Addr().String())
}

// deaf is an embedding model that is out of reach.
type deaf struct{ embedding.Embedder }

func (deaf) Embed(context.Context, ...string) ([][]float32, error) {
	return nil, errors.New("the model provider does not answer")
}

// person is somebody who talks to MeAi.
type person struct {
	w       *world
	id      uuid.UUID
	session uuid.UUID
	clock   time.Time
	turns   int
}

func (w *world) newPerson(t testing.TB) *person {
	t.Helper()
	p := &person{w: w, id: uuid.New(), session: uuid.New(), clock: time.Now().UTC().Add(-48 * time.Hour)}
	require.NoError(t, w.db.EnsureSubject(t.Context(), p.id))
	require.NoError(t, w.keys.Create(t.Context(), p.id))
	t.Cleanup(func() { require.NoError(t, w.index.DeleteTenant(context.Background(), p.id)) })
	return p
}

// ref names a new interaction.
func (p *person) ref() interaction.Ref {
	p.turns++
	return interaction.Ref{
		Subject: p.id, Session: p.session, Interaction: uuid.New(),
		Workflow: fmt.Sprintf("person/%s/interaction/%d", p.id, p.turns),
	}
}

// input is a new interaction, a minute after the one before.
func (p *person) input(text string) memory.RememberInput {
	p.clock = p.clock.Add(time.Minute)
	return memory.RememberInput{
		Ref: p.ref(), Text: text, SaidAt: p.clock,
		Analysis: &mirror.Analysis{Primary: "neutral", Intensity: 0.2, Confidence: 0.5},
	}
}

// says has a text remembered and indexed.
func (p *person) says(t testing.TB, text string) memory.Remembered {
	t.Helper()
	return p.tells(t, p.w.Activities, p.input(text))
}

func (p *person) feels(t testing.TB, emotion string, intensity float64, text string) memory.Remembered {
	t.Helper()
	in := p.input(text)
	in.Analysis = &mirror.Analysis{Primary: emotion, Intensity: intensity, Confidence: 0.8}
	return p.tells(t, p.w.Activities, in)
}

func (p *person) tells(t testing.TB, acts *memory.Activities, in memory.RememberInput) memory.Remembered {
	t.Helper()
	kept, err := acts.Remember(t.Context(), in)
	require.NoError(t, err)
	_, err = acts.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
	require.NoError(t, err)
	return kept
}

// recalls asks for what is nearest to a query.
func (p *person) recalls(t testing.TB, query string) []string {
	t.Helper()
	return p.asks(t, p.w.Activities, memory.RecallInput{Query: query})
}

func (p *person) asks(t testing.TB, acts *memory.Activities, in memory.RecallInput) []string {
	t.Helper()
	return wordsOf(p.recollects(t, acts, in))
}

func (p *person) recollects(t testing.TB, acts *memory.Activities, in memory.RecallInput) memory.Recollection {
	t.Helper()
	in.Ref.Subject = p.id
	found, err := acts.Recall(t.Context(), in)
	require.NoError(t, err)
	return found
}

func wordsOf(r memory.Recollection) []string {
	list := make([]string, len(r.Memories))
	for i, m := range r.Memories {
		list[i] = m.Text
	}
	return list
}

// count runs a query as the owner of the tables, on this person's rows.
func (p *person) count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	p.query(t, func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, query, args...).Scan(&n) })
	return n
}

func (p *person) query(t testing.TB, fn func(context.Context, pgx.Tx) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.w.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "select set_config('app.subject', $1, true)", p.id.String()); err != nil {
			return err
		}
		return fn(t.Context(), tx)
	}))
}

// graphCounts are the sizes of everything that remembering writes.
func (p *person) graphCounts(t testing.TB) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, what := range []string{"memory_nodes", "memory_edges", "memory_terms", "memory_evidence", "interaction_steps"} {
		counts[what] = p.count(t, "select count(*) from "+what)
	}
	vectors, err := p.w.index.Count(t.Context(), p.id)
	require.NoError(t, err)
	counts["vectors"] = vectors
	return counts
}

// vacuum does what autovacuum does with time.
func (p *person) vacuum(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.w.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), "vacuum analyze memory_nodes, memory_terms, memory_edges")
	require.NoError(t, err)
}
