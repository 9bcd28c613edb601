// Package postgres is the way to MeAi's records: a pool whose every transaction
// is bound to one person.
//
// Row-level security shows a transaction the rows of app.subject alone. [DB.Write]
// and [DB.Read] set it and there is no other way to a person's tables, so a
// forgotten condition finds nothing instead of somebody else's words.
package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Options configure a pool.
type Options struct {
	// URL connects as the application role. Its parameters override the
	// session defaults below.
	URL string
	// MaxConns bounds the pool; 0 means 8.
	MaxConns int32
	// TLS returns how to connect to a host, when it is set; see [SecureConfig].
	TLS func(host string) *tls.Config
	// Quarantine opens a pool that also works with a database in quarantine, and in any
	// write epoch: for who looks at one, and for who ends it.
	Quarantine bool
	// Guard is asked when a transaction begins, before it commits, and after that, before
	// anybody is told that it has; nil where there is one region.
	Guard Guard
	// Logger receives warnings; nil for slog.Default.
	Logger *slog.Logger
	// TracerProvider and MeterProvider are optional. Spans carry the text of
	// statements, never their parameters.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// A Guard knows from elsewhere than the database whether one that is in a write epoch may
// still be worked with: another copy may have taken over without its learning of that.
type Guard interface {
	Check(epoch int64) error
}

const defaultMaxConns = 8

// sessionDefaults bound what one stuck statement or transaction can hold up;
// numbers are milliseconds. Plans are made for the parameters of each execution:
// those prune to one partition in a fraction of a millisecond, while a generic
// plan has to open every partition first (see docs/decisions/0002-partitions.md).
var sessionDefaults = map[string]string{
	"application_name":                    "meai",
	"timezone":                            "UTC",
	"plan_cache_mode":                     "force_custom_plan",
	"statement_timeout":                   "30000",
	"lock_timeout":                        "5000",
	"idle_in_transaction_session_timeout": "30000",
}

// DB is a pool of connections. It is safe for concurrent use. It works in one write
// epoch: see [State].
type DB struct {
	pool       *pgxpool.Pool
	log        *slog.Logger
	quarantine bool
	guard      Guard
	epoch      atomic.Int64 // zero until the database was seen to serve
}

// Open prepares a pool. It does not wait for the server: use [DB.Ping] for that.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	cfg, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	db := &DB{log: o.Logger, quarantine: o.Quarantine, guard: o.Guard}
	cfg.AfterConnect = db.admit
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	if o.MeterProvider != nil {
		if err := otelpgx.RecordStats(pool, otelpgx.WithStatsMeterProvider(o.MeterProvider)); err != nil {
			pool.Close()
			return nil, fmt.Errorf("record pool statistics: %w", err)
		}
	}
	db.pool = pool
	return db, nil
}

