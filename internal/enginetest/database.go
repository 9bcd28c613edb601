package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/postgres"
)

const (
	databasePrefix = "meai_test_"
	templatePrefix = "meai_template_"
	// templateLock is the advisory lock under which templates are made and dropped.
	templateLock = 0x6d656169
)

// URLs connect to one database in each of the three roles.
type URLs struct{ App, Owner, Reader string }

// Database makes a database with the newest schema and drops it after the test.
// The pool connects as the application role.
func Database(t testing.TB) (*postgres.DB, URLs) {
	t.Helper()
	urls := EmptyDatabase(t, true)
	ctx, cancel := timeout()
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Options{URL: urls.App, Logger: Logger(t)})
	require.NoError(t, err, "open the test's database")
	t.Cleanup(db.Close)
	return db, urls
}

// EmptyDatabase makes a database without opening a pool: with the newest schema,
// or with nothing in it. It is dropped after the test.
func EmptyDatabase(t testing.TB, migrated bool) URLs {
	t.Helper()
	cfg := Config(t).Postgres
	ctx, cancel := timeout()
	defer cancel()
	owner := connect(ctx, t, cfg.OwnerURL)
	defer owner.Close(ctx) // and with it the lock
	_, err := owner.Exec(ctx, "select pg_advisory_lock($1)", templateLock)
	require.NoError(t, err, "wait for the template database")

	template := "template0"
	if migrated {
		template = ensureTemplate(ctx, t, owner, cfg)
	}
	name := databasePrefix + strings.ReplaceAll(uuid.NewString(), "-", "")
	createFrom(ctx, t, owner, template, name)
	t.Cleanup(func() { drop(t, cfg.OwnerURL, name) })
	return URLs{
		App:    withDatabase(t, cfg.URL, name),
		Owner:  withDatabase(t, cfg.OwnerURL, name),
		Reader: withDatabase(t, cfg.ReaderURL, name),
	}
}

// ensureTemplate makes the migrated database that the tests' databases are
// copied from, once for each version of the schema: a copy takes a fraction of
// the time that the migrations do. Templates of other versions are dropped.
func ensureTemplate(ctx context.Context, t testing.TB, owner *pgx.Conn, cfg config.Postgres) string {
	t.Helper()
	fingerprint, err := postgres.SchemaFingerprint()
	require.NoError(t, err)
	name := templatePrefix + fingerprint[:16]
	templates := templatesOf(ctx, t, owner)
	if slices.Contains(templates, name) {
		return name
	}
	for _, old := range templates {
		_, err := owner.Exec(ctx, "drop database "+old+" with (force)")
		require.NoError(t, err, "drop an outdated template")
	}
	// Under another name until it is complete: an interrupted run leaves no
	// half-migrated template that looks whole.
	createFrom(ctx, t, owner, "template0", name+"_new")
	quiet := slog.New(slog.DiscardHandler)
	require.NoError(t, postgres.Migrate(ctx, withDatabase(t, cfg.OwnerURL, name+"_new"), quiet), "migrate the template")
	_, err = owner.Exec(ctx, fmt.Sprintf("alter database %s_new rename to %s", name, name))
	require.NoError(t, err, "name the template")
	return name
}

func templatesOf(ctx context.Context, t testing.TB, owner *pgx.Conn) []string {
	t.Helper()
	rows, err := owner.Query(ctx, "select datname from pg_database where starts_with(datname, $1)", templatePrefix)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, "list the templates")
	return names
}

func createFrom(ctx context.Context, t testing.TB, owner *pgx.Conn, template, name string) {
	t.Helper()
	_, err := owner.Exec(ctx, fmt.Sprintf("create database %s template %s", name, template))
	require.NoError(t, err, "make database %s", name)
}

func drop(t testing.TB, ownerURL, name string) {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	owner := connect(ctx, t, ownerURL)
	defer owner.Close(ctx)
	_, err := owner.Exec(ctx, "drop database "+name+" with (force)")
	require.NoError(t, err, "drop the test's database")
}

func connect(ctx context.Context, t testing.TB, connection string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(ctx, connection)
	require.NoError(t, err, "connect to the stack's PostgreSQL")
	return conn
}

func withDatabase(t testing.TB, connection, name string) string {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}
