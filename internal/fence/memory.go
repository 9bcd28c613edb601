package fence

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is the register in this process, for tests and the model: what it does is what etcd does, at moments that a
// clock of its own tells. It notices what expired when it is asked something, or by [Memory.Tick].
type Memory struct {
	mu       sync.Mutex
	server   Clock // by which leases expire
	client   Clock // of who asks
	revision int64
	now      Snapshot
	primary  int64 // the lease of the key "primary"
	leases   []memoryLease
	lastID   int64
	said     map[string]said // what agents, observers and runners say, by name
	entries  map[string]json.RawMessage
	notes    map[string]json.RawMessage
	claim    string
	watchers map[chan struct{}]struct{}
	runners  map[int64]*memoryRunner // by their leases
}

type memoryLease struct {
	id      int64
	ttl     time.Duration
	expires Instant
}

type said struct {
	value any
	lease int64
}

var _ Register = (*Memory)(nil)

// NewMemory is an empty register. Leases expire by the server's clock and count by the client's.
func NewMemory(server, client Clock) *Memory {
	return &Memory{
		server: server, client: client, said: map[string]said{}, entries: map[string]json.RawMessage{}, notes: map[string]json.RawMessage{},
		watchers: map[chan struct{}]struct{}{}, runners: map[int64]*memoryRunner{},
	}
}

// lock begins a call: what expired by now is gone.
func (m *Memory) lock() {
	m.mu.Lock()
	now := m.server()
	for i := 0; i < len(m.leases); {
		if m.leases[i].expires <= now {
			m.drop(m.leases[i].id)
			continue
		}
		i++
	}
}

// drop ends a lease with what hangs on it.
func (m *Memory) drop(id int64) {
	m.leases = slices.DeleteFunc(m.leases, func(l memoryLease) bool { return l.id == id })
	if m.primary == id {
		m.primary, m.now.Primary = 0, Entry[Holder]{}
		m.changed()
	}
	for name, s := range m.said {
		if s.lease == id {
			delete(m.said, name)
		}
	}
	if runner, ok := m.runners[id]; ok {
		close(runner.lost)
		delete(m.runners, id)
	}
}

func (m *Memory) lease(id int64) *memoryLease {
	for i := range m.leases {
		if m.leases[i].id == id {
			return &m.leases[i]
		}
	}
	return nil
}

func (m *Memory) grant(ttl time.Duration) int64 {
	m.lastID++
	m.leases = append(m.leases, memoryLease{id: m.lastID, ttl: ttl, expires: m.server().Add(ttl)})
	return m.lastID
}

// changed makes a revision and tells who watches.
func (m *Memory) changed() int64 {
	m.revision++
	m.now.Revision = m.revision
	for w := range m.watchers {
		select {
		case w <- struct{}{}:
		default: // one is waiting already
		}
	}
	return m.revision
}

// Tick notices what expired.
func (m *Memory) Tick() {
	m.lock()
	m.mu.Unlock()
}

// Read is what the register says now.
func (m *Memory) Read(context.Context) (Snapshot, error) {
	m.lock()
	defer m.mu.Unlock()
	return m.now, nil
}

// Watch signals after each change of what Read returns.
func (m *Memory) Watch(ctx context.Context) <-chan struct{} {
	m.lock()
	defer m.mu.Unlock()
	signals := make(chan struct{}, 1)
	signals <- struct{}{}
	m.watchers[signals] = struct{}{}
	context.AfterFunc(ctx, func() {
		m.lock()
		defer m.mu.Unlock()
		delete(m.watchers, signals)
		close(signals)
	})
	return signals
}

// Begin writes the first desired record and the mode.
func (m *Memory) Begin(_ context.Context, region string, mode Replication) error {
	m.lock()
	defer m.mu.Unlock()
	if m.now.Desired.Exists() {
		return ErrConflict
	}
	revision := m.changed()
	m.now.Desired = Entry[Desired]{Value: Desired{Region: region, Epoch: 1}, Revision: revision}
	m.now.Mode = Entry[Mode]{Value: Mode{Replication: mode, Region: region, Epoch: 1}, Revision: revision}
	return nil
}

// Change replaces the desired record.
func (m *Memory) Change(_ context.Context, read Snapshot, to Desired) error {
	m.lock()
	defer m.mu.Unlock()
	if isChanged(m.now, to) {
		return nil
	}
	same := m.now.Desired.Revision == read.Desired.Revision && m.now.Mode.Revision == read.Mode.Revision &&
		m.now.Last.Revision == read.Last.Revision
	_, withdrawn := m.entries[to.Failover+"/"+Withdrawn]
	if !same || withdrawn || !mayChange(read, to) {
		return ErrConflict
	}
	m.now.Desired = Entry[Desired]{Value: to, Revision: m.changed()}
	return nil
}