func poolConfig(o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		// pgx blanks the password in its message.
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	SecureConfig(&cfg.ConnConfig.Config, o.TLS)
	cfg.MaxConns = defaultMaxConns
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.PingTimeout = 2 * time.Second
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	for name, value := range sessionDefaults {
		if _, set := cfg.ConnConfig.RuntimeParams[name]; !set {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	if o.TracerProvider != nil {
		cfg.ConnConfig.Tracer = otelpgx.NewTracer(
			otelpgx.WithTracerProvider(o.TracerProvider),
			otelpgx.WithDisableConnectionDetailsInAttributes())
	}
	return cfg, nil
}

// errUnbound stops a misconfigured process.
var errUnbound = errors.New("the database role bypasses row-level security; connect as the application role")

// Close waits for running transactions and closes the pool.
func (db *DB) Close() { db.pool.Close() }

// Ping reports whether the server answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Write runs fn in a transaction that sees and writes the subject's rows only.
// The subject stays locked as active until the end, so nothing is written once
// erasure has begun: it fails with [failure.SubjectInactive] then, and with
// [failure.NotFound] for a subject that does not exist. fn may run once only;
// an error from fn or the commit rolls everything back.
func (db *DB) Write(ctx context.Context, subject uuid.UUID, fn func(ctx context.Context, q *queries.Queries) error) error {
	return db.write(ctx, subject, fn)
}

// WriteHint is [DB.Write] for what may be lost: its commit does not wait for the
// disk, so the last moments before a crash of the server can be missing.
func (db *DB) WriteHint(ctx context.Context, subject uuid.UUID, fn func(ctx context.Context, q *queries.Queries) error) error {
	return db.write(ctx, subject, fn, "select set_config('synchronous_commit', 'off', true)")
}

func (db *DB) write(ctx context.Context, subject uuid.UUID, fn func(context.Context, *queries.Queries) error, settings ...string) error {
	return db.transact(ctx, writing(subject, settings...), fn)
}

func writing(subject uuid.UUID, settings ...string) opening {
	return func() (*pgx.Batch, func(pgx.BatchResults) error) {
		batch := begin(subject.String(), pgx.TxOptions{})
		for _, setting := range settings {
			batch.Queue(setting)
		}
		batch.Queue("select state from subjects where id = $1 for share", subject)
		return batch, func(results pgx.BatchResults) error {
			for range len(settings) {
				if _, err := results.Exec(); err != nil {
					return err
				}
			}
			return checkActive(results.QueryRow(), subject)
		}
	}
}

// Read runs fn in a read-only transaction that sees the subject's rows only.
func (db *DB) Read(ctx context.Context, subject uuid.UUID, fn func(ctx context.Context, q *queries.Queries) error) error {
	return db.transact(ctx, reading(subject), fn)
}

func reading(subject uuid.UUID) opening {
	return func() (*pgx.Batch, func(pgx.BatchResults) error) {
		return begin(subject.String(), pgx.TxOptions{AccessMode: pgx.ReadOnly}), func(pgx.BatchResults) error { return nil }
	}
}

// WriteShared runs fn in a transaction that belongs to no person: row-level
// security shows it no row of anybody. It is for what all share, such as the
// audit log. The rules of [DB.Write] about fn and its error hold.
func (db *DB) WriteShared(ctx context.Context, fn func(ctx context.Context, q *queries.Queries) error) error {
	return db.shared(ctx, pgx.TxOptions{}, fn)
}

// ReadShared is [DB.WriteShared] for reading only.
func (db *DB) ReadShared(ctx context.Context, fn func(ctx context.Context, q *queries.Queries) error) error {
	return db.shared(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}, fn)
}

// Alone runs one statement about shared tables as a transaction of its own. Its locks
// are held for no round trip, which matters where everybody waits for the same one.
// fn must not run two statements that belong together.
func (db *DB) Alone(ctx context.Context, fn func(ctx context.Context, q *queries.Queries) error) error {
	return fn(ctx, queries.New(db.pool))
}

func (db *DB) shared(ctx context.Context, options pgx.TxOptions, fn func(context.Context, *queries.Queries) error) error {
	return db.transact(ctx, sharing(options), fn)
}

func sharing(options pgx.TxOptions) opening {
	return func() (*pgx.Batch, func(pgx.BatchResults) error) {
		return begin("", options), func(pgx.BatchResults) error { return nil }
	}
}

// begin queues the statements that bind a new transaction to the subject, or to
// nobody with an empty one, and tell whether the database may be worked with; they
// travel together, so that costs no round trip. Reading the state locks its table
// against the beginning of a quarantine until the transaction ends.
func begin(subject string, options pgx.TxOptions) *pgx.Batch {
	batch := &pgx.Batch{}
	batch.BeginTx(options)
	batch.Queue(bind, subject)
	return batch
}

const bind = "select set_config('app.subject', $1, true), epoch, continues, state = 'serving' from cluster_state"

func checkActive(row pgx.Row, subject uuid.UUID) error {
	var state string
	err := row.Scan(&state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return failure.New(failure.NotFound, "subject "+subject.String()+" does not exist", nil)
	case err != nil:
		return err
	case state != "active":
		return failure.New(failure.SubjectInactive, "subject "+subject.String()+" is "+state, nil)
	default:
		return nil
	}
}
