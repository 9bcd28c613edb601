package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports that the engines listen on. Zero means not chosen yet.
type Ports struct {
	Postgres         int `json:"postgres"`
	Temporal         int `json:"temporal"`
	TemporalHistory  int `json:"temporal_history"`
	TemporalMatching int `json:"temporal_matching"`
	TemporalWorker   int `json:"temporal_worker"`
	TemporalUI       int `json:"temporal_ui"`
	Weaviate         int `json:"weaviate"`
	WeaviateGRPC     int `json:"weaviate_grpc"`
	WeaviateGossip   int `json:"weaviate_gossip"`
	WeaviateInternal int `json:"weaviate_internal"`
	WeaviateRaft     int `json:"weaviate_raft"`
	WeaviateRaftRPC  int `json:"weaviate_raft_rpc"`
}

// usual are the ports of a first start on a machine where they are free.
var usual = Ports{
	Postgres: 5433,
	Temporal: 7233, TemporalHistory: 7234, TemporalMatching: 7235, TemporalWorker: 7239, TemporalUI: 8233,
	Weaviate: 8085, WeaviateGRPC: 50051, WeaviateGossip: 7946, WeaviateInternal: 7947, WeaviateRaft: 8300, WeaviateRaftRPC: 8301,
}

// Free ports are drawn from below the ranges from which Linux and macOS take the ports of outgoing connections:
// while an engine restarts, a client that keeps connecting must not get the engine's own port to connect from.
const (
	lowestFree  = 20000
	highestFree = 32000
	draws       = 200
)

var errNoFreePort = errors.New("no free port found")

func (p *Ports) all() []*int {
	return []*int{
		&p.Postgres,
		&p.Temporal, &p.TemporalHistory, &p.TemporalMatching, &p.TemporalWorker, &p.TemporalUI,
		&p.Weaviate, &p.WeaviateGRPC, &p.WeaviateGossip, &p.WeaviateInternal, &p.WeaviateRaft, &p.WeaviateRaftRPC,
	}
}

// choose settles every port: the remembered one, else the usual one (unless anyFree), else a free one. All are held
// until the last is chosen, so no two get the same.
func (p *Ports) choose(anyFree bool) error {
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			// A listening socket without connections has nothing to lose.
			_ = listener.Close()
		}
	}()
	fallback := usual
	if anyFree {
		fallback = Ports{}
	}
	preferred := fallback.all()
	for i, port := range p.all() {
		if *port == 0 {
			*port = *preferred[i]
		}
		listener, err := hold(*port)
		if err != nil {
			if listener, err = holdFree(); err != nil {
				return err
			}
		}
		held = append(held, listener)
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// hold takes the port if nobody uses it on any interface. Two of Weaviate's ports cannot be bound to loopback alone;
// and systems differ on whether a port can be taken on loopback beside all interfaces, so both are tried.
func hold(port int) (net.Listener, error) {
	if port == 0 {
		return nil, errNoFreePort
	}
	everywhere, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	if err := everywhere.Close(); err != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

func holdFree() (net.Listener, error) {
	for range draws {
		if listener, err := hold(lowestFree + rand.IntN(highestFree-lowestFree)); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("%w between %d and %d", errNoFreePort, lowestFree, highestFree)
}
