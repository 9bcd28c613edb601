package enginetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/postgres"
)

const (
	databasePrefix = "meai_test_"
	templatePrefix = "meai_template_"
	// templateLock is the advisory lock under which templates are made and dropped.
	templateLock = 0x6d656169
	// objectInUse is the SQLSTATE of a database that still has users.
	objectInUse = "55006"
)

// URLs connect to one database in each of the four roles.
type URLs struct{ App, Owner, Reader, Backup string }

// Database makes a database with the newest schema and drops it after the test.
// The pool connects as the application role.
func Database(t testing.TB) (*postgres.DB, URLs) {
	t.Helper()
	urls := EmptyDatabase(t, true)
	db := open(t, urls)
	t.Cleanup(db.Close)
	return db, urls
}

// EmptyDatabase makes a database without opening a pool: with the newest schema,
// or with nothing in it. It is dropped after the test.
func EmptyDatabase(t testing.TB, migrated bool) URLs {
	t.Helper()
	cfg := Config(t)
	name := create(t, cfg.Postgres, migrated)
	t.Cleanup(func() { require.NoError(t, drop(cfg.Postgres.OwnerURL, name), "drop the test's database") })
	return urlsOf(t, cfg, name)
}

// Shared is one database for all tests of a package that keep to people of their
// own: making a database takes longer than most tests. The zero value is ready;
// it is made on first use, and dropped by [Shared.Main].
type Shared struct {
	once sync.Once
	db   *postgres.DB
	urls URLs
	drop func() error
}

// Database returns the shared database.
func (s *Shared) Database(t testing.TB) (*postgres.DB, URLs) {
	t.Helper()
	s.once.Do(func() {
		cfg := Config(t)
		name := create(t, cfg.Postgres, true)
		s.drop = func() error { return drop(cfg.Postgres.OwnerURL, name) }
		s.urls = urlsOf(t, cfg, name)
		s.db = open(t, s.urls)
	})
	require.NotNil(t, s.db, "the shared database could not be made")
	return s.db, s.urls
}

// Main runs a package's tests and drops the database that they shared:
//
//	func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	if s.db != nil {
		s.db.Close()
	}
	if s.drop == nil {
		return code
	}
	if err := s.drop(); err != nil {
		fmt.Fprintln(os.Stderr, "drop the shared database:", err)
		return 1
	}
	return code
}

func open(t testing.TB, urls URLs) *postgres.DB {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Options{URL: urls.App})
	require.NoError(t, err, "open the test's database")
	return db
}

func urlsOf(t testing.TB, cfg config.Config, name string) URLs {
	t.Helper()
	return URLs{
		App:    withDatabase(t, cfg.Postgres.URL, name),
		Owner:  withDatabase(t, cfg.Postgres.OwnerURL, name),
		Reader: withDatabase(t, cfg.Postgres.ReaderURL, name),
		Backup: withDatabase(t, cfg.Backup.PostgresURL, name),
	}
}

func create(t testing.TB, cfg config.Postgres, migrated bool) string {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	owner := connect(ctx, t, cfg.OwnerURL)
	defer func() { require.NoError(t, owner.Close(ctx), "give back the lock") }()
	_, err := owner.Exec(ctx, "select pg_advisory_lock($1)", templateLock)
	require.NoError(t, err, "wait for the template database")

	template := "template0"
	if migrated {
		template = ensureTemplate(ctx, t, owner, cfg)
	}
	name := databasePrefix + strings.ReplaceAll(uuid.NewString(), "-", "")
	createFrom(ctx, t, owner, template, name)
	return name
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
		_, err := owner.Exec(ctx, "drop database "+old)
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

// drop removes a database once the server has noticed that its users are gone.
// The owner may not end the sessions of the other roles.
func drop(ownerURL, name string) (err error) {
	ctx, cancel := timeout()
	defer cancel()
	owner, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, owner.Close(ctx)) }()
	for {
		_, err := owner.Exec(ctx, "drop database "+name)
		var answer *pgconn.PgError
		if !errors.As(err, &answer) || answer.Code != objectInUse {
			return err
		}
		// The server itself has waited 5 seconds before it said so.
	}
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
