package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/enginetest"
	"meai/internal/vectors"
)

const (
	// componentRTO is what the requirements give the failure of a single component.
	componentRTO = 5 * time.Minute
	// halted is how long a process does nothing, and keeps its connections open.
	halted = 5 * time.Second
	// outwaited is longer than commits wait for a standby that does not answer
	// (regions.standby_patience).
	outwaited = 13 * time.Second
	// chatting is how many people talk meanwhile.
	chatting = 3
)

// TestComponentsRecoverByThemselves kills and halts one component after the other of an
// installation whose PostgreSQL has a standby that commits wait for, while people talk.
// Each time somebody's next message must be answered with all that MeAi has, and be
// remembered, within the time that the requirements give. Nothing that was accepted may be
// lost or done twice.
func TestComponentsRecoverByThemselves(t *testing.T) {
	p := newPlant(t)
	people := p.talk(t, chatting)
	probe := p.newTalker(t)
	p.recovered(t, probe, "all", "nothing", time.Now())
	for _, c := range p.components() {
		for _, f := range []fault{{"kill -9", c.kill}, {"halt", c.halt}} {
			if f.does == nil {
				continue
			}
			began := time.Now()
			f.does(t)
			p.recovered(t, probe, c.name, f.name, began)
		}
	}
	t.Logf("%d interactions accepted\n%s", p.finish(t, append(people, probe)), p.report.String())
	p.handsOver(t)
}

// plant is an installation with one process for the API, one for all workers, Redis and a
// standby.
type plant struct {
	*disaster
	redis     *enginetest.Redis
	superuser string // URL of the primary, in the product's database
	asked     int    // messages of who probes
	report    strings.Builder
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	data := startEngines(t, "--regions", "2", "--replication", "sync")
	p := &plant{redis: enginetest.NewRedis(t), disaster: &disaster{data: data, address: freePort(t), processes: map[string]*process{}}}
	p.site = site{config: filepath.Join(data, "region-a", "meai.yaml"), env: []string{
		"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_API_LISTEN=" + p.address, "MEAI_LIMITS_REDIS_URL=" + p.redis.URL,
		"MEAI_LIMITS_SYNTHESIS=100000", "MEAI_LIMITS_READING=100000",
	}}
	p.run(t, "migrate") // the lab has done so with the binary that was built last
	p.run(t, "apply")
	p.processes["api"] = p.start(t, "api")
	p.processes["worker"] = p.start(t, "worker")
	awaitReady(t, p.address, recovery)
	cfg, err := config.Load(p.config, p.env)
	require.NoError(t, err)
	p.env = append(p.env, "MEAI_POSTGRES_READER_URL="+cfg.Postgres.ReaderURL)
	p.index, err = vectors.Open(t.Context(), vectors.Options{URL: cfg.Weaviate.URL, APIKey: cfg.Weaviate.APIKey, Timeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(p.index.Close)
	_, p.superuser, _ = strings.Cut(cfg.Regions.Postgres[0], "=")
	return p
}

// component is one of the parts that the requirements name, and what can happen to it. Both
// return when the component itself is there again, or has been told to go on.
type component struct {
	name       string
	kill, halt func(*testing.T)
}

type fault struct {
	name string
	does func(*testing.T)
}

// components are restarted by their supervisors: the engines by the lab's and the standby by
// its region's agent, the product's processes and Redis as an orchestrator would, which
// waits for nothing.
func (p *plant) components() []component {
	var all []component
	for _, name := range []string{"worker", "api"} {
		process := p.processes[name]
		all = append(all, component{
			name: name,
			kill: func(t *testing.T) { process.kill(); process.launch(t) },
			halt: func(t *testing.T) { suspend(t, halted, process.cmd.Process.Pid) },
		})
	}
	for _, name := range []string{"weaviate", "temporal"} {
		engine := func(t *testing.T) int { return p.engine(t, "region-a", name) }
		all = append(all, component{
			name: name,
			kill: func(t *testing.T) { killed(t, engine) },
			halt: func(t *testing.T) { suspend(t, halted, engine(t)) },
		})
	}
	return append(all,
		component{
			name: "redis",
			kill: func(t *testing.T) { p.redis.Kill(t); p.redis.Start(t) },
			halt: func(t *testing.T) { p.redis.Hang(t); time.Sleep(halted); p.redis.Resume(t) },
		},
		component{
			name: "standby",
			kill: func(t *testing.T) { killed(t, p.postmaster("region-b")); p.awaitStandby(t) },
			halt: func(t *testing.T) {
				postmaster := p.postmaster("region-b")(t)
				suspend(t, outwaited, append(childrenOf(t, postmaster), postmaster)...)
				p.awaitStandby(t)
			},
		},
		component{
			name: "agent of the standby",
			kill: func(t *testing.T) {
				killed(t, func(t *testing.T) int { return p.engine(t, "region-b", "agent") })
				p.awaitStandby(t)
			},
		},
		component{
			name: "primary",
			kill: func(t *testing.T) { killed(t, p.postmaster("region-a")); p.awaitStandby(t) },
		})
}

// engine reads the id of a process that a site's supervisor keeps; 0 while it is down.
func (p *plant) engine(t *testing.T, site, name string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.data, site, "pids.json"))
	require.NoError(t, err)
	var pids struct{ Engines map[string]int }
	require.NoError(t, json.Unmarshal(raw, &pids))
	return pids.Engines[name]
}

