package escalation

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// rememberTimeout bounds how long a page that was sent is brought to the ledger.
const rememberTimeout = 10 * time.Second

// remember brings to the ledger that somebody was told, after the telling: help must not
// wait for a store. Without the ledger the database knows it alone, and a restore to a
// moment before would tell it again: once too often, rather than never.
func (a *Activities) remember(ctx context.Context, in NotifyInput) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTimeout)
	defer cancel()
	s, err := a.Store.db.Serving(ctx)
	if err == nil {
		if _, err = a.Ledger.Commit(ctx, telling(in, s.Epoch)); err == nil {
			return
		}
		at := time.Now()
		err = fmt.Errorf("%w, and %w", err, a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
			return noteTold(ctx, q, in, s.Epoch, at)
		}))
	}
	a.Log.WarnContext(ctx, "the ledger does not know of a notification", "id", in.ID.String(), "error", err)
}

// telling is the ledger's act for a place that was told: one for each epoch.
func telling(in NotifyInput, epoch int64) ledger.Act {
	fields := map[string]string{
		"case": in.ID.String(), "epoch": strconv.FormatInt(epoch, 10),
		"level": strconv.Itoa(in.Level), "round": strconv.Itoa(in.Round), "target": strconv.Itoa(in.Target),
	}
	id := fmt.Sprintf("told/%s/%d/L%d/%d/%d", in.ID, epoch, in.Level, in.Round, in.Target)
	return ledger.Act{Kind: ledger.EscalationTold, ID: id, Fields: fields}
}

// ApplyTold is the [ledger.Applier] of notifications.
func ApplyTold(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	id, err := uuid.Parse(e.Fields["case"])
	number := func(name string) (n int64) {
		if err == nil {
			n, err = strconv.ParseInt(e.Fields[name], 10, 32)
		}
		return n
	}
	in := NotifyInput{ID: id, Level: int(number("level")), Round: int(number("round")), Target: int(number("target"))}
	epoch := number("epoch")
	if err != nil {
		return failure.New(failure.InvalidInput, "the ledger's entry is no notification", err)
	}
	return noteTold(ctx, q, in, epoch, e.Time)
}

func noteTold(ctx context.Context, q *queries.Queries, in NotifyInput, epoch int64, at time.Time) error {
	return q.NoteTold(ctx, queries.NoteToldParams{
		CaseID: in.ID, Epoch: epoch, Level: int16(in.Level), Round: int32(in.Round), Target: int32(in.Target), ToldAt: at,
	})
}

// toldBefore reports whether a place was told in an earlier epoch. In this one it is told
// as often as its workflow says.
func (s *Store) toldBefore(ctx context.Context, in NotifyInput) (told bool, err error) {
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		told, err = q.ToldBefore(ctx, queries.ToldBeforeParams{
			CaseID: in.ID, Level: int16(in.Level), Round: int32(in.Round), Target: int32(in.Target),
		})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look whether escalation %s was told before: %w", in.ID, err)
	}
	return told, nil
}
