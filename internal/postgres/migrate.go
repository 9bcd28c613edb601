package postgres

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// PartitionsAhead is how far in the future time partitions are made. Rows beyond
// it land in the default partitions until a later call moves them.
const PartitionsAhead = 366 * 24 * time.Hour

// Migrate brings the database at ownerURL to the newest schema and makes the
// time partitions of the next year. Processes that migrate at the same
// time take turns. Run it as the owning role, which must not be a superuser.
func Migrate(ctx context.Context, ownerURL string, log *slog.Logger) error {
	return MigrateSecurely(ctx, ownerURL, nil, log)
}

// MigrateSecurely is [Migrate] over connections that [SecureConfig] prepares.
func MigrateSecurely(ctx context.Context, ownerURL string, tlsFor func(host string) *tls.Config, log *slog.Logger) (err error) {
	if log == nil {
		log = slog.Default()
	}
	db, err := openOwner(ownerURL, tlsFor)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := migrationProvider(db)
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, r := range results {
		log.Info("migrated the database", "migration", r.Source.Path, "milliseconds", r.Duration.Milliseconds())
	}
	return ensurePartitions(ctx, db, time.Now().Add(PartitionsAhead), log)
}

// Connect makes one connection, as any role and past everything that a pool looks at:
// for the owner and for who restores. tlsFor is as in [SecureConfig].
func Connect(ctx context.Context, url string, tlsFor func(host string) *tls.Config) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse the database URL: %w", err)
	}
	SecureConfig(&cfg.Config, tlsFor)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

func openOwner(ownerURL string, tlsFor func(host string) *tls.Config) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, fmt.Errorf("parse owner's database URL: %w", err)
	}
	SecureConfig(&cfg.Config, tlsFor)
	return stdlib.OpenDB(*cfg), nil
}

func migrationProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

func ensurePartitions(ctx context.Context, db *sql.DB, until time.Time, log *slog.Logger) error {
	var created int
	if err := db.QueryRowContext(ctx, "select meai_ensure_partitions($1)", until).Scan(&created); err != nil {
		return fmt.Errorf("make time partitions: %w", err)
	}
	if created > 0 {
		log.Info("made time partitions", "partitions", created, "until", until.UTC().Format(time.DateOnly))
	}
	return nil
}

// SchemaFingerprint identifies the schema that [Migrate] leads to: the hex form
// of a SHA-256 over all migrations.
func SchemaFingerprint() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrations.ReadFile(path)
		sum.Write(fmt.Appendf(nil, "%s %d\n", path, len(text))) // a hash never fails to write
		sum.Write(text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// SchemaVersion is the number of the newest migration, which [Migrate] leads to.
func SchemaVersion() (int64, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, fmt.Errorf("list the migrations: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1])
}
