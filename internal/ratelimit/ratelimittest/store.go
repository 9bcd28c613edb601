// Package ratelimittest gives tests a limiter without an engine, which fails at will.
package ratelimittest

import (
	"context"
	"sync"
	"time"

	"meai/internal/ratelimit"
)

// Store is a [ratelimit.Memory] that can break. The zero value is ready.
type Store struct {
	memory ratelimit.Memory

	mu    sync.Mutex
	taken int
	fail  error
	hangs bool
}

// Take implements [ratelimit.Store].
func (s *Store) Take(ctx context.Context, key ratelimit.Key, emission, burst time.Duration) (bool, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hangs {
		<-ctx.Done()
		return false, 0, ctx.Err()
	}
	if s.fail != nil {
		return false, 0, s.fail
	}
	if err := ctx.Err(); err != nil {
		return false, 0, err
	}
	s.taken++
	return s.memory.Take(ctx, key, emission, burst)
}

// Breaks has every call fail, until it is given nil.
func (s *Store) Breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Hangs has every call wait until its caller gives up.
func (s *Store) Hangs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs = true
}

// Taken is how often the store was asked with success.
func (s *Store) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}
