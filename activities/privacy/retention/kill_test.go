package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

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

// orders are what such a process works with, and at which of its signs of life it dies.
type orders struct {
	Postgres, Keyring string
	In                retention.PeopleInput
	Beat              int
}

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
	db, err := postgres.Open(ctx, postgres.Options{URL: o.Postgres})
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
	beats := 0
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) {
		if beats++; beats == o.Beat {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	_, err = env.ExecuteActivity(acts.ApplyToPeople, o.In)
	return err
}

func keyringIn(ctx context.Context, dir string) (*keyring.Keyring, error) {
	return keyring.Open(ctx, keyring.Options{Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true", KEK: "file://" + filepath.Join(dir, "kek.key")})
}

// TestARunThatIsKilledBetweenPagesGoesOnAndCountsEachRowOnce kills the process at every sign of
// life, which it gives between two pages and after each person.
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
	for beat := 1; beat <= 4; beat++ {
		text, err := json.Marshal(orders{Postgres: urls.App, Keyring: dir, In: in, Beat: beat})
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
		require.LessOrEqual(t, now, left)
		left = now
	}
	require.GreaterOrEqual(t, killed, 3, "or nothing was shown")
	r := s.retain(t, s.run, alice, bob)
	require.Equal(t, times(everything, 2*rows), deleted(r), "what died had counted what it deleted, and nothing else")
	require.Equal(t, 0, alice.count(t, "interactions"))
	require.Equal(t, 1, bob.count(t, "interactions"))
}
