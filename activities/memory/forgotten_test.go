package memory_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/enginetest"
	"meai/internal/ledger"
)

// acting is a database's committer of what is forgotten.
func (w *world) acting(t *testing.T, dir string) *ledger.Committer {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{
		Buckets: []string{"file://" + dir + "?create_dir=true"}, Key: ledger.KeyOf(w.keys), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return ledger.NewCommitter(l, w.db, map[ledger.Kind]ledger.Applier{ledger.MemoryForgotten: memory.ApplyForgotten(w.keys)})
}

// restored is another database under the same keys, as it was before.
func (w *world) restored(t *testing.T) *world {
	t.Helper()
	db, urls := enginetest.Database(t)
	other := &world{db: db, urls: urls, keys: w.keys, index: w.index, model: w.model}
	other.Activities = other.with(t, w.index, w.model)
	other.store = memory.NewStore(db, w.keys)
	return other
}

// turnIn is the turn of an interaction.
func (p *person) turnIn(t *testing.T, of uuid.UUID) (id uuid.UUID) {
	t.Helper()
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select id from memory_nodes where kind = 'turn' and interaction_id = $1", of).Scan(&id)
	})
	return id
}

// TestAnEntityIsForgottenByItself: with nobody's words to go with it.
func TestAnEntityIsForgottenByItself(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "My sister Maya lives in Porto.")
	var entity uuid.UUID
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select id from memory_nodes where kind = 'entity' limit 1").Scan(&entity)
	})
	p.forgets(t, memory.Selection{Memories: []uuid.UUID{entity}})
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where id = $1", entity))
}

// TestWhatWasForgottenIsForgottenAgainInARestoredDatabase: what the ledger was told of before
// anything went, the next night carries out.
func TestWhatWasForgottenIsForgottenAgainInARestoredDatabase(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	p := w.newPerson(t)
	committer := w.acting(t, dir)
	w.store.Ledger = committer
	said, kept := p.input(diary[0]), p.input(diary[1])
	p.tells(t, w.Activities, said)
	p.tells(t, w.Activities, kept)
	told := p.turnIn(t, said.Ref.Interaction)

	older := w.restored(t)
	require.NoError(t, older.db.EnsureSubject(t.Context(), p.id))
	before := &person{w: older, id: p.id, session: p.session}
	replayed := older.acting(t, dir)
	theirs := memory.New(memory.Options{
		DB: older.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Logger: enginetest.Logger(t), Ledger: replayed,
	})
	for _, in := range []memory.RememberInput{said, kept} {
		before.tells(t, theirs, in)
	}

	f, _ := p.forgets(t, memory.Selection{Memories: []uuid.UUID{told}})

	n, err := replayed.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	left := func() int {
		return before.count(t, "select count(*) from memory_nodes where id = any($1)", []uuid.UUID{told})
	}
	require.Equal(t, 1, left(), "the restore has brought them back")
	none, err := older.store.Unfinished(t.Context(), p.id)
	require.NoError(t, err)
	require.Zero(t, none, "who has just confirmed carries it out by themself")
	before.exec(t, "update memory_forgettings set confirmed_at = confirmed_at - interval '2 hours'")
	id, err := older.store.Unfinished(t.Context(), p.id)
	require.NoError(t, err)
	require.Equal(t, f.ID, id)
	ref := memory.ForgettingRef{Subject: p.id, Forgetting: id}
	_, err = theirs.Forget(t.Context(), ref)
	require.NoError(t, err)
	_, err = theirs.ForgetCopies(t.Context(), ref)
	require.NoError(t, err)
	_, err = theirs.ProveForgotten(t.Context(), ref)
	require.NoError(t, err)
	require.Zero(t, left())
	none, err = older.store.Unfinished(t.Context(), p.id)
	require.NoError(t, err)
	require.Zero(t, none)
	require.Equal(t, 1, before.count(t, "select count(*) from memory_nodes where kind = 'turn'"), "the other one stays")
}

// refusing is a ledger that is away.
type refusing struct{ err error }

func (r refusing) Commit(context.Context, ledger.Act) (ledger.Entry, error) {
	return ledger.Entry{}, r.err
}

func TestNothingIsForgottenThatTheLedgerDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	p := w.newPerson(t)
	told := p.says(t, diary[0])
	f, err := w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Memories: told.Nodes[:1]})
	require.NoError(t, err)
	away := errors.New("the ledger is away")
	w.store.Ledger = refusing{away}
	_, err = w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.ErrorIs(t, err, away)
	acts := memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Ledger: refusing{away}})
	_, err = acts.Forget(t.Context(), memory.ForgettingRef{Subject: p.id, Forgetting: f.ID})
	require.ErrorIs(t, err, away)
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where id = $1", told.Nodes[0]))
}

// TestALargeForgettingTakesSeveralActs: an entry of the ledger holds no more than some hundred ids.
func TestALargeForgettingTakesSeveralActs(t *testing.T) {
	w := newWorld(t)
	p := w.newPerson(t)
	committer := w.acting(t, t.TempDir())
	nodes := make([]uuid.UUID, 400)
	for i := range nodes {
		nodes[i] = uuid.New()
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, memory.InLedger(t.Context(), committer, w.keys, p.id, uuid.New(), nodes, at))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_forgettings where state = 'confirmed' and cardinality(nodes) = 400 and confirmed_at = $1", at))
}

// cabinet are archives that a bucket keeps.
type cabinet struct{ renewed int }

func (c *cabinet) Renew(context.Context, uuid.UUID, func()) error { c.renewed++; return nil }

func (c *cabinet) Before(context.Context, uuid.UUID, time.Time) (int, time.Time, error) {
	return 2, time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC), nil
}

func TestAReceiptSaysWhatStaysInArchives(t *testing.T) {
	w := newWorld(t)
	p, archives := w.newPerson(t), &cabinet{}
	w.Activities = memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Archives: archives, Logger: enginetest.Logger(t)})
	_, receipt := p.forgets(t, memory.Selection{Memories: p.says(t, diary[0]).Nodes[:1]})
	require.Equal(t, 2, archives.renewed, "each time that copies are forgotten")
	require.Equal(t, &memory.Stays{Archives: 2, Until: time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC)}, receipt.Stays)
	require.Contains(t, receipt.Signed, `"stays":{"archives":2`)
}
