package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fails names, for the programs that this test binary plays, the command that is to fail.
const fails = "MEAI_TEST_DEMO_FAILS"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "status":
		os.Exit(3) // no engines yet
	case len(os.Args) > 1 && os.Args[1] == "up":
		os.Exit(playEngines(os.Args[3], os.Args[5]))
	case len(os.Args) > 1 && os.Args[1] == "--config":
		os.Exit(playMeai(filepath.Dir(os.Args[2]), os.Args[3]))
	}
	os.Exit(m.Run())
}

// playEngines is meai-local; the journal in the data folder keeps the order of events.
func playEngines(data, ready string) int {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	must(os.WriteFile(ready, []byte(filepath.Join(data, "meai.yaml")+"\n"), 0o600))
	<-stop.Done()
	note(data, "engines stopped")
	return 0
}

func playMeai(data, command string) int {
	note(data, command)
	if os.Getenv(fails) == command {
		fmt.Println("no room on", command)
		return 1
	}
	if command != "up" {
		return 0
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	listener, err := net.Listen("tcp", os.Getenv("MEAI_API_LISTEN"))
	must(err)
	go func() {
		// It ends with the process.
		_ = http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}()
	<-stop.Done()
	note(data, "meai stopped")
	return 0
}

func note(data, event string) {
	file, err := os.OpenFile(filepath.Join(data, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(err)
	_, err = fmt.Fprintln(file, event)
	must(err)
	must(file.Close())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// screen is what is printed, by this program and by the engines at once.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newSite(t *testing.T, out *screen) *site {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return &site{meai: self, meaiLocal: self, data: t.TempDir(), out: out}
}

func journal(t *testing.T, s *site) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.data, "journal"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestASiteComesUpAndGoesInOrder(t *testing.T) {
	var out screen
	s := newSite(t, &out)
	require.NoError(t, s.open(t.Context()))
	require.True(t, ready(t.Context(), s.url))
	select {
	case <-s.lost():
		t.Fatal("the site is lost")
	default:
	}
	require.NoError(t, s.close())
	<-s.lost()
	require.Equal(t, []string{"migrate", "apply", "up", "meai stopped", "engines stopped"}, journal(t, s))
	for _, step := range []string{"✓  migrate", "✓  apply", "✓  meai"} {
		require.Contains(t, out.String(), step)
	}
}

func TestAFailureShowsTheLogAndLeavesNothingRunning(t *testing.T) {
	for _, c := range []struct{ command, says string }{
		{"migrate", "meai migrate: exit status 1"},
		{"apply", "meai apply: exit status 1"},
		{"up", "meai ended before it was ready"},
	} {
		t.Run(c.command, func(t *testing.T) {
			t.Setenv(fails, c.command)
			var out screen
			s := newSite(t, &out)
			err := s.open(t.Context())
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "no room on "+c.command)
			require.Contains(t, out.String(), "✗  ")
			// What failed has said so already; stopping it says it again at most.
			_ = s.close()
			require.Equal(t, "engines stopped", journal(t, s)[len(journal(t, s))-1])
		})
	}
}
