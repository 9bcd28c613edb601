package postgres_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// shared serves the tests that keep to the rows of people of their own.
var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// newPerson is the shared database with a person who is new in it.
func newPerson(t *testing.T) (*postgres.DB, enginetest.URLs, uuid.UUID) {
	t.Helper()
	db, urls := shared.Database(t)
	return db, urls, newSubject(t, db)
}

// newDatabase is a database of the test's own with one person in it.
func newDatabase(t *testing.T) (*postgres.DB, enginetest.URLs, uuid.UUID) {
	t.Helper()
	db, urls := enginetest.Database(t)
	return db, urls, newSubject(t, db)
}

func newSubject(t *testing.T, db *postgres.DB) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, db.EnsureSubject(t.Context(), subject))
	return subject
}

// connect opens a bare connection: what an attacker, or a careless query, has.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return values
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// requireRefused expects an error with the given SQLSTATE.
func requireRefused(t *testing.T, err error, code string) {
	t.Helper()
	var answer *pgconn.PgError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, code, answer.Code, "%v", err)
}

// SQLSTATEs that refusals carry.
const (
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
	checkViolation        = "23514"
)

func addSession(ctx context.Context, q *queries.Queries, subject, id uuid.UUID) error {
	now := time.Now()
	return q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: subject, ID: id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
}

// newSession stores a session and returns its id.
func newSession(t *testing.T, db *postgres.DB, subject uuid.UUID) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	require.NoError(t, db.Write(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
		return addSession(ctx, q, subject, id)
	}))
	return id
}

// personTables are all tables that hold rows of people, as the catalogue knows
// them: whatever a migration adds is attacked too.
func personTables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	tables := query[string](t, conn, `
		select c.relname::text from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id'
		where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
		order by 1`)
	require.Contains(t, tables, "sessions")
	return tables
}

func partitionsOf(t *testing.T, conn *pgx.Conn, table string) []string {
	t.Helper()
	return query[string](t, conn, `
		select relid::text from pg_partition_tree($1::text::regclass) where relid <> $1::text::regclass order by 1`, table)
}
