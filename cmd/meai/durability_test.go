package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/vectors"
)

const (
	talkers = 6
	// rounds of kills; each round kills everything once.
	rounds = 2
	// pause between two messages of one person bounds the load.
	pause = 150 * time.Millisecond
	// recovery bounds how long an engine may take to come back.
	recovery = 90 * time.Second
)

// TestNothingIsLostOrDoneTwice kills -9 the API, every worker, Temporal,
// PostgreSQL and Weaviate in turn while people talk. Whatever was accepted must
// be answered and remembered, exactly once in effect.
func TestNothingIsLostOrDoneTwice(t *testing.T) {
	d := newDisaster(t)
	people := d.talk(t, talkers)

	kills := 0
	for range rounds {
		for _, victim := range d.victims(t) {
			t.Logf("kill -9 %s", victim.name)
			victim.kill(t)
			kills++
			awaitReady(t, d.address, recovery)
			d.awaitProgress(t, people)
		}
	}
	require.GreaterOrEqual(t, kills, 12)
	accepted := d.finish(t, people)
	t.Logf("%d kills, %d interactions accepted", kills, accepted)
}

// disaster is an installation on engines of its own, one process for the API and
// one for each queue.
type disaster struct {
	site
	data      string
	address   string
	processes map[string]*process
	index     *vectors.Index
	stop      context.CancelFunc
	talking   sync.WaitGroup
}

type victim struct {
	name string
	kill func(*testing.T)
}

func newDisaster(t *testing.T) *disaster {
	t.Helper()
	d := &disaster{data: startEngines(t), address: freePort(t), processes: map[string]*process{}}
	d.site = site{config: filepath.Join(d.data, "meai.yaml"), env: []string{"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_API_LISTEN=" + d.address,
		"MEAI_LIMITS_SYNTHESIS=100000", "MEAI_LIMITS_READING=100000"}}
	d.run(t, "migrate")
	d.run(t, "apply")
	d.processes["api"] = d.start(t, "api")
	for _, queue := range []string{"synthesis", "mirror", "truthfilter", "memory", "batch"} {
		d.processes[queue] = d.start(t, "worker", "--queue", queue)
	}
	awaitReady(t, d.address, recovery)
	cfg, err := config.Load(d.config, d.env)
	require.NoError(t, err)
	d.env = append(d.env, "MEAI_POSTGRES_READER_URL="+cfg.Postgres.ReaderURL)
	d.index, err = vectors.Open(t.Context(), vectors.Options{URL: cfg.Weaviate.URL, APIKey: cfg.Weaviate.APIKey, Timeout: 5 * time.Second})
	require.NoError(t, err)
	return d
}

// startEngines starts a supervised stack of its own: killing a shared one would
// disturb the other tests.
func startEngines(t *testing.T, extra ...string) string {
	t.Helper()
	local, err := filepath.Abs("../../.local/bin/meai-local")
	require.NoError(t, err)
	require.FileExists(t, local, "build it with: make build")
	// Not t.TempDir: the account that PostgreSQL runs as could not reach it.
	data, err := os.MkdirTemp("", "meai-durability-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(data, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	log := &journal{}
	ready := filepath.Join(data, "ready")
	cmd := exec.Command(local, append([]string{"up", "--data", data, "--free-ports", "--ready-file", ready}, extra...)...)
	cmd.Dir = "../.."
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = diesWithParent() // its guards then stop the engines
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // how it ends is looked at in its log
	t.Cleanup(func() {
		if cmd.Process.Signal(syscall.SIGTERM) == nil {
			<-ended
		}
		if t.Failed() {
			t.Logf("the end of the engines' log:\n%s", log.tail(4000))
		}
	})
	awaitEngines(t, ready, ended)
	return data
}

// awaitEngines waits for the file that the supervisor writes when all is ready.
// The first start on a machine builds the engines.
func awaitEngines(t *testing.T, ready string, ended <-chan struct{}) {
	t.Helper()
	giveUp := time.After(15 * time.Minute)
	for {
		if _, err := os.Stat(ready); err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatal("the engines' supervisor has ended")
		case <-giveUp:
			t.Fatal("the engines do not start")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// victims are killed in this order; the engines are restarted by their
// supervisor, our processes as an orchestrator would.
func (d *disaster) victims(t *testing.T) []victim {
	t.Helper()
	var all []victim
	for _, name := range []string{"api", "synthesis", "mirror", "truthfilter", "memory", "batch"} {
		p := d.processes[name]
		all = append(all, victim{"meai " + name, func(t *testing.T) { p.kill(); p.launch(t) }})
	}
	for _, engine := range []string{"temporal", "postgres", "weaviate"} {
		all = append(all, victim{engine, func(t *testing.T) { d.killEngine(t, engine) }})
	}
	return all
}

func (d *disaster) killEngine(t *testing.T, engine string) {
	t.Helper()
	before := d.pid(t, engine)
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	require.Eventually(t, func() bool { return d.pid(t, engine) != before }, recovery, 100*time.Millisecond, "%s is not restarted", engine)
}

// pid reads the process id that the supervisor wrote down.
func (d *disaster) pid(t *testing.T, engine string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.data, "pids.json"))
	require.NoError(t, err)
	var pids map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &pids))
	var pid int
	require.NoError(t, json.Unmarshal(pids[engine], &pid))
	return pid
}

