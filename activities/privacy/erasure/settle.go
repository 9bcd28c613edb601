package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/activities/privacy/datamap"
	"meai/internal/postgres/queries"
)

// Retained is how long is kept what nobody can delete from, and what expires by itself.
type Retained struct {
	// Logs are those of applications.
	Logs time.Duration
	// Backups are those of databases, with their copies; 0 when there are none.
	Backups time.Duration
	// Audit and Register are the audit log and the register of requests; 0 for good.
	Audit, Register time.Duration
}

// RetainedBy are the times that the data map names, without those of backups, which are in
// the configuration.
func RetainedBy(m datamap.Map) Retained {
	of := func(store string) time.Duration {
		s, _ := m.Store(store)
		r, _ := m.Retention(s.Retention)
		return time.Duration(r.Days) * 24 * time.Hour
	}
	return Retained{Logs: of("logs"), Audit: of("audit_log"), Register: of("privacy_requests")}
}

// until are the stages that come later, with when they are reached at the earliest.
func (r Retained) until(row queries.Erasure, of Stage) map[Stage]time.Time {
	erased := orZero(row.ErasedAt).UTC().Truncate(time.Second)
	all := map[Stage]time.Time{Logs: erased.Add(r.Logs), Backups: erased.Add(r.Backups)}
	if of != Live {
		return map[Stage]time.Time{of: all[of]}
	}
	return all
}

// Settled counts what a run has found.
type Settled struct {
	// Issued are certificates of later stages; Open are erasures that wait for one.
	Issued int `json:"issued"`
	Open   int `json:"open"`
}

// Settle issues the certificates of stages that were reached since.
func (a *Activities) Settle(ctx context.Context, _ struct{}) (done Settled, err error) {
	var rows []queries.Erasure
	err = a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.UnsettledErasures(ctx)
		return err
	})
	if err != nil {
		return done, fmt.Errorf("list erasures that wait for a certificate: %w", err)
	}
	var failed []error
	for _, row := range rows {
		issued, open, err := a.settle(ctx, row)
		if err != nil { // one that fails keeps no other waiting
			failed = append(failed, fmt.Errorf("settle erasure %s: %w", row.ID, err))
		}
		done.Issued += issued
		if open {
			done.Open++
		}
		heartbeat(ctx)
	}
	return done, errors.Join(failed...)
}

func (a *Activities) settle(ctx context.Context, row queries.Erasure) (issued int, open bool, err error) {
	now := time.Now()
	for stage, at := range a.Store.Retained.until(row, Live) {
		reached, err := a.reached(ctx, row, stage, at, now)
		if err != nil {
			return issued, false, err
		}
		if !reached {
			open = true
			continue
		}
		c, err := a.Store.certificate(row, stage, now)
		if err != nil {
			return issued, false, err
		}
		note, err := a.Store.sign(ctx, c)
		if err != nil {
			return issued, false, err
		}
		err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
			fresh, err := q.InsertCertificate(ctx, queries.InsertCertificateParams{Erasure: row.ID, Stage: string(stage), Note: note, IssuedAt: now})
			issued += int(fresh)
			return err
		})
		if err != nil {
			return issued, false, err
		}
	}
	if open {
		return issued, true, nil
	}
	return issued, false, a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return q.SettleErasure(ctx, now, row.ID)
	})
}

// reached reports whether nothing is left of a stage.
func (a *Activities) reached(ctx context.Context, row queries.Erasure, stage Stage, at, now time.Time) (bool, error) {
	if now.Before(at) {
		return false, nil
	}
	if stage != Backups || a.Backups == nil {
		return true, nil
	}
	kept, err := a.Backups(ctx, orZero(row.ErasedAt)) // a backup may be held longer than others
	return !kept && err == nil, err
}
