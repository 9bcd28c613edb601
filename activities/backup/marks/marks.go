// Package marks writes down what the product's database holds at one point of its
// write-ahead log, and compares a restored database with that: counts and sums of every
// table, PostgreSQL's own check of tables and indexes, the graph's references, histories
// of Temporal. Heartbeats measure how old the archive is.
package marks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/activities/backup/repository"
)

const (
	// attempts at an instant without writes; each waits for a second at most.
	attempts = 20
	pause    = 500 * time.Millisecond
)

// Take writes down what the database at the URL holds, which must connect as the role
// for backups. Recovery to the mark's LSN, exclusively, leads to exactly that: nobody
// writes for the milliseconds in which snapshot and LSN are taken; the counting goes on
// after that beside everything else. The LSN is on the server's disk, and the log goes on
// behind it, when Take returns.
//
// Somebody who writes for long makes it try again, for half a minute at most.
func Take(ctx context.Context, url string) (repository.Mark, error) {
	for attempt := 1; ; attempt++ {
		mark, err := take(ctx, url)
		if err == nil || attempt == attempts || !busy(err) {
			return mark, err
		}
		select {
		case <-ctx.Done():
			return repository.Mark{}, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// errMoved: a table came or went just now.
var errMoved = errors.New("the database's tables are not those that were locked")

// busy reports whether no instant without writes was found (lock_not_available), which
// another attempt may mend.
func busy(err error) bool {
	var refused *pgconn.PgError
	return errors.Is(err, errMoved) || errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01")
}

func take(ctx context.Context, url string) (mark repository.Mark, err error) {
	reader, err := connect(ctx, url)
	if err != nil {
		return repository.Mark{}, err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	snapshot, err := reader.BeginTx(ctx, reading)
	if err != nil {
		return repository.Mark{}, fmt.Errorf("begin to read what the database holds: %w", err)
	}
	mark, locked, err := moment(ctx, url, snapshot)
	if err != nil {
		return repository.Mark{}, err
	}
	if mark.Tables, err = contents(ctx, snapshot); err != nil {
		return repository.Mark{}, err
	}
	if len(mark.Tables) != locked {
		return repository.Mark{}, errMoved
	}
	if err := snapshot.Commit(ctx); err != nil {
		return repository.Mark{}, fmt.Errorf("end reading what the database holds: %w", err)
	}
	// In the same session: had the server crashed since, the session would be gone, and
	// with it what was committed without waiting for the disk.
	if _, err := beat(ctx, reader); err != nil {
		return repository.Mark{}, err
	}
	return mark, nil
}

// reading sees one state of the database, whatever happens meanwhile.
var reading = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// moment has the transaction take its snapshot, which its first statement does, at a
// known point of the log, while another one holds up all writing.
//
// Without that, a transaction could have written its commit before the point and be
// visible only after the snapshot: recovery would bring what was not counted. It takes
// long when the commit waits for a standby.
func moment(ctx context.Context, url string, snapshot pgx.Tx) (mark repository.Mark, locked int, err error) {
	gate, err := connect(ctx, url)
	if err != nil {
		return repository.Mark{}, 0, err
	}
	// Closing ends its transaction, however far it came.
	defer func() { err = errors.Join(err, gate.Close(ctx)) }()
	shut, err := gate.Begin(ctx)
	if err != nil {
		return repository.Mark{}, 0, fmt.Errorf("begin to hold up writing: %w", err)
	}
	if err := shut.QueryRow(ctx, "select meai_lock_for_mark()").Scan(&locked); err != nil {
		return repository.Mark{}, 0, fmt.Errorf("hold up writing: %w", err)
	}
	if mark, err = here(ctx, snapshot); err != nil {
		return repository.Mark{}, 0, err
	}
	// The server ends it when it takes too long, and then this fails.
	if err := shut.Commit(ctx); err != nil {
		return repository.Mark{}, 0, fmt.Errorf("let writing go on: %w", err)
	}
	return mark, locked, nil
}

// here is a mark of the transaction's snapshot, without contents. The timeline is that of
// the segment being written: the control file knows the last checkpoint's. Until the
// transaction ends no partition is dropped (meai_drop_partition): its rows would be gone from
// the snapshot as well.
func here(ctx context.Context, snapshot pgx.Tx) (repository.Mark, error) {
	mark := repository.Mark{ID: uuid.New()}
	var segment string
	err := snapshot.QueryRow(ctx, `select clock_timestamp(), lsn::text, pg_walfile_name(lsn), system_identifier::text, current_database()::text
		from pg_current_wal_insert_lsn() lsn, pg_control_system(), pg_advisory_xact_lock_shared(hashtextextended('meai_drop_partition', 0))`).Scan(&mark.At, &mark.LSN, &segment, &mark.System, &mark.Database)
	if err != nil {
		return repository.Mark{}, fmt.Errorf("read where the write-ahead log is: %w", err)
	}
	timeline, err := strconv.ParseUint(segment[:8], 16, 32)
	if err != nil {
		return repository.Mark{}, fmt.Errorf("read the timeline of segment %s: %w", segment, err)
	}
	mark.At, mark.Timeline = mark.At.UTC(), uint32(timeline)
	return mark, nil
}

// session has the database print values in one way, whatever its settings are, and
// refuses to read rather than leave rows out.
var session = map[string]string{
	"application_name": "meai-backup", "timezone": "UTC", "datestyle": "ISO", "intervalstyle": "iso_8601",
	"extra_float_digits": "1", "bytea_output": "hex", "row_security": "off", "synchronous_commit": "on",
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		// pgx blanks the password in its message.
		return nil, fmt.Errorf("parse the database's URL: %w", err)
	}
	for name, value := range session {
		cfg.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}
