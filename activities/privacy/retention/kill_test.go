package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"meai/activities/privacy/datamap"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/retention"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// dyingRun is the variable that makes this program work on people until it is killed, instead
// of a test: kill -9 takes a whole process between two of its transactions.
const dyingRun = "MEAI_TEST_DYING_RUN"

// orders are what such a process works with, and after how many statements it dies.
type orders struct {
	Postgres, Keyring string
	In                retention.PeopleInput
	Statements        int64
}

// killer is kill -9 after so many statements, wherever in a transaction that is.
type killer struct{ left atomic.Int64 }

func (k *killer) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (k *killer) OnEnd(sdktrace.ReadOnlySpan) {
	if k.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (k *killer) Shutdown(context.Context) error   { return nil }
func (k *killer) ForceFlush(context.Context) error { return nil }

func retainUntilKilled(encoded string) {
	if err := retainOnce(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0) // nobody has killed it
}

func retainOnce(encoded string) error {
	var o orders
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	ctx := context.Background()
	k := &killer{}
	k.left.Store(o.Statements)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k))
	ctx, _ = provider.Tracer("test").Start(ctx, "the run") // statements are traced within another span only
	db, err := postgres.Open(ctx, postgres.Options{URL: o.Postgres, TracerProvider: provider})
	if err != nil {
		return err
	}
	keys, err := keyringIn(ctx, o.Keyring)
	if err != nil {
		return err
	}
	m, err := datamap.Load()
	if err != nil {
		return err
	}
	acts := &retention.Activities{DB: db, Keys: keys, Holds: requests.NewHolds(keys), Map: m, Page: 3}
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.RegisterActivity(acts)
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	_, err = env.ExecuteActivity(acts.ApplyToPeople, o.In)
	return err
}

func keyringIn(ctx context.Context, dir string) (*keyring.Keyring, error) {
	return keyring.Open(ctx, keyring.Options{Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true", KEK: "file://" + filepath.Join(dir, "kek.key")})
}

// TestARunThatIsKilledBetweenPagesGoesOnAndCountsEachRowOnce kills the process after more and
// more statements: before a page, within its transaction, and after it.
func TestARunThatIsKilledBetweenPagesGoesOnAndCountsEachRowOnce(t *testing.T) {
	db, urls := enginetest.Database(t)
	dir := t.TempDir()
	keys, err := keyringIn(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	s := sceneOn(t, db, urls, keys)
	alice, bob := s.newPerson(t), s.newPerson(t)
	const rows = 8
	for range rows {
		alice.plant(t, ago(eightYears))
		bob.plant(t, ago(eightYears))
	}
	bob.plant(t, ago(1))
	in := retention.PeopleInput{Run: s.run, Subjects: []uuid.UUID{alice.subject, bob.subject}}
	self, err := os.Executable()
	require.NoError(t, err)
	killed := 0
	left := alice.count(t, "interactions") + bob.count(t, "interactions")
	for _, statements := range []int64{1, 5, 11, 18, 26, 35, 45} {
		text, err := json.Marshal(orders{Postgres: urls.App, Keyring: dir, In: in, Statements: statements})
		require.NoError(t, err)
		child := exec.CommandContext(t.Context(), self)
		child.Env = append(os.Environ(), dyingRun+"="+string(text))
		out, err := child.CombinedOutput()
		if err == nil {
			continue // it had nothing left to do
		}
		require.Equal(t, syscall.SIGKILL, child.ProcessState.Sys().(syscall.WaitStatus).Signal(), "%s", out)
		killed++
		now := alice.count(t, "interactions") + bob.count(t, "interactions")
		t.Logf("killed after %d statements: %d of %d interactions are left", statements, now, 2*rows)
		require.LessOrEqual(t, now, left)
		left = now
	}
	require.GreaterOrEqual(t, killed, 4, "or nothing was shown")
	r := s.retain(t, s.run, alice, bob)
	require.Equal(t, times(everything, 2*rows), deleted(r), "what died had counted what it deleted, and nothing else")
	require.Equal(t, 0, alice.count(t, "interactions"))
	require.Equal(t, 1, bob.count(t, "interactions"))
}
