package stores

import (
	"context"
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/activities/privacy/residue"
	"meai/internal/vectors"
)

// Tenant is what the vector index holds of people, each in a tenant of their own.
type Tenant struct{ Index *vectors.Index }

// Name implements [Store].
func (*Tenant) Name() string { return tenantName }

// Count implements [Store].
func (t *Tenant) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	n, err := t.Index.Count(ctx, subject)
	return int64(n), err
}

// Sample implements [Store]: the ids of objects, and pieces of the middle of vectors as the
// index stores them.
func (t *Tenant) Sample(ctx context.Context, subject uuid.UUID, n int) (samples [][]byte, err error) {
	held, err := t.Index.Sample(ctx, subject, (n+1)/2)
	if err != nil {
		return nil, err
	}
	for _, o := range held {
		samples = append(samples, o.ID[:])
		if piece := floats(o.Vector); len(piece) > 0 {
			samples = append(samples, piece)
		}
	}
	return samples[:min(len(samples), n)], nil
}

// floats are 8 numbers of the middle of a vector, each of 32 bits, the lowest first.
func floats(vector []float32) (piece []byte) {
	const taken = 8
	if len(vector) < taken {
		return nil
	}
	middle := (len(vector) - taken) / 2
	for _, x := range vector[middle : middle+taken] {
		piece = binary.LittleEndian.AppendUint32(piece, math.Float32bits(x))
	}
	return piece
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

// Excuse returns what tells somebody else's vectors in the index's files: who said the same
// in the same words has the same vector. It excuses what was sampled of a vector in the
// folder of a tenant that there is; ids, which are nobody else's, it does not.
func (t *Tenant) Excuse(ctx context.Context) (func(residue.Finding) bool, error) {
	tenants, err := t.Index.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	live := make(map[string]bool, len(tenants))
	for _, tenant := range tenants {
		live[tenant] = true
	}
	return func(f residue.Finding) bool {
		return f.Pattern == residue.PieceOf(t.Name()) &&
			slices.ContainsFunc(strings.Split(filepath.ToSlash(f.File), "/"), func(folder string) bool { return live[folder] })
	}, nil
}
