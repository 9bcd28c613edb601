package approval_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres"
)

func TestAnApprovalOutlivesARestore(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Elevate, map[string]string{"role": "auditor", "minutes": "30"})
	o.agree(t, a.ID)
	o.conclude(t, a.ID)

	// A database from before the request, with the same ledger and keyring.
	older, urls := enginetest.Database(t)
	_, _, err := older.EnsurePrincipal(t.Context(), make([]byte, 32), a.Requester)
	require.NoError(t, err)
	applied, err := o.committer(t, older).Replay(t.Context())
	require.NoError(t, err)
	require.Positive(t, applied)
	restored := &approval.Store{DB: older, Keys: o.keys, Audit: audit.New(audit.Options{DB: older, Keys: o.keys})}
	got, err := restored.Approval(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, approval.Approved, got.State)
	require.Equal(t, a.Digest(), got.Digest())
	require.Len(t, got.Decisions, 1)
	conn, err := pgx.Connect(t.Context(), urls.Reader)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var grants int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from role_grants where principal_id = $1", a.Requester).Scan(&grants))
	require.Equal(t, 1, grants)
}

func TestTheLedgerDecidesWhatARepeatFinds(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	o.agree(t, a.ID)
	o.agree(t, a.ID)
	whole := o.Ledger
	o.Ledger = killed{whole}
	_, err := o.Conclude(t.Context(), approval.Ref{ID: a.ID})
	require.ErrorIs(t, err, errKilled)
	o.Ledger = whole
	require.Equal(t, approval.Approved, o.conclude(t, a.ID))
}

var errKilled = context.DeadlineExceeded

// killed commits and is gone before anybody learns of it.
type killed struct{ audit.Committer }

func (k killed) Commit(ctx context.Context, act ledger.Act) (ledger.Entry, error) {
	if _, err := k.Committer.Commit(ctx, act); err != nil {
		return ledger.Entry{}, err
	}
	return ledger.Entry{}, errKilled
}

// holdings are all bytes of the ledger's objects.
func (o *office) holdings(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(filepath.Join(o.dir, "ledger"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	}))
	require.NotEmpty(t, all.String())
	return all.String()
}

func TestTheLedgerNamesNobodyByTheirId(t *testing.T) {
	o := newOffice(t)
	subject := uuid.New()
	require.NoError(t, o.db.EnsureSubject(t.Context(), subject))
	parameters := map[string]string{"subject": subject.String()}
	a := o.ask(t, approval.EarlyDelete, parameters)
	o.agree(t, a.ID)
	o.agree(t, a.ID)
	o.conclude(t, a.ID)
	use := approval.UseInput{ID: a.ID, Act: approval.EarlyDelete, Parameters: parameters, By: "keys/destroy/" + subject.String()}
	_, err := o.Use(t.Context(), use)
	require.True(t, failure.Is(err, failure.InvalidInput), "the workflow's id would be in the ledger: %v", err)
	use.By = "keys/destroy/x"
	_, err = o.Use(t.Context(), use)
	require.NoError(t, err)

	people := []uuid.UUID{subject, a.Requester}
	for _, d := range mustRead(t, o, a.ID).Decisions {
		people = append(people, d.Approver)
	}
	require.Len(t, people, 4)
	for _, id := range people {
		require.NotContains(t, o.holdings(t), id.String())
		who, err := alias.Of(t.Context(), o.keys, id)
		require.NoError(t, err)
		require.Contains(t, o.holdings(t), who.String())
	}

	t.Run("whom a restored database knows is found again", func(t *testing.T) {
		older, _ := enginetest.Database(t)
		require.NoError(t, older.EnsureSubject(t.Context(), subject))
		for i, id := range people[1:] {
			_, _, err := older.EnsurePrincipal(t.Context(), append(make([]byte, 31), byte(i)), id)
			require.NoError(t, err)
		}
		got := o.restored(t, older, a.ID)
		require.Equal(t, parameters, got.Parameters)
		require.Equal(t, a.Requester, got.Requester)
		for _, d := range got.Decisions {
			require.Contains(t, people[2:], d.Approver)
		}
		require.Equal(t, "keys/destroy/x", got.UsedBy)
	})
	t.Run("for nobody stands the alias", func(t *testing.T) {
		older, _ := enginetest.Database(t)
		got := o.restored(t, older, a.ID)
		who, err := alias.Of(t.Context(), o.keys, subject)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"subject": who.String()}, got.Parameters)
		requester, err := alias.Of(t.Context(), o.keys, a.Requester)
		require.NoError(t, err)
		require.Equal(t, requester.UUID(), got.Requester)
		require.Len(t, got.Decisions, 2)
	})
}

// restored is an approval as the replay of the ledger brings it into another database.
func (o *office) restored(t *testing.T, db *postgres.DB, id uuid.UUID) approval.Approval {
	t.Helper()
	_, err := o.committer(t, db).Replay(t.Context())
	require.NoError(t, err)
	store := &approval.Store{DB: db, Keys: o.keys, Audit: audit.New(audit.Options{DB: db, Keys: o.keys})}
	got, err := store.Approval(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, approval.Approved, got.State)
	return got
}
