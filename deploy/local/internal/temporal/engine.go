package temporal

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"meai/deploy/local/internal/supervisor"
)

const (
	frontendService = "temporal.api.workflowservice.v1.WorkflowService"
	systemNamespace = "temporal-system"
	memoryLimit     = "GOMEMLIMIT=384MiB" // soft: the collector works harder, nothing fails
)

// Server is the Temporal child process seen from the supervisor.
type Server struct {
	config  Config
	command func() *exec.Cmd
	dial    func() (*grpc.ClientConn, error)
}

// New describes the server; command returns the command line of the child that calls [Run].
func New(c Config, command func() *exec.Cmd) *Server {
	return &Server{config: c, command: command, dial: sync.OnceValues(func() (*grpc.ClientConn, error) {
		return grpc.NewClient(c.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(eager))
	})}
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
	conn, err := s.dial()
	if err != nil {
		return fmt.Errorf("connect to the frontend: %w", err)
	}
	check, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: frontendService})
	if err != nil {
		return fmt.Errorf("ask the frontend for its health: %w", err)
	}
	if check.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("the frontend is %s", check.GetStatus())
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
	return s.uiHealthy(ctx)
}

func (s *Server) uiHealthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.UIURL()+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("ask the web interface: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the web interface: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the web interface answers %s", response.Status)
	}
	return nil
}

// eager retries the connection without the growing pauses that suit a remote server: the child is being started.
var eager = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1, MaxDelay: 50 * time.Millisecond},
	MinConnectTimeout: time.Second,
}
