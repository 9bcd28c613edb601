// Package ratelimittest gives tests a limiter without an engine.
package ratelimittest

import (
	"context"
	"sync"
	"time"

	"meai/internal/ratelimit"
)

// Memory is a [ratelimit.Store] in this process, held to the same tests as the
// real ones. The zero value is ready.
type Memory struct {
	mu    sync.Mutex
	tat   map[ratelimit.Key]time.Time
	taken int
	fail  error
	hangs bool
}

// Take implements [ratelimit.Store].
func (m *Memory) Take(ctx context.Context, key ratelimit.Key, emission, burst time.Duration) (bool, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hangs {
		<-ctx.Done()
		return false, 0, ctx.Err()
	}
	if m.fail != nil {
		return false, 0, m.fail
	}
	m.taken++
	if m.tat == nil {
		m.tat = map[ratelimit.Key]time.Time{}
	}
	now := time.Now()
	tat := m.tat[key]
	if tat.Before(now) {
		tat = now
	}
	if tat.Add(emission).After(now.Add(burst)) {
		return false, tat.Sub(now), nil
	}
	m.tat[key] = tat.Add(emission)
	return true, tat.Add(emission).Sub(now), nil
}

// Breaks has every call fail, until it is given nil.
func (m *Memory) Breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Hangs has every call wait until its caller gives up.
func (m *Memory) Hangs() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hangs = true
}

// Taken is how often the store was asked with success.
func (m *Memory) Taken() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken
}