// Grant takes a lease for the key "primary".
func (m *Memory) Grant(_ context.Context, ttl time.Duration) (Lease, error) {
	sent := m.client() // before it is asked for
	m.lock()
	defer m.mu.Unlock()
	return Lease{ID: m.grant(ttl), Sent: sent, TTL: ttl}, nil
}

// Acquire makes the holder primary under the lease.
func (m *Memory) Acquire(_ context.Context, read Snapshot, lease Lease, holder Holder) (Snapshot, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.now.Primary.Exists() && m.now.Primary.Value == holder {
		return m.now, nil
	}
	desired := m.now.Desired.Revision == read.Desired.Revision &&
		read.Desired.Value.Region == holder.Region && read.Desired.Value.Epoch == holder.Epoch
	if m.now.Primary.Exists() || m.now.Last.Revision != read.Last.Revision || !desired {
		return Snapshot{}, ErrConflict
	}
	if m.lease(lease.ID) == nil {
		return Snapshot{}, ErrLost
	}
	m.primary = lease.ID
	revision := m.changed()
	m.now.Primary = Entry[Holder]{Value: holder, Revision: revision}
	m.now.Last = Entry[Last]{Value: m.now.Last.Value.followed(holder), Revision: revision}
	return m.now, nil
}

// Renew renews the lease and reads then.
func (m *Memory) Renew(_ context.Context, lease Lease) (Lease, Snapshot, error) {
	sent := m.client() // before it is asked for
	m.lock()
	defer m.mu.Unlock()
	is := m.lease(lease.ID)
	if is == nil {
		return lease, Snapshot{}, ErrLost
	}
	is.expires = m.server().Add(is.ttl)
	return Lease{ID: lease.ID, Sent: sent, TTL: is.ttl}, m.now, nil
}

// Release records the proof for the last holder and removes the key "primary".
func (m *Memory) Release(_ context.Context, holder Holder, lease Lease, proof Proof) error {
	m.lock()
	defer m.mu.Unlock()
	if !m.now.Last.Exists() || m.now.Last.Value.Holder != holder {
		return ErrConflict
	}
	if !m.now.Last.Value.Stopped {
		m.now.Last.Revision = m.changed()
		m.now.Last.Value.Stopped, m.now.Last.Value.Proof = true, proof
		m.primary, m.now.Primary = 0, Entry[Holder]{}
	}
	m.drop(lease.ID)
	return nil
}

// SetMode changes the mode.
func (m *Memory) SetMode(_ context.Context, read Snapshot, holder Holder, mode Mode) error {
	m.lock()
	defer m.mu.Unlock()
	if sameMode(m.now.Mode.Value, mode) && maySetMode(m.now, holder) {
		return nil
	}
	same := m.now.Desired.Revision == read.Desired.Revision && m.now.Primary.Revision == read.Primary.Revision &&
		m.now.Mode.Revision == read.Mode.Revision
	if !same || !maySetMode(read, holder) {
		return ErrConflict
	}
	m.now.Mode = Entry[Mode]{Value: mode, Revision: m.changed()}
	return nil
}

// say keeps a record for as long as its word counts.
func (m *Memory) say(name string, value any) {
	m.lock()
	defer m.mu.Unlock()
	if is := m.lease(m.said[name].lease); is != nil {
		is.expires = m.server().Add(is.ttl)
		m.said[name] = said{value: value, lease: is.id}
		return
	}
	m.said[name] = said{value: value, lease: m.grant(AnnounceTTL)}
}

// Announce says how an agent is.
func (m *Memory) Announce(_ context.Context, status AgentStatus) error {
	m.say(underAgents+status.Region, status)
	return nil
}

// Judge says what an observer sees.
func (m *Memory) Judge(_ context.Context, verdict Verdict) error {
	m.say(underObservers+verdict.Site, verdict)
	return nil
}

// Agents are the agents that announced themselves lately.
func (m *Memory) Agents(context.Context) (map[string]AgentStatus, error) {
	return listSaid[AgentStatus](m, underAgents), nil
}

// Verdicts are those of the observers that judged lately.
func (m *Memory) Verdicts(context.Context) (map[string]Verdict, error) {
	return listSaid[Verdict](m, underObservers), nil
}

func listSaid[T any](m *Memory, under string) map[string]T {
	m.lock()
	defer m.mu.Unlock()
	records := map[string]T{}
	for name, s := range m.said {
		if rest, ok := strings.CutPrefix(name, under); ok {
			records[rest] = s.value.(T)
		}
	}
	return records
}
