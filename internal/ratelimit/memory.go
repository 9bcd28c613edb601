package ratelimit

import (
	"context"
	"sync"
	"time"
)

// mostInMemory bounds a [Memory] to about a megabyte.
const mostInMemory = 10_000

// Memory is a store of one process, for what need not be shared. Its error is
// always nil. The zero value is ready.
type Memory struct {
	mu  sync.Mutex
	tat map[Key]time.Time
}

// Take implements [Store]. A key for which there is no room is allowed.
func (m *Memory) Take(_ context.Context, key Key, emission, burst time.Duration) (allowed bool, ahead time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	tat, known := m.tat[key]
	if tat.Before(now) {
		tat = now
	}
	if tat.Add(emission).After(now.Add(burst)) {
		return false, tat.Sub(now), nil
	}
	tat = tat.Add(emission)
	if known || m.room(now) {
		m.tat[key] = tat
	}
	return true, tat.Sub(now), nil
}

// room forgets what limits nothing any more when there is much of it.
func (m *Memory) room(now time.Time) bool {
	if m.tat == nil {
		m.tat = map[Key]time.Time{}
	}
	if len(m.tat) >= mostInMemory {
		for key, tat := range m.tat {
			if tat.Before(now) {
				delete(m.tat, key)
			}
		}
	}
	return len(m.tat) < mostInMemory
}
