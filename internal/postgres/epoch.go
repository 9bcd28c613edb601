package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// State is what this copy of the database may be used for. A copy that was restored,
// or failed over to, is in quarantine until the ledger has told it what happened since
// (see activities/backup/quarantine), and then serves in a new write epoch.
type State struct {
	// Epoch counts from 1, and goes up with each quarantine that ends and each failover.
	Epoch int64
	// Continues is the oldest epoch whose work goes on in this one: since it began nothing
	// was lost.
	Continues   int64
	Quarantined bool
	// Since is when it began to serve in the epoch that it continues, or when its quarantine
	// began.
	Since time.Time
	// Reason is a code: "new", or why it was put into quarantine last.
	Reason string
	// Restore is the id of the restore or failover that did so; "" for none.
	Restore string
	// Approval is that of the restore; zero for none that is kept in a database.
	Approval uuid.UUID
	// LSN and Time are the point that was restored to, as far as they are known.
	LSN  string
	Time time.Time
	// AuditKept is how many entries of the audit log no loss has touched; -1 for unknown.
	AuditKept int64
	// BegunBy is the restore whose epoch is the newest that the ledger has told of; ""
	// for the first epoch.
	BegunBy string
}

// String is the state as a sentence for people.
func (s State) String() string {
	if !s.Quarantined {
		return fmt.Sprintf("the database serves in write epoch %d since %s", s.Epoch, s.Since.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the database is in quarantine since %s (%s, %s): `meai quarantine release` ends that, and nothing works with it before",
		s.Since.UTC().Format(time.RFC3339), s.Reason, s.Restore)
}

// State reads the state of the database. Only a pool that was opened with
// [Options.Quarantine] can, where it is in quarantine.
func (db *DB) State(ctx context.Context) (State, error) {
	s, err := stateOf(ctx, queries.New(db.pool))
	if lostConnection(err) {
		db.pool.Reset()
		s, err = stateOf(ctx, queries.New(db.pool))
	}
	if err != nil {
		return State{}, fmt.Errorf("read the state of the database: %w", err)
	}
	return s, nil
}

// ReadState is [DB.State] on any connection.
func ReadState(ctx context.Context, conn *pgx.Conn) (State, error) {
	return stateOf(ctx, queries.New(conn))
}

func stateOf(ctx context.Context, q *queries.Queries) (State, error) {
	row, err := q.ClusterState(ctx)
	if err != nil {
		return State{}, err
	}
	s := State{
		Epoch: row.Epoch, Continues: row.Continues, Quarantined: row.State != serving, Since: row.Since, Reason: row.Reason, AuditKept: -1,
		Restore: text(row.RestoreID), LSN: text(row.RestoredToLsn), BegunBy: text(row.BegunBy),
	}
	if row.ApprovalID != nil {
		s.Approval = *row.ApprovalID
	}
	if row.RestoredTo != nil {
		s.Time = *row.RestoredTo
	}
	if row.AuditKept != nil {
		s.AuditKept = *row.AuditKept
	}
	return s, nil
}

const serving = "serving"

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Serving fails with [failure.Quarantined] when the database is in quarantine, or in
// another write epoch than the one that this pool began in. The process ends then:
// what it still has in hand belongs to a time that is over.
func (db *DB) Serving(ctx context.Context) (State, error) {
	s, err := db.State(ctx)
	if err != nil {
		return s, err
	}
	return s, db.permitted(s, s.String)
}

// Permit is asked before what cannot be undone, with the time at which that was asked
// for. It fails as [DB.Serving] does, and with [failure.EpochOver] when the act was
// asked for before the write epoch began: whether it was done already is known to the
// ledger alone, and who asked for it is gone. The first epoch has none before it.
func (db *DB) Permit(ctx context.Context, asked time.Time) error {
	s, err := db.Serving(ctx)
	if err != nil {
		return err
	}
	if s.Epoch > 1 && asked.Before(s.Since) {
		return failure.New(failure.EpochOver, fmt.Sprintf("it was asked for before write epoch %d began", s.Epoch), nil)
	}
	return nil
}

// permitted holds what the database says of itself, and what the guard says of it, against
// what this pool began with. The pool begins with the first epoch in which it sees the
// database serve, and goes along to one that continues it.
func (db *DB) permitted(s State, why func() string) error {
	if db.quarantine {
		return nil
	}
	if s.Quarantined {
		return failure.New(failure.Quarantined, why(), nil)
	}
	for {
		mine := db.epoch.Load()
		switch {
		case mine == s.Epoch, mine == 0, s.Continues <= mine && mine < s.Epoch:
			if db.epoch.CompareAndSwap(mine, s.Epoch) {
				return db.guarded()
			}
		case mine > s.Epoch:
			return failure.New(failure.Quarantined, fmt.Sprintf(
				"the database is in write epoch %d and was left behind: another serves in epoch %d", s.Epoch, mine), nil)
		default:
			return failure.New(failure.Quarantined, fmt.Sprintf(
				"write epoch %d is over, the database is in epoch %d: this process must be started anew", mine, s.Epoch), nil)
		}
	}
}

// BeginEpoch has the database at a URL, whose owner connects, serve in a higher epoch that
// continues all that it continued before: it took over from another copy, and nothing was
// lost. One that is in quarantine, or in such an epoch already, stays as it is.
func BeginEpoch(ctx context.Context, url string, epoch int64, failover string) (err error) {
	conn, err := Connect(ctx, url, nil)
	if err != nil {
		return fmt.Errorf("begin epoch %d: %w", epoch, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := queries.New(conn).ContinueEpoch(ctx, epoch, failover); err != nil {
		return fmt.Errorf("begin epoch %d: %w", epoch, err)
	}
	return nil
}

// inQuarantine is why a transaction does not begin.
func inQuarantine() string {
	return "the database is in quarantine: see `meai quarantine status`"
}

// admit looks at each new connection: whether its role is bound by row-level security,
// which PostgreSQL skips without a word for some, and whether the database may be
// worked with. A process that was left running meets a restored database, or another
// server, over new connections alone, and gets none.
func (db *DB) admit(ctx context.Context, conn *pgx.Conn) error {
	var unbound bool
	err := conn.QueryRow(ctx, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&unbound)
	if err != nil {
		return fmt.Errorf("look at the database role: %w", err)
	}
	if unbound {
		return errUnbound
	}
	if db.quarantine {
		return nil
	}
	s, err := ReadState(ctx, conn)
	if err != nil {
		return fmt.Errorf("read the state of the database: %w", err)
	}
	return db.permitted(s, s.String)
}
