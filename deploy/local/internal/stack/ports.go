package stack

import "meai/deploy/local/internal/ports"

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

func (p *Ports) slots() []ports.Slot {
	return []ports.Slot{
		{Port: &p.Postgres},
		{Port: &p.Temporal}, {Port: &p.TemporalHistory}, {Port: &p.TemporalMatching}, {Port: &p.TemporalWorker}, {Port: &p.TemporalUI},
		{Port: &p.Weaviate}, {Port: &p.WeaviateGRPC}, {Port: &p.WeaviateGossip, Wide: true}, {Port: &p.WeaviateRaft, Wide: true},
	}
}

// choose settles every port: the remembered one, else the usual one (unless anyFree), else a free one.
func (p *Ports) choose(anyFree bool) error {
	slots := p.slots()
	if !anyFree {
		preferred := usual
		for i, s := range preferred.slots() {
			if *slots[i].Port == 0 {
				*slots[i].Port = *s.Port
			}
		}
	}
	return ports.Choose(slots)
}
