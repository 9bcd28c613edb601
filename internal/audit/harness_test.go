package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// site is an audit log with its database and its ledger.
type site struct {
	log    *audit.Log
	db     *postgres.DB
	urls   enginetest.URLs
	ledger *ledger.Ledger
	to     *ledger.Committer
	key    *signing.Key
	keys   *keyring.Keyring
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{}
	s.db, s.urls = enginetest.Database(t)
	keys := enginetest.Keyring(t)
	s.keys = keys
	s.log = audit.New(audit.Options{DB: s.db, Keys: keys, Logger: enginetest.Logger(t)})
	var err error
	s.ledger, err = ledger.Open(t.Context(), ledger.Options{
		Buckets: []string{"file://" + filepath.Join(t.TempDir(), "ledger") + "?create_dir=true"}, Key: ledger.KeyOf(keys),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.ledger.Close()) })
	s.to = ledger.NewCommitter(s.ledger, s.db, map[ledger.Kind]ledger.Applier{ledger.AuditCheckpoint: s.log.ApplyCheckpoint})
	s.key, err = s.log.Key(t.Context())
	require.NoError(t, err)
	return s
}

func entry(i int) audit.Entry {
	return audit.Entry{
		Actor: fmt.Sprintf("operator-%d", i), Role: "operator", Act: audit.PayloadDecoded,
		Kind: audit.Workflow, Object: audit.HMAC{1, byte(i), byte(i >> 8)}, Outcome: audit.Succeeded, Request: fmt.Sprint(i),
	}
}

// record adds n entries and a checkpoint after every each of them; 0 for none.
func (s *site) record(t testing.TB, n, each int) {
	t.Helper()
	for i := range n {
		_, err := s.log.Record(t.Context(), entry(i))
		require.NoError(t, err)
		if each > 0 && (i+1)%each == 0 {
			s.checkpoint(t)
		}
	}
}

func (s *site) checkpoint(t testing.TB) audit.Checkpoint {
	t.Helper()
	c, err := s.log.Checkpoint(t.Context(), s.to)
	require.NoError(t, err)
	return c
}

// verify holds the database against its own checkpoints and those in the ledger.
func (s *site) verify(t testing.TB) *audit.Report {
	t.Helper()
	reader, err := postgres.Open(t.Context(), postgres.Options{URL: s.urls.Reader, Quarantine: true})
	require.NoError(t, err)
	defer reader.Close()
	inLedger, err := audit.InLedger(t.Context(), s.ledger)
	require.NoError(t, err)
	c, err := audit.InDatabase(t.Context(), reader)
	require.NoError(t, err)
	report, err := audit.Verify(&s.key.Public, c.Records, append(c.Statements, inLedger...))
	require.NoError(t, err)
	return report
}

// superuser is a connection that nothing is refused to: triggers are off.
func (s *site) superuser(t testing.TB) *pgx.Conn {
	t.Helper()
	conn := s.connect(t, enginetest.Superuser(t, s.urls))
	exec(t, conn, "set session_replication_role = replica")
	return conn
}

func (s *site) connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	tag, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
	if tag.Update() || tag.Delete() {
		require.NotZero(t, tag.RowsAffected(), sql)
	}
}

func (s *site) size(t testing.TB) (size int64) {
	t.Helper()
	require.NoError(t, s.db.ReadShared(t.Context(), func(ctx context.Context, q *queries.Queries) (err error) {
		size, err = q.AuditSize(ctx)
		return err
	}))
	return size
}
