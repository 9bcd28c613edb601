package stack

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// PrintStatus probes the engines of a data folder and reports whether the whole stack is healthy.
func PrintStatus(ctx context.Context, out io.Writer, data string) (healthy bool, err error) {
	running, err := isRunning(data)
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
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "supervisor\t%d\trunning\n", pids.Supervisor)
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
		fmt.Fprintf(table, "%s\t%d\t%s\n", row.engine.Name, row.pid, condition)
	}
	return healthy, table.Flush()
}
