// Package quarantine keeps a cluster that was restored, or failed over to, from doing
// anything a second time.
//
// Whoever restores puts the database into quarantine before anybody else can connect
// ([Begin]). No process of MeAi works with it then. [Release] ends that: it pauses
// schedules, ends the runs that were open at the restore point, replays the ledger,
// begins a new write epoch, and only then lets the database serve. What cannot be undone
// asks [Permit] first. docs/decisions/0019-quarantine.md says why.
package quarantine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/activity"

	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Reason says why a database is in quarantine.
type Reason string

// The reasons.
const (
	Restored   Reason = "restored"
	FailedOver Reason = "failed_over"
	// LeftBehind: the database served when the ledger told it that another copy had
	// begun an epoch. Nobody restored it.
	LeftBehind Reason = "left_behind"
)

// Facts are what a restore knows of the database that it hands over.
type Facts struct {
	Reason Reason
	// Restore is its opaque id, at most 64 letters, digits or any of "._:-".
	Restore string
	// Approval is that of the restore; zero for one that is a signed document.
	Approval uuid.UUID
	// LSN, as PostgreSQL writes it, and Time are the point that was restored to; ""
	// and zero for unknown.
	LSN  string
	Time time.Time
}

// Begin puts the database at a URL into quarantine, as its owner or as a superuser, and
// reports whether it was not there before. The same restore may repeat it: nothing
// changes, not even once its quarantine was ended. It waits for transactions that are
// under way. A superuser ends the sessions of all others as well, so that nothing is
// left that has not met the quarantine. A database from before migration 17 is migrated
// first. The state of the cluster is a row that a backup has too:
// compare the restored tables with what they were before this.
func Begin(ctx context.Context, url string, f Facts) (begun bool, err error) {
	conn, err := postgres.Connect(ctx, url, nil)
	if err != nil {
		return false, fmt.Errorf("begin the quarantine: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	begun, err = queries.New(conn).BeginQuarantine(ctx, queries.BeginQuarantineParams{
		Reason: string(f.Reason), Restore: f.Restore, Approval: optional(f.Approval), Lsn: optional(f.LSN), RestoredTo: optional(f.Time),
	})
	if err == nil {
		err = endSessions(ctx, conn)
	}
	if err != nil {
		return false, fmt.Errorf("begin the quarantine of %s: %w", f.Restore, err)
	}
	return begun, nil
}

func optional[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// endSessions ends what others have open on a database in quarantine, if it may.
func endSessions(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
		select pg_terminate_backend(a.pid) from pg_stat_activity a, cluster_state c
		where c.state = 'quarantined' and (select rolsuper from pg_roles where rolname = current_user)
		  and a.datname = current_database() and a.backend_type = 'client backend' and a.usename <> current_user`)
	return err
}

// Permit is asked by an activity right before what cannot be undone. It fails with
// [failure.Quarantined] when this process must not work any more, which another one may
// mend, and with [failure.EpochOver] when the act was asked for in an earlier epoch.
func Permit(ctx context.Context, db *postgres.DB) error {
	asked := time.Now()
	if activity.IsActivity(ctx) {
		asked = activity.GetInfo(ctx).ScheduledTime
	}
	return db.Permit(ctx, asked)
}
