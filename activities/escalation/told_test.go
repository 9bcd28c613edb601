package escalation_test

import (
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/escalation"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/postgres"
)

// restored is the same installation on a database from before everything, which knows
// the case and what the ledger tells, in the next epoch.
func (s *scene) restored(t *testing.T, person escalation.Person) uuid.UUID {
	t.Helper()
	old, urls := enginetest.Database(t)
	s.db = old
	s.Store = escalation.NewStore(old, s.keys)
	id := s.raise(t, person)
	owner := connect(t, urls.Owner)
	for _, statement := range []string{
		"select meai_quarantine_begin('restored', 'r1', null, null, null)", "select meai_epoch_begun(2, 'r1', 0)", "select meai_quarantine_end('r1')",
	} {
		_, err := owner.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	db, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s.db, s.Store, s.Ledger = db, escalation.NewStore(db, s.keys), s.committer(db)
	_, err = s.committer(db).Replay(t.Context())
	require.NoError(t, err)
	return id
}

func TestWhatWasToldBeforeARestoreIsNotToldAgainButWhatComesAfterItIs(t *testing.T) {
	s := newScene(t)
	person := somebody()
	told := escalation.NotifyInput{ID: s.raise(t, person), Level: 1}
	require.NoError(t, s.Notify(t.Context(), told))
	require.Len(t, s.first.got, 1)

	require.Equal(t, told.ID, s.restored(t, person))
	for range 2 {
		require.NoError(t, s.Notify(t.Context(), told))
	}
	require.Len(t, s.first.got, 1, "not once more")
	next := escalation.NotifyInput{ID: told.ID, Level: 1, Round: 1}
	require.NoError(t, s.Notify(t.Context(), next))
	require.Len(t, s.first.got, 2, "the reminder was never sent")
	require.NoError(t, s.Notify(t.Context(), next))
	require.Len(t, s.first.got, 3, "within an epoch the workflow says how often")
}

func TestPeopleAreToldWithoutTheLedgerAndInNoQuarantine(t *testing.T) {
	s := newScene(t)
	in := escalation.NotifyInput{ID: s.raise(t, somebody()), Level: 1}
	require.NoError(t, os.RemoveAll(s.ledger))
	require.NoError(t, os.WriteFile(s.ledger, nil, 0o600)) // nothing can be written there
	require.NoError(t, s.Notify(t.Context(), in))
	require.Len(t, s.first.got, 1)
	require.Contains(t, s.log.String(), "the ledger does not know of a notification")
	var rows int
	require.NoError(t, connect(t, s.urls.Reader).QueryRow(t.Context(), "select count(*) from escalation_told").Scan(&rows))
	require.Equal(t, 1, rows, "the database does")

	_, err := connect(t, s.urls.Owner).Exec(t.Context(), "select meai_quarantine_begin('restored', 'r1', null, null, null)")
	require.NoError(t, err)
	err = s.Notify(t.Context(), in)
	require.True(t, failure.Is(err, failure.Quarantined), "%v", err)
	require.Len(t, s.first.got, 1)
}
