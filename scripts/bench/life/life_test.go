package life_test

import (
	"context"
	"fmt"
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
	"meai/scripts/bench/life"
)

type site struct {
	db    *postgres.DB
	conn  *pgx.Conn
	keys  *keyring.Keyring
	index *vectors.Index
	*memory.Activities
}

func newSite(t *testing.T) site {
	t.Helper()
	db, urls := enginetest.Database(t)
	conn, err := pgx.Connect(t.Context(), urls.Owner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	cfg := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: cfg.URL, APIKey: cfg.APIKey, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	s := site{db: db, conn: conn, keys: enginetest.Keyring(t), index: index}
	s.Activities = memory.New(memory.Options{DB: db, Keyring: s.keys, Vectors: index, Embedder: model, Logger: enginetest.Logger(t)})
	return s
}

func (s site) person(t *testing.T) *keyring.Keys {
	t.Helper()
	id := uuid.New()
	require.NoError(t, s.db.EnsureSubject(t.Context(), id))
	require.NoError(t, s.keys.Create(t.Context(), id))
	t.Cleanup(func() { require.NoError(t, s.index.DeleteTenant(context.Background(), id)) })
	require.NoError(t, s.index.EnsureTenant(t.Context(), id))
	keys, err := s.keys.Keys(t.Context(), id)
	require.NoError(t, err)
	return keys
}

var told = []string{
	"My sister Maya moved to Lisbon last week.", "I argued with Tom about the dishes.", "Maya called, she has found a flat near the harbour.",
	"Tom says that he is sorry.", "I was so happy that I danced with Tom in the kitchen!", "The doctor wants to repeat the test.",
	"I keep thinking about what Tom said.", "Maya asks me to visit her in Lisbon.",
}

// tells has somebody tell all of it in sessions of three, on days of their own.
func (s site) tells(t *testing.T, keys *keyring.Keys) {
	t.Helper()
	at := time.Now().UTC().AddDate(0, 0, -20)
	var session uuid.UUID
	for i, text := range told {
		if at = at.Add(time.Minute); i%3 == 0 {
			session, at = uuid.New(), at.Add(24*time.Hour)
		}
		ref := interaction.Ref{
			Subject: keys.Subject(), Session: session, Interaction: uuid.New(), Workflow: fmt.Sprintf("person/%s/interaction/%d", keys.Subject(), i),
		}
		kept, err := s.Remember(t.Context(), memory.RememberInput{
			Ref: ref, Text: text, SaidAt: at, Analysis: &mirror.Analysis{Primary: "joy", Intensity: 0.1 * float64(i+1)},
		})
		require.NoError(t, err)
		_, err = s.IndexVectors(t.Context(), memory.IndexInput{Ref: ref, Nodes: kept.Nodes})
		require.NoError(t, err)
	}
	_, err := s.Consolidate(t.Context(), memory.ConsolidateInput{Subject: keys.Subject()})
	require.NoError(t, err)
}

func (s site) gets(t *testing.T, keys *keyring.Keys, l *life.Life, nth int) *life.Copy {
	t.Helper()
	c, err := l.As(keys, nth)
	require.NoError(t, err)
	require.NoError(t, c.Insert(t.Context(), s.conn))
	require.NoError(t, s.index.Put(t.Context(), keys.Subject(), c.Objects...))
	return c
}

func (s site) asks(t *testing.T, keys *keyring.Keys, in memory.RecallInput) []string {
	t.Helper()
	in.Ref.Subject = keys.Subject()
	found, err := s.Recall(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, found.Degraded)
	var texts []string
	for _, m := range found.Memories {
		texts = append(texts, m.Text)
	}
	return texts
}

func (s site) counts(t *testing.T, subject uuid.UUID) map[string]int {
	t.Helper()
	counts := map[string]int{}
	require.NoError(t, pgx.BeginFunc(t.Context(), s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "select set_config('app.subject', $1, true)", subject.String()); err != nil {
			return err
		}
		for _, name := range []string{"memory_nodes", "memory_terms", "memory_edges"} {
			var n int
			if err := tx.QueryRow(t.Context(), "select count(*) from "+name).Scan(&n); err != nil {
				return err
			}
			counts[name] = n
		}
		return nil
	}))
	return counts
}

func TestACopyIsWhatTheProductWouldHaveWritten(t *testing.T) {
	s := newSite(t)
	one, other := s.person(t), s.person(t)
	s.tells(t, one)
	l, err := life.Load(t.Context(), s.conn, one)
	require.NoError(t, err)
	require.Equal(t, len(told), l.Turns())
	c := s.gets(t, other, l, 0)
	require.Equal(t, s.counts(t, one.Subject()), s.counts(t, other.Subject()))
	require.Greater(t, len(c.Objects), len(told), "markers and echoes, too")

	done, err := s.Repair(t.Context(), memory.RepairInput{Subject: other.Subject()})
	require.NoError(t, err)
	require.Equal(t, memory.Repaired{Compared: len(c.Objects)}, done, "the index holds what the rows say")
	for _, in := range []memory.RecallInput{
		{Query: "When did Maya move to Lisbon?"}, {Query: "the dishes"}, {Query: "sister", Entities: []string{"Maya"}}, {Kinds: []memory.Kind{memory.Echo}},
	} {
		in.Limit = 50
		original, copied := s.asks(t, one, in), s.asks(t, other, in)
		require.NotEmpty(t, original)
		if in.Query != "" && len(in.Entities) == 0 { // at the end of the list the vectors' noise decides
			original, copied = original[:1], copied[:1]
		}
		require.ElementsMatch(t, original, copied, "%+v", in)
	}
}

func TestALifeIsCopiedSeveralTimesIntoOnePerson(t *testing.T) {
	s := newSite(t)
	one, other := s.person(t), s.person(t)
	s.tells(t, one)
	l, err := life.Load(t.Context(), s.conn, one)
	require.NoError(t, err)
	objects := 0
	for nth := range 3 {
		objects += len(s.gets(t, other, l, nth).Objects)
	}
	done, err := s.Repair(t.Context(), memory.RepairInput{Subject: other.Subject()})
	require.NoError(t, err)
	require.Equal(t, memory.Repaired{Compared: objects}, done)
	maya := memory.RecallInput{Entities: []string{"Maya"}, Limit: 50}
	require.ElementsMatch(t, s.asks(t, one, maya), s.asks(t, other, maya), "one Maya, and nothing twice")
	again, err := l.As(other, 2)
	require.NoError(t, err)
	require.NoError(t, again.Insert(t.Context(), s.conn), "the same once more changes nothing")
	require.Equal(t, 3*len(told), s.count(t, other.Subject(), "select count(*) from memory_nodes where kind = 'turn'"))
	const patterns = "select count(*) from memory_nodes where kind = 'echo'"
	require.Equal(t, s.count(t, one.Subject(), patterns), s.count(t, other.Subject(), patterns))
}

func (s site) count(t *testing.T, subject uuid.UUID, query string) (n int) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "select set_config('app.subject', $1, true)", subject.String()); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), query).Scan(&n)
	}))
	return n
}
