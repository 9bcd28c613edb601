package stack

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// PrintStatus probes the engines of a data folder and reports whether the whole stack is healthy.
func PrintStatus(ctx context.Context, out io.Writer, data string) (healthy bool, err error) {
	running, err := folder.IsRunning(data)
	if err != nil {
		return false, err
	}
	if !running {
		_, err := fmt.Fprintf(out, "nothing runs on %s\n", data)
		return false, err
	}
	pids, err := readPIDs(data)
	if err != nil {
		return false, err
	}
	state, err := readState(data)
	if err != nil {
		return false, err
	}
	return printEngines(ctx, out, state, pids)
}

func printEngines(ctx context.Context, out io.Writer, state State, pids PIDs) (bool, error) {
	healthy := true
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	line := func(name string, pid int, condition string) {
		// A builder in memory takes everything.
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\n", name, pid, condition)
	}
	line("supervisor", pids.Supervisor, "running")
	for _, row := range []struct {
		engine supervisor.Engine
		pid    int
	}{
		{postgres.Probe(state.Ports.Postgres, state.Passwords).Engine(), pids.Postgres},
		{temporal.New(state.temporal(), nil).Engine(), pids.Temporal},
		{weaviate.New(state.weaviate(""), weaviate.Binary{}).Engine(), pids.Weaviate},
	} {
		probe, cancel := context.WithTimeout(ctx, 3*time.Second)
		condition := "healthy"
		if err := row.engine.Healthy(probe); err != nil {
			condition, healthy = err.Error(), false
		}
		cancel()
		line(row.engine.Name, row.pid, condition)
	}
	_ = table.Flush()
	_, err := io.WriteString(out, text.String())
	return healthy, err
}
