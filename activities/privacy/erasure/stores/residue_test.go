package stores_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"meai/activities/privacy/erasure/stores"
	"meai/activities/privacy/residue"
	"meai/internal/config"
	"meai/internal/enginetest"
	"meai/internal/postgres"
)

// ownStack starts engines of the test's own: every byte of them is looked at.
func ownStack(t *testing.T) (*scene, config.Config) {
	t.Helper()
	local, err := filepath.Abs(filepath.Join("..", "..", "..", "..", ".local", "bin", "meai-local"))
	require.NoError(t, err)
	require.FileExists(t, local, "build it with: make build")
	// Not t.TempDir: the account that PostgreSQL runs as could not reach it.
	data, err := os.MkdirTemp("", "meai-stores-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(data, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	ready, log := filepath.Join(data, "ready"), &bytes.Buffer{}
	cmd := exec.Command(local, "up", "--data", data, "--free-ports", "--ready-file", ready)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // how it ends is looked at in its log
	t.Cleanup(func() {
		if cmd.Process.Signal(syscall.SIGTERM) == nil {
			<-ended
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			t.Fatalf("the engines do not start: %s", log)
		default:
		}
		_, err := os.Stat(ready)
		return err == nil
	}, 15*time.Minute, 100*time.Millisecond, "the first start on a machine builds the engines")

	cfg, err := config.Load(filepath.Join(data, "meai.yaml"), nil)
	require.NoError(t, err)
	require.NoError(t, postgres.Migrate(t.Context(), cfg.Postgres.OwnerURL, enginetest.Logger(t)))
	buckets := filepath.Join(data, "buckets")
	require.NoError(t, os.Mkdir(buckets, 0o700))
	s := newScene(t, places{
		app: cfg.Postgres.URL, super: superuserOf(t, data, cfg.Postgres.OwnerURL), temporal: strings.Fields(cfg.Privacy.MaintenanceURLs)[1], config: cfg, dir: buckets, namespace: "stores",
	})
	// The stack leaves it to others what is searched.
	cfg.Privacy.ScanFolders = []string{filepath.Join(data, "postgres"), filepath.Join(data, "weaviate"), buckets}
	return s, cfg
}

func superuserOf(t *testing.T, data, url string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "state.json"))
	require.NoError(t, err)
	var state struct{ Passwords struct{ Superuser string } }
	require.NoError(t, json.Unmarshal(raw, &state))
	return withUser(t, url, "postgres", state.Passwords.Superuser)
}

// victim is somebody who is erased, but for one store.
type victim struct {
	subject uuid.UUID
	spared  stores.Store
	samples map[string][][]byte
}

func (s *scene) newVictim(t *testing.T, spared stores.Store) victim {
	t.Helper()
	v := victim{subject: s.newPerson(t), spared: spared, samples: map[string][][]byte{}}
	for _, store := range s.stores {
		some, err := store.Sample(t.Context(), v.subject, 20)
		require.NoError(t, err)
		v.samples[store.Name()] = some
	}
	return v
}

func (v victim) name() string {
	if v.spared == nil {
		return "nothing"
	}
	return v.spared.Name()
}

