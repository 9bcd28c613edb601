package fence

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// Claim makes the failover the only one under way.
func (m *Memory) Claim(_ context.Context, failover string) (string, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.claim != "" && m.claim != failover {
		return m.claim, ErrHeld
	}
	m.claim = failover
	return failover, nil
}

// Disclaim ends a claim.
func (m *Memory) Disclaim(_ context.Context, failover string) error {
	m.lock()
	defer m.mu.Unlock()
	if m.claim == failover {
		m.claim = ""
	}
	return nil
}

// Claimed is the failover under way, or empty.
func (m *Memory) Claimed(context.Context) (string, error) {
	m.lock()
	defer m.mu.Unlock()
	return m.claim, nil
}

// Entries are a failover's entries by name.
func (m *Memory) Entries(_ context.Context, failover string) (map[string]json.RawMessage, error) {
	m.lock()
	defer m.mu.Unlock()
	entries := map[string]json.RawMessage{}
	for name, value := range m.entries {
		if rest, ok := strings.CutPrefix(name, failover+"/"); ok {
			entries[rest] = value
		}
	}
	return entries, nil
}

// Failovers are the ids of all failovers that have entries.
func (m *Memory) Failovers(context.Context) ([]string, error) {
	m.lock()
	defer m.mu.Unlock()
	ids := make([]string, 0)
	for name := range m.entries {
		id, _, _ := strings.Cut(name, "/")
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Note keeps something under a name.
func (m *Memory) Note(_ context.Context, name string, note json.RawMessage) error {
	m.lock()
	defer m.mu.Unlock()
	m.notes[name] = note
	return nil
}

// Notes are those whose names begin with a prefix.
func (m *Memory) Notes(_ context.Context, prefix string) (map[string]json.RawMessage, error) {
	m.lock()
	defer m.mu.Unlock()
	found := map[string]json.RawMessage{}
	for name, note := range m.notes {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			found[rest] = note
		}
	}
	return found, nil
}

// memoryRunner is a runner whose lease is renewed by what it records alone, so that tests can let it end.
type memoryRunner struct {
	register *Memory
	failover string
	lease    int64
	lost     chan struct{}
}

// Elect makes the caller the failover's only runner.
func (m *Memory) Elect(_ context.Context, failover, name string) (Runner, error) {
	m.lock()
	defer m.mu.Unlock()
	key := underFailovers + failover + "/" + runnerEntry
	if _, held := m.said[key]; held {
		return nil, ErrHeld
	}
	r := &memoryRunner{register: m, failover: failover, lease: m.grant(RunnerTTL), lost: make(chan struct{})}
	m.said[key], m.runners[r.lease] = said{value: name, lease: r.lease}, r
	return r, nil
}

// Record writes an entry once.
func (r *memoryRunner) Record(_ context.Context, name string, value json.RawMessage) (json.RawMessage, bool, error) {
	m := r.register
	m.lock()
	defer m.mu.Unlock()
	key := r.failover + "/" + name
	if stored, there := m.entries[key]; there {
		return stored, false, nil
	}
	lease := m.lease(r.lease)
	if lease == nil {
		return nil, false, ErrLost
	}
	lease.expires = m.server().Add(lease.ttl)
	m.entries[key] = value
	return value, true, nil
}

// Lost is closed when somebody else may run the failover.
func (r *memoryRunner) Lost() <-chan struct{} { return r.lost }

// Close lets others run it.
func (r *memoryRunner) Close(context.Context) error {
	r.register.lock()
	defer r.register.mu.Unlock()
	r.register.drop(r.lease)
	return nil
}
