package engines

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake names the part that this test binary plays when it is run as meai-local.
const fake = "MEAI_TEST_FAKE_ENGINES"

func TestMain(m *testing.M) {
	if part := os.Getenv(fake); part != "" {
		os.Exit(play(part, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// play is a meai-local without engines: the arguments are those that Start passes.
func play(part string, args []string) int {
	if args[0] == "status" {
		if part == "running" {
			return 0
		}
		return 3
	}
	data, ready := args[2], args[4]
	fmt.Println("up", data)
	if part == "broken" {
		return 1
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if part == "slow" {
		// A file that is being written has no line end yet.
		must(os.WriteFile(ready, []byte("half a pa"), 0o600))
		<-stop.Done()
	} else {
		must(os.WriteFile(ready, []byte("/somewhere/meai.yaml\n"), 0o600))
	}
	<-stop.Done()
	must(os.WriteFile(filepath.Join(data, "stopped"), nil, 0o600))
	return 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func options(t *testing.T, part string) Options {
	t.Helper()
	t.Setenv(fake, part)
	program, err := os.Executable()
	require.NoError(t, err)
	return Options{Program: program, Data: t.TempDir(), Output: t.Output()}
}

func TestStartAndStop(t *testing.T) {
	o := options(t, "healthy")
	// A ready file of a killed run is not believed.
	require.NoError(t, os.WriteFile(filepath.Join(o.Data, "ready"), []byte("/old/meai.yaml\n"), 0o600))

	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "/somewhere/meai.yaml", s.Config)
	select {
	case <-s.Lost():
		t.Fatal("the engines are lost")
	default:
	}
	require.NoError(t, s.Stop())
	require.FileExists(t, filepath.Join(o.Data, "stopped"))
	<-s.Lost()
}

func TestARunningStackIsUsedAndLeftAlone(t *testing.T) {
	o := options(t, "running")
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(o.Data, "meai.yaml"), s.Config)
	require.Nil(t, s.Lost())
	require.NoError(t, s.Stop())
	require.NoFileExists(t, filepath.Join(o.Data, "stopped"))
}

func TestAFailedStart(t *testing.T) {
	_, err := Start(t.Context(), options(t, "broken"))
	require.ErrorContains(t, err, "the engines did not start")
	require.ErrorContains(t, err, "exit status 1")
}

func TestAnInterruptedStartLeavesNothingBehind(t *testing.T) {
	o := options(t, "slow")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := Start(ctx, o)
		ended <- err
	}()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(o.Data, "ready"))
		return err == nil
	}, 30*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.FileExists(t, filepath.Join(o.Data, "stopped"))
}

func TestAMissingProgramIsSaid(t *testing.T) {
	o := options(t, "healthy")
	o.Program = filepath.Join(o.Data, "none")
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "ask for the state of the engines")
}
