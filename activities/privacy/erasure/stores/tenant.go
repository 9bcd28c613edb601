package stores

import (
	"context"

	"github.com/google/uuid"

	"meai/internal/vectors"
)

// Tenant is what the vector index holds of people, each in a tenant of their own.
type Tenant struct{ Index *vectors.Index }

// Name implements [Store].
func (*Tenant) Name() string { return "weaviate.memory" }

// Count implements [Store].
func (t *Tenant) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	n, err := t.Index.Count(ctx, subject)
	return int64(n), err
}

// Sample implements [Store]: the ids of objects.
func (t *Tenant) Sample(ctx context.Context, subject uuid.UUID, n int) ([][]byte, error) {
	held, err := t.Index.List(ctx, subject, uuid.Nil, n)
	if err != nil {
		return nil, err
	}
	var samples [][]byte
	for _, h := range held {
		samples = append(samples, h.ID[:])
	}
	return samples, nil
}

// Delete implements [Store].
func (t *Tenant) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (int64, error) {
	n, err := t.Count(ctx, subject)
	if err != nil {
		return 0, err
	}
	beat(0)
	return n, t.Index.DeleteTenant(ctx, subject)
}
