package temporal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"meai/deploy/local/internal/probe"
	"meai/deploy/local/internal/supervisor"
)

const (
	frontendService = "temporal.api.workflowservice.v1.WorkflowService"
	systemNamespace = "temporal-system"
	memoryLimit     = "GOMEMLIMIT=384MiB" // soft: the collector works harder, nothing fails
)

// Server is the Temporal child process seen from the supervisor.
type Server struct {
	config   Config
	command  func() *exec.Cmd
	frontend *probe.GRPC
}

// New describes the server; command returns the command line of the child that calls [Run].
func New(c Config, command func() *exec.Cmd) *Server {
	return &Server{config: c, command: command, frontend: probe.NewGRPC(c.Address())}
}

// Engine describes the server to the supervisor.
func (s *Server) Engine() supervisor.Engine {
	return supervisor.Engine{
		Name:         "temporal",
		Command:      s.prepare,
		Healthy:      s.healthy,
		StopSignal:   syscall.SIGTERM,
		StopWithin:   15 * time.Second,
		OrphanSignal: syscall.SIGTERM,
		StartWithin:  2 * time.Minute,
	}
}

func (s *Server) prepare(context.Context) (*exec.Cmd, error) {
	cmd := s.command()
	cmd.Env = append(os.Environ(), memoryLimit)
	return cmd, nil
}

// healthy asks for more than an open port: the frontend must say that it serves, the cluster must have the
// recorded number of shards, and history, matching and the search index must answer a query.
func (s *Server) healthy(ctx context.Context) error {
	if err := s.frontend.Serving(ctx, frontendService); err != nil {
		return err
	}
	conn, err := s.frontend.Conn()
	if err != nil {
		return err
	}
	client := workflowservice.NewWorkflowServiceClient(conn)
	info, err := client.GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil {
		return fmt.Errorf("ask for the cluster: %w", err)
	}
	if got := int(info.GetHistoryShardCount()); got != s.config.HistoryShards {
		return fmt.Errorf("the cluster has %d history shards, not %d", got, s.config.HistoryShards)
	}
	count := &workflowservice.CountWorkflowExecutionsRequest{Namespace: systemNamespace}
	if _, err := client.CountWorkflowExecutions(ctx, count); err != nil {
		return fmt.Errorf("query the search index: %w", err)
	}
	return probe.HTTP(ctx, s.config.UIURL()+"/healthz")
}
