// Package stores deletes what each store holds of one person, counts it and takes samples
// of it, for the erasure of that person.
//
// A store is what the data map names as one: a table, a collection, a bucket, the
// histories of workflows. Each works on its own, so that they are deleted side by side,
// and each begins again wherever it was stopped.
package stores

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// Store is a place that holds something of people.
type Store interface {
	// Name is the store's in the data map: lower case letters, digits, dots and
	// underscores, such as "postgres.sessions". It is in certificates for ever.
	Name() string
	// Count is how much the store holds of a person: rows, objects, runs. It is what
	// an erasure goes by, so it must see everything, also what the store lists late.
	Count(ctx context.Context, subject uuid.UUID) (int64, error)
	// Sample is at most n short byte strings, of 8 to 64 bytes, that are nowhere but in
	// what the store holds of the person: ids, pieces of ciphertext and of vectors. The
	// residual scan looks for them in raw files. None is plain text of theirs.
	Sample(ctx context.Context, subject uuid.UUID, n int) ([][]byte, error)
	// Delete deletes all that the store holds of a person and returns how much that was.
	// The person's erasure has begun and their keys are gone: it may not need them.
	// It goes page by page and calls beat after each with what is done so far. What was
	// deleted before it was stopped stays deleted; once more deletes what is left.
	Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (int64, error)
}

// Early is implemented by a store that reads others to find what it holds: it goes before
// them.
type Early interface{ Early() bool }

// Finder is implemented by a store that can say whom it holds something of.
type Finder interface {
	// Find hands out the people whom the store holds something of, once or more. It may
	// leave out those who are registered and not erased.
	Find(ctx context.Context, found func(uuid.UUID) error) error
}

// Once asks f for the stores until it has an answer, and then no more.
func Once(f func(context.Context) ([]Store, error)) func(context.Context) ([]Store, error) {
	var mu sync.Mutex
	var all []Store
	return func(ctx context.Context) (_ []Store, err error) {
		mu.Lock()
		defer mu.Unlock()
		if all == nil {
			all, err = f(ctx)
		}
		return all, err
	}
}
