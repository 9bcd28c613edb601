package stack

import (
	"fmt"
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
		for _, l := range held {
			// Listening sockets without connections have nothing to lose.
			_ = l.Close()
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
		listener, err := listen(*port)
		if err != nil {
			if listener, err = listen(0); err != nil {
				return fmt.Errorf("find a free port: %w", err)
			}
		}
		held = append(held, listener)
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// listen takes the port on every interface: two of Weaviate's ports can be bound no other way, and a port that
// somebody uses on another interface is better left alone.
func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}
