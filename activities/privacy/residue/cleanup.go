package residue

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/postgres"
)

// CleanUpOptions say what is cleaned, and as whom.
type CleanUpOptions struct {
	// URLs are the databases, the product's first, each as the role that owns it. All may
	// be on one server or on several.
	URLs []string
	// TLS returns how to connect to a host, when it is set.
	TLS func(host string) *tls.Config
	// Patience is how long is waited for locks, for readers of old snapshots, and for
	// replication slots; zero for 10 minutes.
	Patience time.Duration
	// Rest is how long is waited after the clean-up before, in times of what that took; zero
	// for not at all, and at most for 10 minutes. Rewriting tables slows everybody down, and
	// whoever asks meanwhile is served by the next.
	Rest float64
}

// Cleaned is what a clean-up did. It holds counts and names of tables.
type Cleaned struct {
	// Run is its number, BeganAt when it began, by the server's clock.
	Run     int64     `json:"run"`
	BeganAt time.Time `json:"began_at"`
	// Covered: another had it done, which began after this was asked for.
	Covered bool `json:"covered,omitempty"`
	// Tables were written anew, which had so many bytes before and after.
	Tables int   `json:"tables"`
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	// Denied names what the roles at hand may not do; it is left to the server's own time:
	// "checkpoint", "pg_switch_wal", "pg_statistic", or a table.
	Denied []string `json:"denied,omitempty"`
	// Recycled: the server uses files of its write-ahead log again with what is in them
	// (wal_recycle), so what was deleted is in them until they are written over.
	Recycled bool `json:"recycled,omitempty"`
}

const (
	defaultPatience = 10 * time.Minute
	// coverage is how often is looked whether another clean-up has done it.
	coverage = time.Second
	// cleanUpLock is the advisory lock of the product's database under which one runs.
	cleanUpLock = 0x6d656169_70726976 // "meaipriv"
)

// settled is longer than an idle session keeps what it has counted to itself (10 s).
var settled = 11 * time.Second

// CleanUp has PostgreSQL rewrite the tables in which something was changed or deleted, with
// their indexes, forget the statistics that it made of the deleted rows, and let go of the
// write-ahead log until now. It may be killed anywhere and called again.
//
// One runs at a time. Who asks meanwhile waits for the next, which does it for all who ask
// until it begins. It fails, to be tried again, when a lock cannot be had, when somebody
// still reads as of before the deletion, or when a replication slot holds the log back.
func CleanUp(ctx context.Context, o CleanUpOptions, beat func(n int64)) (Cleaned, error) {
	if len(o.URLs) == 0 {
		return Cleaned{}, errors.New("clean up what was deleted: no database is configured (privacy.maintenance_urls)")
	}
	r := &run{options: o, patience: cmp.Or(o.Patience, defaultPatience), beat: beat}
	if r.beat == nil {
		r.beat = func(int64) {}
	}
	done, err := r.takeTurn(ctx)
	if err != nil {
		return done, fmt.Errorf("clean up what was deleted: %w", err)
	}
	return done, nil
}

// Distrust has the next clean-up rewrite every table in which something was ever stored,
// whatever the server has counted: a scan has found what should be gone.
func Distrust(ctx context.Context, o CleanUpOptions) (err error) {
	if len(o.URLs) == 0 {
		return nil
	}
	conn, err := connect(ctx, o.URLs[0], o.TLS, nil)
	if err != nil {
		return fmt.Errorf("forget what was cleaned up: %w", err)
	}
	defer func() { err = errors.Join(err, closed(ctx, conn)) }()
	if _, err := conn.Exec(ctx, "delete from maintenance_tables"); err != nil {
		return fmt.Errorf("forget what was cleaned up: %w", err)
	}
	return nil
}

// run is one clean-up.
type run struct {
	options  CleanUpOptions
	patience time.Duration
	beat     func(n int64)
	records  *pgx.Conn // to the product's database; it holds the lock
	done     Cleaned
}

