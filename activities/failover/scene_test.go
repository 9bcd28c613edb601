package failover_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/fence"
)

// scene is a register in memory, two agents that do what the register says at once, and
// servers that answer as they would.
type scene struct {
	t        *testing.T
	mu       sync.Mutex
	clock    fence.Instant // of the register, by which leases end
	register *fence.Memory
	mode     fence.Replication
	servers  map[string]*server
	places   map[string]*place
	// alive agents announce themselves; one that is not does nothing.
	alive map[string]bool
	// down has the server of whoever takes over not come up; idle has nobody take over.
	down, idle bool
	// lost is what the observers say of region a.
	lost bool
	// ill has one observer, at site c, call region b ill.
	ill bool
	// lag is what the agents say of theirs, three seconds before the primary falls ill.
	lag float64
	// routed are the notices, in order.
	routed []failover.Notice
}

// server answers for PostgreSQL.
type server struct {
	standing failover.Standing
	replica  failover.Replica
	refusal  string
	err      error
	has      map[uuid.UUID]bool
}

func (s *server) InRecovery(context.Context) (bool, error) { return s.standing.InRecovery, s.err }
func (s *server) Standing(context.Context) (failover.Standing, error) {
	return s.standing, s.err
}
func (s *server) Replica(context.Context) (failover.Replica, error) { return s.replica, s.err }
func (s *server) Beat(context.Context) error                        { return s.err }
func (s *server) Canary(context.Context) (string, error)            { return "0/1", s.err }
func (s *server) Refusal(context.Context) (string, error) {
	if s.refusal == "" {
		return "", failover.ErrTwoWriters
	}
	return s.refusal, nil
}

func (s *server) Present(_ context.Context, page []failover.Acknowledged) (map[uuid.UUID]bool, error) {
	there := map[uuid.UUID]bool{}
	for _, a := range page {
		if s.has[a.Interaction] {
			there[a.Interaction] = true
		}
	}
	return there, s.err
}

// place answers for all else of a region.
type place struct {
	scene       *scene
	quarantined bool
	released    []uuid.UUID // the approvals, of releases that had an effect
	repaired    []uuid.UUID
	approvals   map[uuid.UUID]string // to whom each was given, "" while nobody has used it
	keyring     error
}

func (p *place) Approve(_ context.Context, id uuid.UUID, region, by string) error {
	used, given := p.approvals[id]
	if !given || region != "b" || used != "" && used != by {
		return failure.New(failure.NotAllowed, "not this one", nil)
	}
	p.approvals[id] = by
	return nil
}
func (p *place) Keyring(context.Context) error         { return p.keyring }
func (p *place) Temporal(context.Context) (int, error) { return 7, nil }
func (p *place) Release(_ context.Context, _, approval uuid.UUID) (int64, bool, error) {
	if p.quarantined {
		p.quarantined = false
		p.released = append(p.released, approval)
	}
	return 2, len(p.released) > 0, nil
}
func (p *place) Repair(_ context.Context, id uuid.UUID) error {
	if !slices.Contains(p.repaired, id) {
		p.repaired = append(p.repaired, id)
	}
	return nil
}
func (p *place) Sign(_ context.Context, text string) ([]byte, error) {
	return []byte(text + "signed\n"), nil
}
func (p *place) Close() error { return nil }

// newScene has region a serve, and b follow it.
func newScene(t *testing.T, mode fence.Replication) *scene {
	s := &scene{t: t, mode: mode, lost: true, lag: -1, alive: map[string]bool{"a": true, "b": true}, servers: map[string]*server{
		"a": {standing: failover.Standing{Timeline: 3}, refusal: failover.RefusedReadOnly},
		"b": {standing: failover.Standing{InRecovery: true, Timeline: 4}, replica: failover.Replica{Newest: at(-1), Streaming: true}},
	}}
	s.places = map[string]*place{"a": {scene: s, approvals: map[uuid.UUID]string{}}, "b": {scene: s}}
	clock := func() fence.Instant { s.mu.Lock(); defer s.mu.Unlock(); return s.clock }
	s.register = fence.NewMemory(clock, clock)
	require.NoError(t, s.register.Begin(t.Context(), "a", mode))
	s.agents(t.Context())
	return s
}

