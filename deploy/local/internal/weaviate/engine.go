package weaviate

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"meai/deploy/local/internal/probe"
	"meai/deploy/local/internal/supervisor"
)

const (
	loopback = "127.0.0.1"
	node     = "node1"
)

// Config says where the server listens and stores, and what protects it.
type Config struct {
	Data string // folder
	Host string // address of the REST port; 127.0.0.1, where all else is, when empty

	REST   int // ports
	GRPC   int
	Gossip int // and one above it, the API between nodes
	Raft   int // and one above it, calls to the leader

	// APIKey opens REST and gRPC. InternalPassword opens the API between nodes, which would otherwise serve
	// everyone who can connect.
	APIKey           string
	InternalPassword string
}

// URL is where clients connect.
func (c Config) URL() string {
	return "http://" + net.JoinHostPort(cmp.Or(c.Host, loopback), strconv.Itoa(c.REST))
}

// Backups is the folder that the server writes its own backups to.
func (c Config) Backups() string { return filepath.Join(c.Data, "backups") }

// GRPCAddress is where clients send batches.
func (c Config) GRPCAddress() string { return net.JoinHostPort(loopback, strconv.Itoa(c.GRPC)) }

// Server is the Weaviate child process seen from the supervisor.
type Server struct {
	config Config
	binary Binary
	grpc   *probe.GRPC
}

// New describes the server.
func New(c Config, b Binary) *Server {
	return &Server{config: c, binary: b, grpc: probe.NewGRPC(c.GRPCAddress())}
}

// Engine describes the server to the supervisor.
func (s *Server) Engine() supervisor.Engine {
	return supervisor.Engine{
		Name:         "weaviate",
		Command:      s.command,
		Healthy:      s.healthy,
		StopSignal:   syscall.SIGTERM,
		StopWithin:   20 * time.Second,
		OrphanSignal: syscall.SIGTERM,
		StartWithin:  3 * time.Minute,
	}
}

func (s *Server) command(context.Context) (*exec.Cmd, error) {
	if err := os.MkdirAll(s.config.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of vectors: %w", err)
	}
	cmd := exec.Command(s.binary.Path, "--scheme", "http", "--host", cmp.Or(s.config.Host, loopback), "--port", strconv.Itoa(s.config.REST))
	cmd.Dir = s.config.Data
	cmd.Env = s.environment()
	return cmd, nil
}

// environment is complete: nothing of the caller's environment may switch on modules, telemetry or ports.
func (s *Server) environment() []string {
	c := s.config
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + c.Data,
		"GOMEMLIMIT=1GiB",
		"GOMAXPROCS=2",
		"LOG_LEVEL=warning",
		"LOG_FORMAT=json",
		"DISABLE_TELEMETRY=true",
		"GO_PROFILING_DISABLE=true",

		"PERSISTENCE_DATA_PATH=" + c.Data,
		"ENABLE_MODULES=backup-filesystem",
		"BACKUP_FILESYSTEM_PATH=" + c.Backups(),
		"API_BASED_MODULES_DISABLED=true",
		"DEFAULT_VECTORIZER_MODULE=none",
		"AUTOSCHEMA_ENABLED=false",
		// A vector log that is reused after a restart is not read into the cache of
		// quantised vectors: small tenants would find nothing (1.35.2).
		"PERSISTENCE_MAX_REUSE_WAL_SIZE=0",
		"QUERY_DEFAULTS_LIMIT=20",

		"CLUSTER_HOSTNAME=" + node,
		"CLUSTER_IN_LOCALHOST=true",
		// Without an address to advertise, a host that has IPv6 addresses only fails to start.
		"CLUSTER_ADVERTISE_ADDR=" + loopback,
		"CLUSTER_BIND_ADDR=" + loopback,
		"CLUSTER_GOSSIP_BIND_PORT=" + strconv.Itoa(c.Gossip),
		"CLUSTER_DATA_BIND_PORT=" + strconv.Itoa(c.Gossip+1),
		"CLUSTER_BASIC_AUTH_USERNAME=" + node,
		"CLUSTER_BASIC_AUTH_PASSWORD=" + c.InternalPassword,
		"RAFT_PORT=" + strconv.Itoa(c.Raft),
		"RAFT_INTERNAL_RPC_PORT=" + strconv.Itoa(c.Raft+1),
		"RAFT_BOOTSTRAP_EXPECT=1",
		"RAFT_JOIN=" + node + ":" + strconv.Itoa(c.Raft),
		// The default stretches the election timeouts five-fold for clusters over slow links. A single node
		// elects itself once they run out, so this is most of its start time.
		"RAFT_TIMEOUTS_MULTIPLIER=1",
		"GRPC_PORT=" + strconv.Itoa(c.GRPC),

		"AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED=false",
		"AUTHENTICATION_APIKEY_ENABLED=true",
		"AUTHENTICATION_APIKEY_ALLOWED_KEYS=" + c.APIKey,
		"AUTHENTICATION_APIKEY_USERS=meai",
		"AUTHORIZATION_RBAC_ENABLED=true",
		"AUTHORIZATION_RBAC_ROOT_USERS=meai",
	}
}

// healthy needs both doors open: REST for the schema and searches, gRPC for batches.
func (s *Server) healthy(ctx context.Context) error {
	if err := probe.HTTP(ctx, s.config.URL()+"/v1/.well-known/ready"); err != nil {
		return err
	}
	return s.grpc.Serving(ctx, "")
}
