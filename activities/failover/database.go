package failover

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/postgres"
)

// Database is the product's database in one region, as the role that takes backups sees
// it (backup.postgres_url): it reads everything, and writes heartbeats and nothing else.
type Database struct {
	URL string
	// TLS is as in [postgres.SecureConfig].
	TLS func(host string) *tls.Config
}

// askTimeout bounds one question to a server that may be away.
const askTimeout = 3 * time.Second

func (d Database) ask(ctx context.Context, limit time.Duration, ask func(context.Context, *pgx.Conn) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := postgres.Connect(ctx, d.URL, d.TLS)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return ask(ctx, conn)
}

// InRecovery asks whether the server is a standby. Any role may.
func (d Database) InRecovery(ctx context.Context) (is bool, err error) {
	err = d.ask(ctx, askTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&is)
	})
	if err != nil {
		return false, fmt.Errorf("ask the server whether it is a standby: %w", err)
	}
	return is, nil
}

// Standing is what a server says of itself.
type Standing struct {
	InRecovery bool
	// Timeline is that which it writes, or replays.
	Timeline int
}

// Standing asks whether the server is a primary, and of which history.
func (d Database) Standing(ctx context.Context) (s Standing, err error) {
	err = d.ask(ctx, askTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		// The control file learns of a new timeline with the next checkpoint only; the name
		// of the file that is written to begins with it at once.
		var hex string
		err := conn.QueryRow(ctx, `
			select r, case when r then lpad(to_hex((select timeline_id from pg_control_checkpoint())), 8, '0')
			               else left(pg_walfile_name(pg_current_wal_lsn()), 8) end
			from pg_is_in_recovery() r`).Scan(&s.InRecovery, &hex)
		if err != nil {
			return err
		}
		timeline, err := strconv.ParseUint(hex, 16, 31)
		s.Timeline = int(timeline)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("ask the server what it is: %w", err)
	}
	return s, nil
}

// Replica is what a standby says of what it has.
type Replica struct {
	// Newest is the newest heartbeat that it has applied, by the primary's clock; zero for none.
	Newest time.Time
	// Streaming: it receives from the primary now.
	Streaming bool
}

// Replica asks a standby.
func (d Database) Replica(ctx context.Context) (r Replica, err error) {
	err = d.ask(ctx, askTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		var newest *time.Time
		err := conn.QueryRow(ctx, `
			select (select max(at) from backup_heartbeats), exists (select from pg_stat_wal_receiver where status = 'streaming')`).Scan(&newest, &r.Streaming)
		if newest != nil {
			r.Newest = *newest
		}
		return err
	})
	if err != nil {
		return r, fmt.Errorf("ask the standby: %w", err)
	}
	return r, nil
}

// Beat commits a heartbeat, which makes what a standby lacks measurable however idle the
// database is.
func (d Database) Beat(ctx context.Context) error {
	_, _, err := d.beat(ctx)
	return err
}

// Canary writes a row and reads it over another connection.
func (d Database) Canary(ctx context.Context) (lsn string, err error) {
	var at time.Time
	if lsn, at, err = d.beat(ctx); err != nil {
		return "", fmt.Errorf("write a canary: %w", err)
	}
	err = d.ask(ctx, askTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from backup_heartbeats where lsn >= $1::text::pg_lsn and at >= $2)", lsn, at).Scan(&there); err != nil {
			return err
		}
		if !there {
			return errors.New("it is not there")
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the canary: %w", err)
	}
	return lsn, nil
}

func (d Database) beat(ctx context.Context) (lsn string, at time.Time, err error) {
	err = d.ask(ctx, askTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select lsn::text, at from meai_heartbeat()").Scan(&lsn, &at)
	})
	return lsn, at, err
}

// ErrTwoWriters: a server that was fenced off has taken a write.
var ErrTwoWriters = errors.New("failover: the old primary takes writes: two servers do, stop one of them now")

// How a write was refused.
const (
	// RefusedReadOnly: it is a standby.
	RefusedReadOnly = "read_only"
	// RefusedAccess: its access rules let nobody of the product in.
	RefusedAccess = "access"
	// RefusedAway: nobody answers. That is no proof by itself; the lease is.
	RefusedAway = "away"
)

// Refusal tries to write where nobody may, and says how that was refused. It fails with
// [ErrTwoWriters] where it was not.
func (d Database) Refusal(ctx context.Context) (string, error) {
	_, _, err := d.beat(ctx)
	var answer *pgconn.PgError
	switch {
	case err == nil:
		return "", ErrTwoWriters
	case !errors.As(err, &answer):
		return RefusedAway, nil
	case answer.Code == "25006":
		return RefusedReadOnly, nil
	case answer.Code == "28000":
		return RefusedAccess, nil
	case answer.Code[:2] == "57":
		return RefusedAway, nil // it is starting or stopping
	default:
		return "", fmt.Errorf("try a write on the old primary: %w", err)
	}
}

// Present are those of some interactions that the database has. It looks across all
// people, which takes this role and no other.
func (d Database) Present(ctx context.Context, page []Acknowledged) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(page))
	for i, a := range page {
		ids[i] = a.Interaction
	}
	there := make(map[uuid.UUID]bool, len(ids))
	err := d.ask(ctx, time.Minute, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select id from interactions where id = any($1)", ids)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for _, id := range found {
			there[id] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for acknowledged interactions: %w", err)
	}
	return there, nil
}
