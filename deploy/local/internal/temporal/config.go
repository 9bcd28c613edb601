// Package temporal runs the Temporal server and its web interface as one engine of the local stack, on the
// stack's own PostgreSQL.
package temporal

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/primitives"
)

// Version of the server that this program embeds.
const Version = "1.32.1"

const (
	loopback       = "127.0.0.1"           // where it listens when nothing else is asked for
	executions     = "temporal"            // database of workflow executions
	visibility     = "temporal_visibility" // database of the search index over them
	databaseUser   = "temporal"
	databaseIdle   = 10 // connections kept per database
	databaseMax    = 30 // connections at most per database
	clusterName    = "active"
	archiveNothing = "disabled"
)

// Config says where the server listens and stores.
type Config struct {
	Host     string `json:"host,omitempty"` // address that everything listens on; 127.0.0.1 when empty
	Frontend int    `json:"frontend"`       // port of the public gRPC API
	History  int    `json:"history"`
	Matching int    `json:"matching"`
	Worker   int    `json:"worker"`
	UI       int    `json:"ui"` // port of the web interface
	// CodecEndpoint is where the web interface has payloads decoded; "" for nowhere.
	CodecEndpoint string `json:"codec_endpoint"`

	PostgresPort int    `json:"postgres_port"` // at the same address
	Password     string `json:"password"`      // of the role temporal
	// SQLite is the file that a server stores in which needs no PostgreSQL; "" where it has one.
	SQLite string `json:"sqlite,omitempty"`

	// HistoryShards can never be changed once the cluster has run.
	HistoryShards int `json:"history_shards"`
}

func (c Config) host() string { return cmp.Or(c.Host, loopback) }

// Address is where clients connect.
func (c Config) Address() string { return net.JoinHostPort(c.host(), strconv.Itoa(c.Frontend)) }

// UIURL is where people look.
func (c Config) UIURL() string { return fmt.Sprintf("http://%s:%d", c.host(), c.UI) }

func (c Config) database(name string) *config.SQL {
	if c.SQLite != "" {
		return c.file()
	}
	return &config.SQL{
		PluginName:      postgresql.PluginNamePGX,
		DatabaseName:    name,
		ConnectAddr:     net.JoinHostPort(c.host(), strconv.Itoa(c.PostgresPort)),
		ConnectProtocol: "tcp",
		User:            databaseUser,
		Password:        c.Password,
		MaxConns:        databaseMax,
		MaxIdleConns:    databaseIdle,
		MaxConnLifetime: time.Hour,
	}
}

// server translates to the server's own configuration: one process with all four services on loopback, no
// archival, no metrics endpoint.
func (c Config) server() *config.Config {
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: c.host()}},
		Persistence: config.Persistence{
			DefaultStore:     executions,
			VisibilityStore:  visibility,
			NumHistoryShards: int32(c.HistoryShards),
			DataStores: map[string]config.DataStore{
				executions: {SQL: c.database(executions)},
				visibility: {SQL: c.database(visibility)},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: c.Address()},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): c.service(c.Frontend),
			string(primitives.HistoryService):  c.service(c.History),
			string(primitives.MatchingService): c.service(c.Matching),
			string(primitives.WorkerService):   c.service(c.Worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: archiveNothing},
			Visibility: config.VisibilityArchival{State: archiveNothing},
		},
		PublicClient: config.PublicClient{HostPort: c.Address()},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: archiveNothing},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: archiveNothing},
		}},
	}
}

func (c Config) service(port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: c.host()}}
}

// hosts names the one host of every service. It replaces the gossip by which a cluster of many finds its
// members: no gossip ports, no wait for it to settle.
func (c Config) hosts() map[primitives.ServiceName]static.Hosts {
	host := func(port int) static.Hosts {
		return static.SingleLocalHost(net.JoinHostPort(c.host(), strconv.Itoa(port)))
	}
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: host(c.Frontend),
		primitives.HistoryService:  host(c.History),
		primitives.MatchingService: host(c.Matching),
		primitives.WorkerService:   host(c.Worker),
	}
}
