package mcp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/mcp"
	"meai/internal/mcp/mcptest"
	"meai/internal/mcp/mcptest/script"
)

const within = 10 * time.Second

func gone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !mcptest.Running(pid) }, within, 10*time.Millisecond)
}

func TestAServerThatIsKilledInTheMiddleIsStartedAgain(t *testing.T) {
	server := mcptest.New(t, failing(script.Slow))
	c := open(t, mcp.Server{Command: server.Command()}, mcp.Options{})
	failed := make(chan error)
	go func() {
		_, err := c.Call(t.Context(), "search", must, nil)
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(server.Record(t, "tools/call")) == 1 }, within, time.Millisecond)
	first := server.Processes(t)[0]
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.ErrorIs(t, <-failed, mcp.ErrUnavailable)
	gone(t, first)

	server.Script(t, searching())
	_, err := call(t, c)
	require.NoError(t, err)
	require.Len(t, server.Processes(t), 2)
	c.Close()
	require.False(t, mcptest.Running(server.Processes(t)[1]), "it ends with the client")
	_, err = call(t, c)
	require.ErrorIs(t, err, mcp.ErrUnavailable)
}

func TestAServerBehindAURLThatIsKilledInTheMiddleIsFoundAgain(t *testing.T) {
	server := mcptest.New(t, failing(script.Slow))
	url, kill := server.Listen(t, "127.0.0.1:0")
	c := open(t, mcp.Server{URL: url}, mcp.Options{BreakerFailures: 100})
	failed := make(chan error)
	go func() {
		_, err := c.Call(t.Context(), "search", must, nil)
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(server.Record(t, "tools/call")) == 1 }, within, time.Millisecond)
	kill()
	require.ErrorIs(t, <-failed, mcp.ErrUnavailable)
	_, err := call(t, c)
	require.ErrorIs(t, err, mcp.ErrUnavailable)

	server.Script(t, searching())
	server.Listen(t, url[len("http://"):])
	_, err = call(t, c)
	require.NoError(t, err)
}

func TestACommandThatIsNoServerIsGivenUp(t *testing.T) {
	for name, command := range map[string][]string{
		"is not there":   {"/nowhere/server"},
		"says nothing":   {"/bin/sleep", "600"},
		"ends at once":   {"/bin/false"},
		"says otherwise": {"/bin/echo", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, mcp.Server{Command: command}, mcp.Options{}, func(s *mcp.Server) { s.ConnectTimeout = 200 * time.Millisecond })
			_, err := call(t, c)
			require.ErrorIs(t, err, mcp.ErrUnavailable)
		})
	}
}

// TestAServerDoesNotOutliveThisProcess: which is killed, and could not tell it.
func TestAServerDoesNotOutliveThisProcess(t *testing.T) {
	server := mcptest.New(t, searching())
	command, err := json.Marshal(server.Command())
	require.NoError(t, err)
	holder := exec.Command(os.Args[0], "hold", string(command))
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	pid := server.Processes(t)[0]
	require.True(t, mcptest.Running(pid))
	require.NoError(t, holder.Process.Kill())
	require.Error(t, holder.Wait())
	gone(t, pid)
}

// hold is a process of its own that has a server and waits to be killed.
func hold() {
	var command []string
	if err := json.Unmarshal([]byte(os.Args[2]), &command); err != nil {
		panic(err)
	}
	c, err := mcp.New(mcp.Server{Name: "held", Command: command, Tools: []mcp.Tool{{Name: "search"}}}, mcp.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("held\n")
	time.Sleep(time.Minute)
}