// postmaster finds the id of a region's PostgreSQL; 0 while it is down.
func (p *plant) postmaster(site string) func(*testing.T) int {
	return func(*testing.T) int {
		raw, err := os.ReadFile(filepath.Join(p.data, site, "postgres", "data", "postmaster.pid"))
		if err != nil {
			return 0
		}
		first, _, _ := strings.Cut(string(raw), "\n")
		pid, _ := strconv.Atoi(first)
		return pid
	}
}

// killed kills a process, and waits until its supervisor has started another.
func killed(t *testing.T, find func(*testing.T) int) {
	t.Helper()
	before := find(t)
	require.NotZero(t, before)
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	require.Eventually(t, func() bool { now := find(t); return now != 0 && now != before }, componentRTO, 20*time.Millisecond, "it is not started again")
}

// suspend has processes do nothing for a while.
func suspend(t *testing.T, during time.Duration, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	time.Sleep(during) // it is what the test is about
	for _, pid := range pids {
		require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	}
}

// childrenOf are a process's children.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	for _, word := range strings.Fields(string(raw)) {
		child, err := strconv.Atoi(word)
		require.NoError(t, err)
		children = append(children, child)
	}
	return children
}

// awaitStandby waits until a standby streams that commits wait for.
func (p *plant) awaitStandby(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, p.superuser)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(ctx) }() // it only asks
		var n int
		err = conn.QueryRow(ctx, "select count(*) from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')").Scan(&n)
		return err == nil && n == 1
	}, componentRTO, 100*time.Millisecond, "the standby does not come back")
}

// recovered says something new until it is answered with nothing missing and remembered,
// and compares the time since the failure with what the requirements give.
func (p *plant) recovered(t *testing.T, probe *talker, component, fault string, began time.Time) {
	t.Helper()
	for {
		p.asked++
		key := fmt.Sprintf("probe-%d", p.asked)
		id, err := probe.insist(key, "What did I tell you about my friend Ines?", "wait=5")
		require.NoError(t, err, "after %s of %s nothing is accepted", fault, component)
		probe.accepted[key] = id
		done := probe.await(t, id, componentRTO)
		took := time.Since(began)
		require.Less(t, took, componentRTO, "after %s of %s", fault, component)
		if len(done.Response.Degraded) == 0 {
			fmt.Fprintf(&p.report, "%-22s %-8s back after %5.1f s of %.0f s\n", component, fault, took.Seconds(), componentRTO.Seconds())
			return
		}
		t.Logf("after %s of %s: degraded %v", fault, component, done.Response.Degraded)
	}
}