// pass lets time go by for the register: runners that do not move lose their election.
func (s *scene) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// agents do what agents do when they see what the register says, and observers say what they see.
func (s *scene) agents(ctx context.Context) {
	t, r := s.t, s.register
	now, err := r.Read(ctx)
	require.NoError(t, err)
	to, held := now.Desired.Value, now.Primary.Value
	if held.Region != to.Region || held.Epoch != to.Epoch {
		if s.alive[to.Region] && !(s.idle && to.Epoch > 1) {
			s.takeOver(ctx, now)
		}
	}
	for _, region := range []string{"a", "b"} {
		if !s.alive[region] {
			continue
		}
		status := fence.AgentStatus{Region: region, Role: fence.RoleStandby, Epoch: to.Epoch, Timeline: int64(s.servers[to.Region].standing.Timeline), Received: 100, Replayed: 100, Lag: s.lag, At: at(-3)}
		if region == to.Region {
			status.Role, status.Open = fence.RolePrimary, !s.down
		}
		require.NoError(t, r.Announce(ctx, status))
	}
	for _, site := range []string{"a", "b", "c"} {
		require.NoError(t, r.Judge(ctx, fence.Verdict{Site: site, Regions: map[string]fence.Health{
			"a": {Healthy: !s.lost || to.Region == "b", Reason: "refused", Since: at(0)}, "b": {Healthy: !s.ill || site != "c"},
		}}))
	}
}

func (s *scene) takeOver(ctx context.Context, now fence.Snapshot) {
	t, r, to := s.t, s.register, now.Desired.Value
	if now.Primary.Exists() {
		require.NoError(t, r.Release(ctx, now.Primary.Value, fence.Lease{}, fence.Proof{At: at(1)}))
	}
	lease, err := r.Grant(ctx, 8*time.Hour)
	require.NoError(t, err)
	now, err = r.Read(ctx)
	require.NoError(t, err)
	_, err = r.Acquire(ctx, now, lease, fence.Holder{Region: to.Region, Epoch: to.Epoch, Nonce: uuid.NewString()})
	require.NoError(t, err)
	other := map[string]string{"a": "b", "b": "a"}[to.Region]
	s.servers[to.Region].standing = failover.Standing{Timeline: s.servers[to.Region].standing.Timeline + 1}
	s.servers[to.Region].refusal = ""
	s.servers[other].standing = failover.Standing{InRecovery: true, Timeline: s.servers[to.Region].standing.Timeline}
	s.servers[other].refusal = failover.RefusedReadOnly
	if to.Epoch > 1 {
		s.servers[other].replica = failover.Replica{Newest: at(5), Streaming: true}
	}
	s.places[to.Region].quarantined = to.Epoch > 1 && !to.Lossless && !to.Handover
}

// controller is a runner of its own, whose process ends at some call; never for 0.
func (s *scene) controller(dies int) (*failover.Controller, *life) {
	l := &life{left: dies}
	l.ctx, l.end = context.WithCancel(s.t.Context())
	s.t.Cleanup(l.end)
	databases := map[string]failover.Server{}
	for region, is := range s.servers {
		databases[region] = mortalServer{is, l}
	}
	return &failover.Controller{
		Register: &mortal{Memory: s.register, life: l, scene: s}, Databases: databases,
		Open: func(_ context.Context, region string) (failover.Place, error) {
			return mortalPlace{s.places[region], l}, l.call(func() error { return nil })
		},
		Limits: failover.Limits{RPO: 5 * time.Second, Replay: 1 << 20}, Rules: failover.Rules{Sites: 3},
		Route: func(_ context.Context, n failover.Notice) error {
			return l.call(func() error { s.routed = append(s.routed, n); return nil })
		},
		Name: "test", Logger: enginetest.Logger(s.t), Every: time.Microsecond, Now: func() time.Time { return at(5) },
	}, l
}