// talker is one person who keeps talking and remembers what was accepted.
type talker struct {
	*person
	mu       sync.Mutex
	accepted map[string]uuid.UUID
}

func (w *talker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted)
}

func (d *disaster) talk(t *testing.T, many int) []*talker {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	t.Cleanup(func() { stop(); d.talking.Wait() })
	var people []*talker
	for range many {
		w := d.newTalker(t)
		people = append(people, w)
		d.talking.Go(func() { w.talk(ctx) })
	}
	return people
}

// newTalker is one who says nothing yet.
func (d *disaster) newTalker(t *testing.T) *talker {
	t.Helper()
	w := &talker{person: newPerson(t, "http://"+d.address), accepted: map[string]uuid.UUID{}}
	w.begin(t)
	return w
}

// talk sends message after message. A message is repeated with its key until it
// is accepted, as a careful client does; every other one waits for its answer.
func (w *talker) talk(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		key, text := fmt.Sprintf("message-%d", n), fmt.Sprintf("Today, day %d, my friend Ines and I walked %d miles and I felt calm.", n, n+1)
		wait := ""
		if n%2 == 1 {
			wait = "wait=5"
		}
		id, err := w.insist(key, text, wait)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.accepted[key] = id
		w.mu.Unlock()
		time.Sleep(pause)
	}
}

// insist is bounded: after recovery times two the message counts as refused and
// the test fails for want of progress.
func (w *talker) insist(key, text, wait string) (uuid.UUID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*recovery)
	defer cancel()
	for {
		if id, ok := w.once(ctx, key, text, wait); ok {
			return id, nil
		}
		select {
		case <-ctx.Done():
			return uuid.Nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (w *talker) once(ctx context.Context, key, text, wait string) (uuid.UUID, bool) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	got, err := w.say(ctx, key, text, wait)
	switch {
	case err != nil:
		return uuid.Nil, false
	case got.JSON201 != nil:
		return got.JSON201.Id, true
	case got.JSON200 != nil:
		return got.JSON200.Id, true
	case got.JSON202 != nil:
		return got.JSON202.Id, true
	default:
		return uuid.Nil, false
	}
}

// awaitProgress waits until everybody has had two more messages accepted.
func (d *disaster) awaitProgress(t *testing.T, people []*talker) {
	t.Helper()
	goal := map[*talker]int{}
	for _, w := range people {
		goal[w] = w.count() + 2
	}
	require.Eventually(t, func() bool {
		for w, n := range goal {
			if w.count() < n {
				return false
			}
		}
		return true
	}, 2*recovery, 100*time.Millisecond, "people cannot talk any more")
}

// finish stops the talk, lets the work run out, and counts.
func (d *disaster) finish(t *testing.T, people []*talker) (accepted int) {
	t.Helper()
	d.stop()
	d.talking.Wait()
	for _, w := range people {
		for key, id := range w.accepted {
			done := w.await(t, id, 3*time.Minute)
			require.NotEmpty(t, done.Response.Text, key)
		}
		d.requireOnce(t, w)
		accepted += len(w.accepted)
	}
	return accepted
}

// requireOnce counts rows, memories and vectors of one person.
func (d *disaster) requireOnce(t *testing.T, w *talker) {
	t.Helper()
	n := len(w.accepted)
	for what, query := range map[string]string{
		"answered interactions":            "select count(*) from interactions where state = 'answered'",
		"interactions":                     "select count(*) from interactions",
		"idempotency keys":                 "select count(*) from idempotency_keys",
		"turns remembered":                 "select count(*) from memory_nodes where kind = 'turn'",
		"interactions with a turn":         "select count(distinct interaction_id) from memory_nodes where kind = 'turn'",
		"the session's count":              "select sum(interactions)::int from sessions",
		"delivered steps":                  "select count(*) from interaction_steps where step = 'delivery' and state = 'completed'",
		"turns whose vectors are indexed":  "select count(*) from memory_nodes where kind = 'turn' and indexed_at is not null",
		"turns that follow another, and 1": "select count(*) + 1 from memory_edges where relation = 'follows'",
	} {
		require.Equal(t, n, d.count(t, w.subject, query), "%s of %s", what, w.subject)
	}
	nodes := d.count(t, w.subject, "select count(*) from memory_nodes where indexed_at is not null")
	got, err := d.index.Count(t.Context(), w.subject)
	require.NoError(t, err)
	require.Equal(t, nodes, got, "one object for each node")
	d.requireFound(t, w, nodes)
	page, err := w.api.GetSessionWithResponse(t.Context(), w.session)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.StatusCode())
	require.Equal(t, n, page.JSON200.Interactions)
}

// requireFound shows that searches by vector find whatever is in one person's index.
func (d *disaster) requireFound(t *testing.T, w *talker, nodes int) {
	t.Helper()
	held, err := d.index.List(t.Context(), w.subject, uuid.Nil, nodes+1)
	require.NoError(t, err)
	ids := make([]uuid.UUID, len(held))
	for i, h := range held {
		ids[i] = h.ID
	}
	cfg, err := config.Load(d.config, d.env)
	require.NoError(t, err)
	lost, err := d.index.Unfound(t.Context(), w.subject, cfg.Embedding.Dimensions, ids...)
	require.NoError(t, err)
	require.Empty(t, lost, "a crash has lost the vectors of %s", w.subject)
}
