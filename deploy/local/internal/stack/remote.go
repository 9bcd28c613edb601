package stack

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/temporal"
)

// TemporalConfig reads what the Temporal child needs from the data folder: passwords must not stand in a command
// line, which every user of the machine can read.
func TemporalConfig(data string) (temporal.Config, error) {
	state, err := readState(data)
	if err != nil {
		return temporal.Config{}, err
	}
	return state.temporal(), nil
}

// Stop asks the supervisor of a data folder to stop and waits until it has.
func Stop(ctx context.Context, data string) error {
	running, err := folder.IsRunning(data)
	if err != nil {
		return err
	}
	if !running {
		return fmt.Errorf("nothing runs on %s", data)
	}
	pids, err := readPIDs(data)
	if err != nil {
		return err
	}
	return folder.Stop(ctx, data, pids.Supervisor)
}

func readPIDs(data string) (PIDs, error) {
	var pids PIDs
	return pids, folder.ReadJSON(filepath.Join(data, pidsFile), &pids)
}

// PrintAddresses shows where everything is.
func (s *Stack) PrintAddresses(out io.Writer) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range [][]any{
		{"PostgreSQL", fmt.Sprintf("127.0.0.1:%d", s.state.Ports.Postgres), "database meai"},
		{"Temporal", s.temporalConfig().Address(), "web interface " + s.temporalConfig().UIURL()},
		{"Weaviate", s.weaviateConfig().URL(), "gRPC " + s.weaviateConfig().GRPCAddress()},
		{"Configuration", s.ConfigPath(), ""},
		{"Logs", s.logs(), ""},
	} {
		// A builder in memory takes everything.
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", row...)
	}
	_ = table.Flush()
	// As with all progress, a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(out, "ready in %.1f s\n\n%s\nCtrl-C stops everything; the data stays.\n",
		s.options.Progress.elapsed().Seconds(), text.String())
}