// life is a process that ends before or after what its last call does.
type life struct {
	mu    sync.Mutex
	left  int
	calls int
	dead  bool
	// ctx ends with the process.
	ctx context.Context
	end context.CancelFunc
}

var errDead = errors.New("the runner's process has ended")

// call does one thing that others see. The one at which the process ends happens or not, by
// whether it is odd.
func (l *life) call(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	l.calls++
	if l.left > 0 && l.calls == (l.left+1)/2 {
		l.dead = true
		l.end()
		if l.left%2 == 0 {
			if err := do(); err != nil {
				return err
			}
		}
		return errDead
	}
	return do()
}

// mortal is the register as a process that may end sees it.
type mortal struct {
	*fence.Memory
	*life
	scene *scene
}

func (m *mortal) Read(ctx context.Context) (s fence.Snapshot, err error) {
	m.scene.agents(ctx)
	return s, m.call(func() error { s, err = m.Memory.Read(ctx); return err })
}

func (m *mortal) Agents(ctx context.Context) (s map[string]fence.AgentStatus, err error) {
	m.scene.agents(ctx)
	return s, m.call(func() error { s, err = m.Memory.Agents(ctx); return err })
}

func (m *mortal) Change(ctx context.Context, read fence.Snapshot, to fence.Desired) error {
	return m.call(func() error { return m.Memory.Change(ctx, read, to) })
}

func (m *mortal) Claim(ctx context.Context, id string) (holder string, err error) {
	return holder, m.call(func() error { holder, err = m.Memory.Claim(ctx, id); return err })
}

func (m *mortal) Disclaim(ctx context.Context, id string) error {
	return m.call(func() error { return m.Memory.Disclaim(ctx, id) })
}

func (m *mortal) Entries(ctx context.Context, id string) (entries map[string]json.RawMessage, err error) {
	return entries, m.call(func() error { entries, err = m.Memory.Entries(ctx, id); return err })
}

func (m *mortal) Elect(ctx context.Context, id, name string) (fence.Runner, error) {
	var runner fence.Runner
	err := m.call(func() (err error) { runner, err = m.Memory.Elect(ctx, id, name); return err })
	return mortalRunner{runner, m.life}, err
}

type mortalRunner struct {
	fence.Runner
	life *life
}

func (r mortalRunner) Record(ctx context.Context, name string, value json.RawMessage) (stored json.RawMessage, written bool, err error) {
	err = r.life.call(func() error { stored, written, err = r.Runner.Record(ctx, name, value); return err })
	return stored, written, err
}

func (r mortalRunner) Close(ctx context.Context) error {
	return r.life.call(func() error { return r.Runner.Close(ctx) })
}

type mortalServer struct {
	*server
	life *life
}

func (s mortalServer) Canary(ctx context.Context) (lsn string, err error) {
	return lsn, s.life.call(func() error { lsn, err = s.server.Canary(ctx); return err })
}

type mortalPlace struct {
	*place
	life *life
}

func (p mortalPlace) Approve(ctx context.Context, id uuid.UUID, region, by string) error {
	return p.life.call(func() error { return p.place.Approve(ctx, id, region, by) })
}

func (p mortalPlace) Release(ctx context.Context, id, approval uuid.UUID) (epoch int64, released bool, err error) {
	return epoch, released, p.life.call(func() error { epoch, released, err = p.place.Release(ctx, id, approval); return err })
}

func (p mortalPlace) Repair(ctx context.Context, id uuid.UUID) error {
	return p.life.call(func() error { return p.place.Repair(ctx, id) })
}
