package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// server is a connection to the server whose log is archived.
type server struct {
	Source
	conn     *pgx.Conn
	url      string
	timeline uint32
}

const (
	connectWithin = 10 * time.Second
	askWithin     = 10 * time.Second
)

func (a *Archiver) connect(ctx context.Context) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	s := &server{url: a.URL}
	identity, err := s.replication(ctx, "IDENTIFY_SYSTEM")
	if err != nil {
		return nil, fmt.Errorf("ask the server who it is: %w", err)
	}
	timeline, err := strconv.ParseUint(identity[1], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("ask the server who it is: %w", err)
	}
	s.System, s.timeline = identity[0], uint32(timeline)
	if s.conn, err = pgx.Connect(ctx, a.URL); err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	err = s.conn.QueryRow(ctx, "select setting::bigint from pg_settings where name = 'wal_segment_size'").Scan(&s.SegmentSize)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("ask the server for the size of segments: %w", err)
	}
	return s, nil
}

func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	_ = s.conn.Close(ctx) // nothing was left to do
}

// replication asks by a command of the replication protocol, and returns the only row.
func (s *server) replication(ctx context.Context, command string) (_ []string, err error) {
	config, err := pgconn.ParseConfig(s.url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["replication"] = "true"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	results, err := conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) < 2 {
		return nil, fmt.Errorf("%s: not one row as an answer", command)
	}
	var row []string
	for _, value := range results[0].Rows[0] {
		row = append(row, string(value))
	}
	return row, nil
}

// left is where the server's history left a timeline, 0 when it is on it, or never was.
func (s *server) left(ctx context.Context, timeline uint32) (LSN, error) {
	if timeline == s.timeline || s.timeline == 1 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	row, err := s.replication(ctx, fmt.Sprintf("TIMELINE_HISTORY %d", s.timeline))
	if err != nil {
		return 0, fmt.Errorf("ask the server for its history: %w", err)
	}
	for line := range strings.Lines(row[1]) {
		if from, err := parseHistory(line); err == nil && from.parent == timeline {
			return from.at, nil
		}
	}
	return 0, nil
}

// slot looks at a replication slot; one that is not there is missing.
func (s *server) slot(ctx context.Context, name string) (slot Slot, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var restart string
	err = s.conn.QueryRow(ctx, `select coalesce(wal_status, 'reserved'), coalesce(restart_lsn::text, '0/0'), coalesce(safe_wal_size, -1)
		from pg_replication_slots where slot_name = $1 and slot_type = 'physical'`, name).Scan(&slot.State, &restart, &slot.Spare)
	if errors.Is(err, pgx.ErrNoRows) {
		return Slot{State: slotMissing}, nil
	}
	if err == nil {
		slot.Restart, err = ParseLSN(restart)
	}
	if err != nil {
		return Slot{}, fmt.Errorf("look at the replication slot: %w", err)
	}
	return slot, nil
}

const (
	slotMissing    = "missing"
	slotLost       = "lost"
	slotUnreserved = "unreserved"
)

// makeSlot makes the slot, and keeps the log from now on.
func (s *server) makeSlot(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	_, err := s.conn.Exec(ctx, "select pg_create_physical_replication_slot($1, true)", name)
	if err != nil {
		return fmt.Errorf("create the replication slot: %w", err)
	}
	return nil
}

func (s *server) dropSlot(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	_, err := s.conn.Exec(ctx, "select pg_drop_replication_slot($1)", name)
	if err != nil {
		return fmt.Errorf("drop the replication slot: %w", err)
	}
	return nil
}

// has reports whether the server has the segment that begins at an LSN, on any timeline,
// or will write it next.
func (s *server) has(ctx context.Context, start LSN) (has bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	digits := s.name(s.at(Position{LSN: start}))[8:]
	err = s.conn.QueryRow(ctx, `select exists (select from pg_ls_waldir() where length(name) = 24 and substr(name, 9) = $1)
		or $2::pg_lsn >= `+flushed, digits, start.String()).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for the server's write-ahead log: %w", err)
	}
	return has, nil
}

// flushed is what a server has flushed, also while it is a standby.
const flushed = `case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_flush_lsn() end`

// standing is what is looked at regularly.
type standing struct {
	flushed LSN
	// awaited says that commits wait for the archiver, by its name, and present that it
	// is there.
	awaited, present bool
}

func (s *server) standing(ctx context.Context, name string) (st standing, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var at, awaited string
	err = s.conn.QueryRow(ctx, `select coalesce((`+flushed+`)::text, '0/0'), current_setting('synchronous_standby_names'),
		exists (select from pg_stat_replication where application_name = $1 and state = 'streaming')`, name).Scan(&at, &awaited, &st.present)
	if err == nil {
		st.flushed, err = ParseLSN(at)
	}
	if err != nil {
		return standing{}, fmt.Errorf("ask the server how far it is: %w", err)
	}
	st.awaited = names(awaited, name)
	return st, nil
}

// names reports whether synchronous_standby_names, such as "ANY 1 (a, b)", has a name.
func names(setting, name string) bool {
	words := strings.FieldsFunc(setting, func(r rune) bool { return strings.ContainsRune(` ,()"`, r) })
	for _, word := range words {
		if strings.EqualFold(word, name) || word == "*" {
			return true
		}
	}
	return false
}
