package quarantine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/internal/audit"
	"meai/internal/cluster"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Release ends the quarantine of a database. All fields but the last five are required.
type Release struct {
	// DB is a pool of the application's role, opened with [postgres.Options.Quarantine].
	DB *postgres.DB
	// OwnerURL connects as the owner: the application cannot end a quarantine.
	OwnerURL string
	// Temporal is a client of MeAi's namespace on the restored cluster.
	Temporal  client.Client
	Namespace string
	// Ledger applies every kind that there is, [ApplyEpoch] included, to DB.
	Ledger *ledger.Committer
	Audit  *audit.Log
	// Approved fails unless an approval allows to bring this database into service.
	Approved func(context.Context, uuid.UUID) error
	// Report is called with each step as it is done.
	Report func(Progress)
	// Queues are those whose open runs are ended.
	Queues []string

	// EraseAgain deletes again what the restore has brought back of people who are erased,
	// and returns how many people that were; nil when there is nothing to delete from.
	EraseAgain func(context.Context) (int, error)

	// OwnerTLS is as in [postgres.SecureConfig].
	OwnerTLS func(host string) *tls.Config
	// Approval is needed when the restore has named none.
	Approval uuid.UUID
	// TakeOver releases a database that was left behind: the copy that has begun a later
	// epoch then learns that it was, in turn.
	TakeOver bool
	// ResumeSchedules lets the schedules run that the release has paused.
	ResumeSchedules bool
}

// Progress is one step of a release.
type Progress struct {
	// Step is "schedules", "runs", "ledger", "erased", "epoch", "audit", "serving" or "resumed".
	Step, Detail string
}

var (
	// ErrLeftBehind: another copy serves in a later epoch.
	ErrLeftBehind = errors.New("quarantine: another database has begun a later write epoch, and this one was left behind")
	// ErrApproval: nobody has allowed it, or not this.
	ErrApproval = errors.New("quarantine: there is no approval to bring this database into service")
	// ErrOvertaken: another copy began an epoch while this one was being released.
	ErrOvertaken = errors.New("quarantine: another database has begun a write epoch meanwhile: run the release again if this one is to serve")
)

// Run goes through the steps in their order. Each can be repeated, so after whatever
// stopped it, Run begins again and does what is missing. It returns the state at its
// end; for a database that serves, at once.
func (r *Release) Run(ctx context.Context) (postgres.State, error) {
	s, err := r.DB.State(ctx)
	if err != nil {
		return s, err
	}
	if s.Quarantined {
		if err := r.release(ctx, s); err != nil {
			return s, fmt.Errorf("release %s from quarantine: %w", s.Restore, err)
		}
	}
	if r.ResumeSchedules {
		if err := r.resume(ctx); err != nil {
			return s, err
		}
	}
	return r.DB.State(ctx)
}

func (r *Release) release(ctx context.Context, s postgres.State) error {
	if Reason(s.Reason) == LeftBehind && !r.TakeOver {
		return fmt.Errorf("%w (epoch %d): release it only if the other one is gone for good", ErrLeftBehind, s.Epoch)
	}
	approval := r.Approval
	switch {
	case approval == uuid.Nil:
		approval = s.Approval
	case s.Approval != uuid.Nil && s.Approval != approval:
		return fmt.Errorf("%w: the restore has another one, %s", ErrApproval, s.Approval)
	}
	if s.Approval = approval; approval == uuid.Nil {
		return fmt.Errorf("%w: the restore has named none", ErrApproval)
	}
	for _, step := range []func(context.Context, postgres.State) error{
		r.pause, r.endRuns, r.replay, r.eraseAgain, r.beginEpoch, r.record, r.serve,
	} {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *Release) did(step, format string, args ...any) {
	r.Report(Progress{step, fmt.Sprintf(format, args...)})
}

// pause comes first: schedules start what was due since the restore point.
func (r *Release) pause(ctx context.Context, s postgres.State) error {
	paused := 0
	err := cluster.Pause(ctx, r.Temporal, s.Restore, func(id string) {
		paused++
		r.did("schedules", "paused %s", id)
	})
	if err == nil {
		r.did("schedules", "%d paused", paused)
	}
	return err
}

// replay brings what the ledger knows into the database, the approval included.
func (r *Release) replay(ctx context.Context, s postgres.State) error {
	applied, err := r.Ledger.Replay(ctx)
	if err != nil {
		return fmt.Errorf("replay the ledger: %w", err)
	}
	r.did("ledger", "%d entries applied", applied)
	if err := r.Approved(ctx, s.Approval); err != nil {
		return fmt.Errorf("%w: %w", ErrApproval, err)
	}
	return r.endErased(ctx, s)
}

// eraseAgain deletes what came back of people who are erased, before anybody can see it.
func (r *Release) eraseAgain(ctx context.Context, _ postgres.State) error {
	if r.EraseAgain == nil {
		return nil
	}
	people, err := r.EraseAgain(ctx)
	if err != nil {
		return fmt.Errorf("erase again whoever is erased: %w", err)
	}
	r.did("erased", "what came back of %d people who are erased was deleted", people)
	return nil
}

// beginEpoch writes the new epoch to the ledger first. Whoever is left on an older copy
// of the database learns of it there.
func (r *Release) beginEpoch(ctx context.Context, s postgres.State) error {
	now, err := r.DB.State(ctx)
	if err != nil {
		return err
	}
	if now.BegunBy != s.Restore {
		loss, err := r.Audit.Lose(ctx, now.Epoch+1, now.AuditKept)
		if err != nil {
			return err
		}
		now.Approval = s.Approval
		if _, err := r.Ledger.Commit(ctx, beginning(now, loss)); err != nil {
			return fmt.Errorf("begin write epoch %d: %w", loss.Epoch, err)
		}
		if now, err = r.DB.State(ctx); err != nil {
			return err
		}
		if now.BegunBy != s.Restore {
			return ErrOvertaken
		}
	}
	r.did("epoch", "%d begun", now.Epoch)
	return nil
}

// record writes to the audit log, which goes on from what was kept, what was done to it.
func (r *Release) record(ctx context.Context, s postgres.State) error {
	object, err := r.Audit.Object(ctx, audit.Backup, s.Restore)
	if err != nil {
		return err
	}
	act := audit.Restored
	if Reason(s.Reason) != Restored {
		act = audit.FailedOver
	}
	err = r.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return audit.AppendOnce(ctx, q, audit.Entry{
			Actor: actor, Role: "system", Act: act, Kind: audit.Backup, Object: object, Outcome: audit.Succeeded,
			Reason: s.Reason, Request: s.Restore, Approval: s.Approval.String(),
		})
	})
	if err != nil {
		return fmt.Errorf("record the restore: %w", err)
	}
	c, err := r.Audit.Checkpoint(ctx, r.Ledger)
	if err != nil {
		return fmt.Errorf("sign the audit log: %w", err)
	}
	r.did("audit", "signed anew: %d entries", c.Size)
	return nil
}

// serve lets the database serve, as its owner.
func (r *Release) serve(ctx context.Context, s postgres.State) (err error) {
	conn, err := postgres.Connect(ctx, r.OwnerURL, r.OwnerTLS)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	ended, err := queries.New(conn).EndQuarantine(ctx, s.Restore)
	if err != nil {
		return fmt.Errorf("end the quarantine: %w", err)
	}
	if !ended {
		return ErrOvertaken
	}
	r.did("serving", "the database serves; start the processes")
	return nil
}

func (r *Release) resume(ctx context.Context) error {
	return cluster.Resume(ctx, r.Temporal, func(id, _ string) { r.did("resumed", "%s", id) })
}
