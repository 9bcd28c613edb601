package stores

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/activities/escalation"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Covering is implemented by a store that stands for several of the data map's.
type Covering interface {
	// Covers are the names of the others.
	Covers() []string
}

// Account is what leads from an identity provider to people: their accounts, with their
// API keys and, of the staff, their roles.
type Account struct{ DB *postgres.DB }

// Name implements [Store].
func (*Account) Name() string { return tablesPrefix + "principals" }

// Covers implements [Covering].
func (*Account) Covers() []string {
	return []string{tablesPrefix + "api_keys", tablesPrefix + "role_grants"}
}

// Count implements [Store].
func (a *Account) Count(ctx context.Context, subject uuid.UUID) (n int64, err error) {
	err = a.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		n, err = q.CountAccount(ctx, subject)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the rows of an account: %w", err)
	}
	return n, nil
}

// Sample implements [Store]: the ids of API keys, and pieces of what is blinded.
func (a *Account) Sample(ctx context.Context, subject uuid.UUID, n int) (samples [][]byte, err error) {
	err = a.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		samples, err = q.SampleAccount(ctx, subject, int32(n))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take samples of an account: %w", err)
	}
	return samples, nil
}

// Delete implements [Store].
func (a *Account) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (n int64, err error) {
	err = unlessNone(ctx, a.Count, subject, func() error {
		return a.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
			n, err = q.ForgetAccount(ctx, subject)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("delete an account: %w", err)
	}
	beat(n)
	return n, nil
}

// unlessNone does something where a count is not zero: the functions that empty records
// need the person's row in the registry, which is gone when they are called once more.
func unlessNone(ctx context.Context, count func(context.Context, uuid.UUID) (int64, error), subject uuid.UUID, do func() error) error {
	n, err := count(ctx, subject)
	if err != nil || n == 0 {
		return err
	}
	return do()
}

// Records are the staff's, which outlive people: the person's alias takes the place of
// their id in approvals and decisions, and in the escalations that they handled.
type Records struct{ DB *postgres.DB }

// Name implements [Store].
func (*Records) Name() string { return tablesPrefix + "approvals" }

// Covers implements [Covering].
func (*Records) Covers() []string { return []string{tablesPrefix + "approval_decisions"} }

// Count implements [Store].
func (r *Records) Count(ctx context.Context, subject uuid.UUID) (n int64, err error) {
	err = r.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		n, err = q.CountInRecords(ctx, subject)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the records that name a person: %w", err)
	}
	return n, nil
}

// Sample implements [Store]. What stays cannot be looked for.
func (*Records) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

// Delete implements [Store].
func (r *Records) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (n int64, err error) {
	err = unlessNone(ctx, r.Count, subject, func() error {
		return r.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
			n, err = q.ForgetInRecords(ctx, subject)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("put an alias into records: %w", err)
	}
	beat(n)
	return n, nil
}

// Cases are escalations that are open. They go on and say no more whom they are about.
type Cases struct{ Store *escalation.Store }

// Name implements [Store].
func (*Cases) Name() string { return tablesPrefix + "escalation_cases" }

// Count implements [Store].
func (c *Cases) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	return c.Store.CountAbout(ctx, subject)
}

// Sample implements [Store]. What stays cannot be looked for.
func (*Cases) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

// Delete implements [Store].
func (c *Cases) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (int64, error) {
	n, err := c.Store.Forget(ctx, subject)
	beat(n)
	return n, err
}
