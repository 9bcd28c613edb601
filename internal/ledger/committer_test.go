package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func revoked(t *testing.T, db *postgres.DB, id string) (yes bool) {
	t.Helper()
	require.NoError(t, db.ReadShared(t.Context(), func(ctx context.Context, q *queries.Queries) (err error) {
		yes, err = ledger.Revoked(ctx, q, "api_key", id)
		return err
	}))
	return yes
}

func TestAnActIsInTheLedgerAndInTheDatabase(t *testing.T) {
	db, _ := enginetest.Database(t)
	l, _ := folders(t, newKey(t), 1)
	c := ledger.NewCommitter(l, db, nil)
	require.False(t, revoked(t, db, "k1"))
	entry, err := c.Commit(t.Context(), revocation("k1"))
	require.NoError(t, err)
	require.True(t, revoked(t, db, "k1"))
	again, err := c.Commit(t.Context(), revocation("k1"))
	require.NoError(t, err, "revoking twice is revoking once")
	require.Equal(t, entry.Hash, again.Hash)
	require.Len(t, all(t, l), 1)
}

func TestAKillBetweenLedgerAndDatabaseIsMadeUpFor(t *testing.T) {
	db, _ := enginetest.Database(t)
	l, _ := folders(t, newKey(t), 1)
	killed := errors.New("killed")
	// Killed after the ledger has the act, and once more inside the transaction.
	_, err := l.Append(t.Context(), revocation("k1"))
	require.NoError(t, err)
	dying := ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{
		ledger.KeyRevoked: func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
			require.NoError(t, q.Revoke(ctx, e.Fields["id"], e.Fields["kind"], e.Time))
			return killed
		},
	})
	_, err = dying.Commit(t.Context(), revocation("k2"))
	require.ErrorIs(t, err, killed)
	require.False(t, revoked(t, db, "k1"), "nothing of a broken transaction stays")

	c := ledger.NewCommitter(l, db, nil)
	applied, err := c.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, applied)
	require.True(t, revoked(t, db, "k1"))
	require.True(t, revoked(t, db, "k2"))
	applied, err = c.Replay(t.Context())
	require.NoError(t, err)
	require.Zero(t, applied)
}

func TestARestoredDatabaseIsBroughtUpToDate(t *testing.T) {
	l, _ := folders(t, newKey(t), 3)
	today, _ := enginetest.Database(t)
	c := ledger.NewCommitter(l, today, nil)
	for i := range 3 {
		_, err := c.Commit(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	restored, _ := enginetest.Database(t) // from before all of it
	applied, err := ledger.NewCommitter(l, restored, nil).Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, applied)
	for i := range 3 {
		require.True(t, revoked(t, restored, fmt.Sprint(i)))
	}
}

func TestAnUnknownKindStopsTheReplayAndIsNamed(t *testing.T) {
	db, _ := enginetest.Database(t)
	l, _ := folders(t, newKey(t), 1)
	c := ledger.NewCommitter(l, db, nil)
	_, err := c.Commit(t.Context(), ledger.Act{Kind: ledger.HoldPlaced, ID: "hold-1"})
	require.ErrorIs(t, err, ledger.ErrUnknownKind)
	require.Empty(t, all(t, l), "what nobody applies is not committed")

	_, err = l.Append(t.Context(), ledger.Act{Kind: ledger.HoldPlaced, ID: "hold-1"})
	require.NoError(t, err)
	_, err = c.Commit(t.Context(), revocation("later"))
	require.ErrorIs(t, err, ledger.ErrUnknownKind)
	require.ErrorContains(t, err, "replay ledger entry 1: ledger: nothing applies acts of this kind: hold.placed")
	require.False(t, revoked(t, db, "later"))

	// A newer process knows the kind.
	newer := ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{
		ledger.HoldPlaced: func(context.Context, *queries.Queries, ledger.Entry) error { return nil },
	})
	applied, err := newer.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, applied)
	require.True(t, revoked(t, db, "later"))
}

func TestSeveralProcessesApplyEachEntryOnceAndInOrder(t *testing.T) {
	db, _ := enginetest.Database(t)
	s := newSite(t, 1)
	var mu sync.Mutex
	var order []uint64
	count := func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, e.Number)
		return q.Revoke(ctx, e.Fields["id"], e.Fields["kind"], e.Time)
	}
	var group sync.WaitGroup
	for w := range 4 {
		c := ledger.NewCommitter(s.writer(nil), db, map[ledger.Kind]ledger.Applier{ledger.KeyRevoked: count})
		group.Go(func() {
			for i := range 8 {
				if _, err := c.Commit(context.Background(), revocation(fmt.Sprint(w, "-", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Len(t, order, 32)
	for i, number := range order {
		require.EqualValues(t, i+1, number)
	}
}

func TestADatabaseOfAnotherLedgerIsRefused(t *testing.T) {
	db, _ := enginetest.Database(t)
	key := newKey(t)
	l, _ := folders(t, key, 1)
	c := ledger.NewCommitter(l, db, nil)
	for _, id := range []string{"a", "b"} {
		_, err := c.Commit(t.Context(), revocation(id))
		require.NoError(t, err)
	}
	other, _ := folders(t, key, 1)
	_, err := ledger.NewCommitter(other, db, nil).Replay(t.Context())
	require.ErrorIs(t, err, ledger.ErrForeign, "the ledger has lost its end")
	for range 3 {
		_, err := other.Append(t.Context(), revocation(t.Name()[:10]+fmt.Sprint(len(all(t, other)))))
		require.NoError(t, err)
	}
	_, err = ledger.NewCommitter(other, db, nil).Replay(t.Context())
	require.ErrorIs(t, err, ledger.ErrForeign, "its entries are others")
}

func TestWhatWasAppliedCannotBeTakenBack(t *testing.T) {
	db, urls := enginetest.Database(t)
	l, _ := folders(t, newKey(t), 1)
	_, err := ledger.NewCommitter(l, db, nil).Commit(t.Context(), revocation("k"))
	require.NoError(t, err)
	for role, url := range map[string]string{"application": urls.App, "owner": urls.Owner, "reader": urls.Reader} {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		for _, statement := range []string{
			"delete from revocations", "update revocations set id = 'x'", "truncate revocations",
			"delete from ledger_applied", "update ledger_applied set number = 9", "truncate ledger_applied",
		} {
			_, err := conn.Exec(t.Context(), statement)
			require.Error(t, err, "%s: %s", role, statement)
		}
		require.NoError(t, conn.Close(context.Background()))
	}
	require.True(t, revoked(t, db, "k"))
}