// takeTurn waits until this clean-up, or another one, has done it.
func (r *run) takeTurn(ctx context.Context) (_ Cleaned, err error) {
	if r.records, err = connect(ctx, r.options.URLs[0], r.options.TLS, nil); err != nil {
		return Cleaned{}, err
	}
	defer func() { err = errors.Join(err, closed(ctx, r.records)) }()
	var asked time.Time
	if err := r.records.QueryRow(ctx, "select clock_timestamp()").Scan(&asked); err != nil {
		return Cleaned{}, fmt.Errorf("ask for the time: %w", err)
	}
	for {
		if done, ok, err := r.covered(ctx, asked); ok || err != nil {
			return done, err
		}
		var mine bool
		if err := r.records.QueryRow(ctx, "select pg_try_advisory_lock($1)", int64(cleanUpLock)).Scan(&mine); err != nil {
			return Cleaned{}, fmt.Errorf("take the lock: %w", err)
		}
		if mine {
			break
		}
		if err := r.pause(ctx, coverage); err != nil {
			return Cleaned{}, err
		}
	}
	// The one before may have ended between the look and the lock.
	if done, ok, err := r.covered(ctx, asked); ok || err != nil {
		return done, err
	}
	return r.done, r.whole(ctx)
}

// covered reports what a run did that began after this was asked for.
func (r *run) covered(ctx context.Context, asked time.Time) (done Cleaned, ok bool, err error) {
	var report []byte
	err = r.records.QueryRow(ctx, `select report from maintenance_runs
		where ended_at is not null and began_at >= $1 order by began_at limit 1`, asked).Scan(&report)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Cleaned{}, false, nil
	case err != nil:
		return Cleaned{}, false, fmt.Errorf("look for a clean-up that has done it: %w", err)
	}
	if err := json.Unmarshal(report, &done); err != nil {
		return Cleaned{}, false, fmt.Errorf("read what a clean-up did: %w", err)
	}
	done.Covered = true
	return done, true, nil
}

// whole does all of it, under the lock.
func (r *run) whole(ctx context.Context) error {
	if err := r.rest(ctx); err != nil {
		return err
	}
	err := r.records.QueryRow(ctx, "insert into maintenance_runs default values returning id, began_at").Scan(&r.done.Run, &r.done.BeganAt)
	if err != nil {
		return fmt.Errorf("record that it begins: %w", err)
	}
	// Sessions that have just deleted something tell the server's counters of it by then.
	if err := r.pause(ctx, settled); err != nil {
		return err
	}
	for _, url := range r.options.URLs {
		if err := r.database(ctx, url); err != nil {
			return err
		}
	}
	if err := r.logs(ctx); err != nil {
		return err
	}
	slices.Sort(r.done.Denied)
	r.done.Denied = slices.Compact(r.done.Denied)
	report, err := json.Marshal(r.done)
	if err != nil {
		return fmt.Errorf("encode what it did: %w", err)
	}
	if _, err := r.records.Exec(ctx, "update maintenance_runs set ended_at = clock_timestamp(), report = $2 where id = $1", r.done.Run, string(report)); err != nil {
		return fmt.Errorf("record that it has ended: %w", err)
	}
	return nil
}

// rest waits until the last clean-up is long enough ago.
func (r *run) rest(ctx context.Context) error {
	var seconds float64
	err := r.records.QueryRow(ctx, `select coalesce((select extract(epoch from ended_at + least((ended_at - began_at) * $1::float8, interval '10 minutes') - clock_timestamp())::float8
		from maintenance_runs where ended_at is not null order by ended_at desc limit 1), 0)`, r.options.Rest).Scan(&seconds)
	if err != nil {
		return fmt.Errorf("look when the last one was: %w", err)
	}
	return r.pause(ctx, time.Duration(seconds*float64(time.Second)))
}

// pause waits, with a sign of life for every second.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		r.beat(int64(r.done.Tables))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, time.Second)):
		}
	}
}

// denied notes what may not be done.
func (r *run) denied(what string) {
	r.done.Denied = append(r.done.Denied, what)
}

// connect opens one connection, whose statements may take as long as they take. notice
// hears what the server says beside its answers.
func connect(ctx context.Context, url string, secure func(string) *tls.Config, notice func(*pgconn.Notice)) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse a maintenance URL: %w", err) // pgx blanks the password
	}
	postgres.SecureConfig(&cfg.Config, secure)
	for name, value := range map[string]string{"statement_timeout": "0", "lock_timeout": lockTimeout, "application_name": "meai clean-up"} {
		cfg.RuntimeParams[name] = value
	}
	if notice != nil {
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notice(n) }
	}
	// VACUUM and CHECKPOINT take no plan and no parameters.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect for maintenance: %w", err)
	}
	return conn, nil
}

// closed ends a connection, also when the context has.
func closed(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}
