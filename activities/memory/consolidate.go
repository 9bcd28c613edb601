package memory

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// pageSize bounds what one transaction of the consolidation embeds and copies.
const pageSize = 64

// Consolidate completes what an outage had skipped and finds recurring patterns.
// Every page it finishes is kept, so a retry goes on where it stopped. Input and
// result hold no words, because they are not sealed under the person's key.
func (a *Activities) Consolidate(ctx context.Context, in ConsolidateInput) (Consolidated, error) {
	if in.Subject == uuid.Nil {
		return Consolidated{}, failure.New(failure.InvalidInput, "consolidation needs a subject", nil)
	}
	ctx, agreed, err := a.agreed(ctx, in.Subject)
	if err != nil || !agreed {
		return Consolidated{}, err // what is there stays as it is
	}
	_, err = a.keys.Keys(ctx, in.Subject)
	if failure.Is(err, failure.KeyMissing) {
		return Consolidated{}, nil // registered, but nothing was ever told
	}
	if err != nil {
		return Consolidated{}, fmt.Errorf("consolidate the memories of %s: %w", in.Subject, err)
	}
	var done Consolidated
	// Patterns first: what they add is indexed with the rest.
	if a.patterns == nil || a.patterns(ctx) {
		if err := a.findPatterns(ctx, in.Subject, &done); err != nil {
			return Consolidated{}, fmt.Errorf("find patterns of %s: %w", in.Subject, err)
		}
	}
	if done.Vectors, err = a.completeIndex(ctx, in.Subject); err != nil {
		return Consolidated{}, fmt.Errorf("complete the index of %s: %w", in.Subject, err)
	}
	repaired, err := a.noticeLoss(ctx, in.Subject)
	if err != nil {
		return Consolidated{}, fmt.Errorf("compare the index of %s with the rows: %w", in.Subject, err)
	}
	done.Vectors += repaired
	return done, nil
}

// agreed reports whether a person lets the nights work with their memories, and under which
// context. While nobody knows it fails.
func (a *Activities) agreed(ctx context.Context, subject uuid.UUID) (context.Context, bool, error) {
	if a.permit == nil {
		return ctx, true, nil
	}
	permitted, err := a.permit(ctx, subject)
	switch {
	case failure.Is(err, failure.ConsentMissing), failure.Is(err, failure.ProcessingRestricted):
		return ctx, false, nil
	case err != nil:
		return ctx, false, err
	}
	return permitted, true, nil
}

// noticeLoss repairs the index when it does not hold as many memories as the rows say,
// as after its loss or when an older copy was restored, and returns how many it was
// given. It counts only: [Activities.Repair] looks at each, once a week.
func (a *Activities) noticeLoss(ctx context.Context, subject uuid.UUID) (int, error) {
	var given int64
	err := a.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		given, err = q.CountIndexed(ctx, subject)
		return err
	})
	if err != nil {
		return 0, err
	}
	held, err := a.index.Count(ctx, subject)
	if err != nil || int64(held) == given {
		return 0, err
	}
	a.log.WarnContext(ctx, "the vector index holds not what it was given; it is repaired", "subject", subject, "held", held, "given", given)
	done := Repaired{}
	for more := true; more && err == nil; more = done.Next != uuid.Nil {
		err = a.repairPage(ctx, subject, &done)
		a.heartbeat(ctx)
	}
	return done.Missing + done.Stale, err
}

// completeIndex copies everything that the index lacks, and embeds again what
// another model had embedded. What may not be embedded is left out.
func (a *Activities) completeIndex(ctx context.Context, subject uuid.UUID) (int, error) {
	total, embedded := 0, false
	for {
		ids, err := a.backlog(ctx, subject, embedded)
		if err != nil || len(ids) == 0 {
			return total, err
		}
		done, err := a.indexNodes(ctx, subject, ids, withFollowed, func(context.Context, *queries.Queries) error { return nil })
		if err != nil {
			return total, err
		}
		total += done.nodes
		switch {
		case done.withheld:
			embedded = true // those that have their vectors are left
		case done.nodes == 0:
			return total, fmt.Errorf("none of %d memories could be indexed", len(ids))
		}
		a.heartbeat(ctx)
	}
}

// backlog is the next page of memories that the index lacks or holds by another model, or
// of those among them that are embedded.
func (a *Activities) backlog(ctx context.Context, subject uuid.UUID, embedded bool) (ids []uuid.UUID, err error) {
	err = a.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		ids, err = q.MemoriesToIndex(ctx, queries.MemoriesToIndexParams{SubjectID: subject, Model: a.embedder.Model(), Embedded: embedded, AtMost: pageSize})
		if err != nil {
			return fmt.Errorf("list memories to index: %w", err)
		}
		return nil
	})
	return ids, err
}

// heartbeat tells Temporal that a long activity is alive, and how far it is; outside
// of one, nobody.
func (a *Activities) heartbeat(ctx context.Context, progress ...any) {
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx, progress...)
	}
}
