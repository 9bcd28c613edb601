package residue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// logs has each server write down what it holds in memory and let go of the write-ahead
// log until now.
func (r *run) logs(ctx context.Context) error {
	var servers []string
	for _, url := range r.options.URLs {
		server, err := r.log(ctx, url, servers)
		if err != nil {
			return err
		}
		servers = append(servers, server)
	}
	return nil
}

// log does so for the server of one database, unless it is among those that are done.
func (r *run) log(ctx context.Context, url string, done []string) (server string, err error) {
	conn, err := connect(ctx, url, r.options.TLS, nil)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, closed(ctx, conn)) }()
	var recycles bool
	err = conn.QueryRow(ctx, "select system_identifier::text, current_setting('wal_recycle')::bool from pg_control_system()").Scan(&server, &recycles)
	if err != nil {
		return "", fmt.Errorf("look at the server: %w", err)
	}
	if slices.Contains(done, server) {
		return server, nil
	}
	r.done.Recycled = r.done.Recycled || recycles
	// A checkpoint lets go of the files before the one that it begins in.
	if err := r.may(ctx, conn, "pg_switch_wal", "select pg_switch_wal()"); err != nil {
		return "", err
	}
	var begin string
	if err := conn.QueryRow(ctx, "select pg_current_wal_lsn()::text").Scan(&begin); err != nil {
		return "", fmt.Errorf("ask for the position in the log: %w", err)
	}
	if err := r.released(ctx, conn, begin); err != nil {
		return "", err
	}
	return server, r.may(ctx, conn, "checkpoint", "checkpoint")
}

func (r *run) may(ctx context.Context, conn *pgx.Conn, what, statement string) error {
	err := r.patiently(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
	if is(err, mayNot) {
		r.denied(what)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// released waits until no replication slot holds back what lies before a position.
func (r *run) released(ctx context.Context, conn *pgx.Conn, until string) error {
	var segment int64
	if err := conn.QueryRow(ctx, "select pg_size_bytes(current_setting('wal_segment_size'))").Scan(&segment); err != nil {
		return fmt.Errorf("look at the server: %w", err)
	}
	for deadline := time.Now().Add(r.patience); ; {
		var slots []string
		err := conn.QueryRow(ctx, `select coalesce(array_agg(slot_name::text), '{}') from pg_replication_slots
			where div(restart_lsn - '0/0', $2::bigint) < div($1::text::pg_lsn - '0/0', $2::bigint)`, until, segment).Scan(&slots)
		if err != nil {
			return fmt.Errorf("look at replication slots: %w", err)
		}
		if len(slots) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the replication slot %s holds back write-ahead log in which deleted rows are", slots[0])
		}
		if err := r.pause(ctx, time.Second); err != nil {
			return err
		}
	}
}
