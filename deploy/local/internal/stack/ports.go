package stack

import (
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
	// The next two have a companion: Weaviate finds a node's internal API one port above its gossip, and a node's
	// consensus calls one port above its consensus log.
	WeaviateGossip int `json:"weaviate_gossip"`
	WeaviateRaft   int `json:"weaviate_raft"`
}

// usual are the ports of a first start on a machine where they are free.
var usual = Ports{
	Postgres: 5433,
	Temporal: 7233, TemporalHistory: 7234, TemporalMatching: 7235, TemporalWorker: 7239, TemporalUI: 8233,
	Weaviate: 8085, WeaviateGRPC: 50051, WeaviateGossip: 7946, WeaviateRaft: 8300,
}

// Free ports are drawn from below the ranges from which Linux and macOS take the ports of outgoing connections:
// while an engine restarts, a client that keeps connecting must not get the engine's own port to connect from.
const (
	lowestFree  = 20000
	highestFree = 32000
	draws       = 200
)

// slot is a place for one port or, when it is wide, for a port and the one above it.
type slot struct {
	port *int
	wide bool
}

func (p *Ports) slots() []slot {
	return []slot{
		{port: &p.Postgres},
		{port: &p.Temporal}, {port: &p.TemporalHistory}, {port: &p.TemporalMatching}, {port: &p.TemporalWorker}, {port: &p.TemporalUI},
		{port: &p.Weaviate}, {port: &p.WeaviateGRPC}, {port: &p.WeaviateGossip, wide: true}, {port: &p.WeaviateRaft, wide: true},
	}
}

// choose settles every port: the remembered one, else the usual one (unless anyFree), else a free one. All are held
// until the last is chosen, so no two get the same.
func (p *Ports) choose(anyFree bool) error {
	var held holding
	defer held.release()
	fallback := usual
	if anyFree {
		fallback = Ports{}
	}
	preferred := fallback.slots()
	for i, s := range p.slots() {
		if *s.port == 0 {
			*s.port = *preferred[i].port
		}
		if *s.port != 0 && held.take(*s.port, s.wide) {
			continue
		}
		free, err := held.takeFree(s.wide)
		if err != nil {
			return err
		}
		*s.port = free
	}
	return nil
}

// FreePort is a port that nobody uses now, from the range above.
func FreePort() (int, error) {
	var held holding
	defer held.release()
	return held.takeFree(false)
}

// holding is a set of ports that nobody else gets at the moment.
type holding []net.Listener

func (h *holding) take(port int, wide bool) bool {
	first, err := listen(port)
	if err != nil {
		return false
	}
	if !wide {
		*h = append(*h, first)
		return true
	}
	second, err := listen(port + 1)
	if err != nil {
		// A listening socket without connections has nothing to lose.
		_ = first.Close()
		return false
	}
	*h = append(*h, first, second)
	return true
}

func (h *holding) takeFree(wide bool) (int, error) {
	for range draws {
		if port := lowestFree + rand.IntN(highestFree-lowestFree); h.take(port, wide) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found between %d and %d", lowestFree, highestFree)
}

func (h *holding) release() {
	for _, listener := range *h {
		// As above.
		_ = listener.Close()
	}
}

// listen takes the port if nobody uses it on any interface. Two of Weaviate's ports cannot be bound to loopback alone;
// and systems differ on whether a port can be taken on loopback beside all interfaces, so both are tried.
func listen(port int) (net.Listener, error) {
	everywhere, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	if err := everywhere.Close(); err != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