// eraseAll empties all stores of everybody but those that are spared, several at a time.
func (s *scene) eraseAll(t *testing.T, victims []victim) {
	t.Helper()
	for _, v := range victims {
		s.die(t, v.subject)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for _, v := range victims {
		group.Go(func() error { return s.erase(ctx, v) })
	}
	require.NoError(t, group.Wait())
}

func (s *scene) erase(ctx context.Context, v victim) error {
	for _, store := range s.inOrder() {
		if store == v.spared {
			continue
		}
		if tasks, is := store.(*stores.Tasks); is && v.name() == "temporal.histories" {
			store = &stores.Tasks{URL: tasks.URL, Patience: time.Second} // it waits for the histories
		}
		if _, err := store.Delete(ctx, v.subject, func(int64) {}); err != nil {
			return fmt.Errorf("%s of whom %s is spared: %w", store.Name(), v.name(), err)
		}
	}
	return nil
}

// search cleans up and finds who is left, by the spared store.
func (s *scene) search(t *testing.T, cfg config.Config, victims []victim) map[string][]residue.Finding {
	t.Helper()
	begun := time.Now()
	done, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: strings.Fields(cfg.Privacy.MaintenanceURLs), Patience: 2 * time.Minute}, nil)
	require.NoError(t, err)
	require.Empty(t, done.Denied)
	require.False(t, done.Recycled)
	t.Logf("clean-up: %+v in %s", done, time.Since(begun).Round(time.Millisecond))
	tenant, is := s.store(t, "weaviate.memory").(*stores.Tenant)
	require.True(t, is)
	excuse, err := tenant.Excuse(t.Context())
	require.NoError(t, err)
	found := map[string][]residue.Finding{}
	for _, v := range victims {
		report, err := residue.Scan(t.Context(), residue.Options{
			Folders: cfg.Privacy.ScanFolders, Patterns: residue.Patterns(v.subject, v.samples), Excuse: excuse,
		}, nil)
		require.NoError(t, err)
		require.Greater(t, report.Files, 1000, "all engines' files are there")
		found[v.name()] = report.Findings
		if v.spared == nil {
			t.Logf("scan: %d files, %.0f MB, %s", report.Files, float64(report.Bytes)/1e6, report.Took.Round(time.Millisecond))
		}
	}
	return found
}

// unseen are stores of which the raw files tell nothing of a person: whom a case is about
// is sealed under the system's key. That something is left there the count tells.
var unseen = []string{"postgres.escalation_cases"}

// TestNothingIsLeftOnAnyDiskAndAStoreThatIsLeftOutIsFound erases as many people as there
// are stores, each but for another one, cleans up and searches every byte.
func TestNothingIsLeftOnAnyDiskAndAStoreThatIsLeftOutIsFound(t *testing.T) {
	s, cfg := ownStack(t)
	control := s.newPerson(t)
	victims := []victim{s.newVictim(t, nil)}
	for _, store := range s.stores {
		victims = append(victims, s.newVictim(t, store))
	}
	all := s.search(t, cfg, victims)
	for _, v := range victims {
		require.NotEmpty(t, all[v.name()], "before, everybody is found")
	}
	before := s.holds(t, control)
	s.eraseAll(t, victims)
	s.remove(t, victims[0].subject)

	found := s.search(t, cfg, victims)
	require.Empty(t, found["nothing"], "nothing is left of who was erased everywhere")
	for _, v := range victims[1:] {
		left, err := v.spared.Count(t.Context(), v.subject)
		require.NoError(t, err)
		if left == 0 {
			require.Contains(t, hanging, v.name(), "it goes with what it hangs on, and nothing else does")
			continue
		}
		if !slices.Contains(unseen, v.name()) {
			require.NotEmpty(t, found[v.name()], "%s was left out, and is found", v.name())
		}
	}
	for _, v := range victims[1:] {
		_, err := v.spared.Delete(t.Context(), v.subject, func(int64) {})
		require.NoError(t, err)
		s.erase2(t, v)
		s.remove(t, v.subject)
	}
	for spared, left := range s.search(t, cfg, victims) {
		require.Empty(t, left, "of whom %s was spared at first", spared)
	}
	require.Equal(t, before, s.holds(t, control), "nobody else is touched")
	report, err := residue.Scan(t.Context(), residue.Options{Folders: cfg.Privacy.ScanFolders, Patterns: residue.Patterns(control, nil)}, nil)
	require.NoError(t, err)
	require.NotEmpty(t, report.Findings, "who is not erased is found")
}

// hanging are tables whose rows go with something else.
var hanging = []string{
	"postgres.memory_terms", "postgres.memory_edges", "postgres.memory_evidence", "postgres.memory_writes",
	"postgres.filter_feedback", // with the mark that a person is erased
}

// erase2 ends what waited for the spared store: tasks of histories.
func (s *scene) erase2(t *testing.T, v victim) {
	t.Helper()
	if v.name() != "temporal.histories" {
		return
	}
	_, err := s.store(t, "temporal.tasks").Delete(t.Context(), v.subject, func(int64) {})
	require.NoError(t, err)
}
