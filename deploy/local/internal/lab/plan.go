// Package lab runs two regions and a control site on one machine, each with a supervisor of its own, and the network
// between them, so that a region can be killed and a link be cut as if they were far apart.
package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/network"
	"meai/deploy/local/internal/ports"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// The sites. Each has a member of the etcd cluster; the control site is the third, which judges between the regions.
const (
	RegionA = "a"
	RegionB = "b"
	Control = "c"
)

// Sites are all of them, Regions those that keep data.
var (
	Sites   = []string{RegionA, RegionB, Control}
	Regions = []string{RegionA, RegionB}
)

const (
	planFile = "lab-state.json"
	// LabFile tells drills and tests where everything is, once the lab is up.
	LabFile = "lab.json"

	// controlNamespace is that of the control site's Temporal.
	controlNamespace = "control"
)

// Plan is what a lab's folder remembers between runs. It holds passwords and is readable by its owner only.
type Plan struct {
	API  int              `json:"api"` // port of the lab's own interface
	Site map[string]*Site `json:"sites"`

	Passwords     postgres.Passwords `json:"passwords"` // the regions' clusters are copies of each other
	HistoryShards int                `json:"history_shards"`
	WeaviateKey   string             `json:"weaviate_api_key"`
	WeaviateInner string             `json:"weaviate_internal_password"`
	Replication   string             `json:"replication"`
	NetNS         bool               `json:"netns"` // each site has a network namespace of its own
	Network       int                `json:"network,omitempty"`
	CodecEndpoint string             `json:"codec_endpoint,omitempty"`

	data string
}

// Site is one site's ports. Each is the same for everybody: the addresses differ.
type Site struct {
	Etcd     int `json:"etcd"`
	EtcdPeer int `json:"etcd_peer"`

	Temporal         int `json:"temporal"`
	TemporalHistory  int `json:"temporal_history"`
	TemporalMatching int `json:"temporal_matching"`
	TemporalWorker   int `json:"temporal_worker"`
	TemporalUI       int `json:"temporal_ui"`

	// API is for the product's API, which the lab does not run.
	API            int `json:"api"`
	Postgres       int `json:"postgres,omitempty"`
	Weaviate       int `json:"weaviate,omitempty"`
	WeaviateGRPC   int `json:"weaviate_grpc,omitempty"`
	WeaviateGossip int `json:"weaviate_gossip,omitempty"`
	WeaviateRaft   int `json:"weaviate_raft,omitempty"`
}

// Exists reports whether a data folder is a lab's.
func Exists(data string) bool {
	_, err := os.Stat(filepath.Join(data, planFile))
	return err == nil
}

// ReadPlan reads the plan of a lab's folder.
func ReadPlan(data string) (*Plan, error) {
	plan := &Plan{data: data}
	return plan, folder.ReadJSON(filepath.Join(data, planFile), plan)
}

// loadPlan reads the folder's plan or makes one up, and settles every port.
func loadPlan(data string, shards int) (*Plan, error) {
	plan, err := ReadPlan(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		plan = newPlan(data, shards)
	case err != nil:
		return nil, err
	case plan.HistoryShards != shards:
		return nil, fmt.Errorf("%s was made with %d history shards and cannot run with %d: the number is fixed for the life of a Temporal cluster",
			data, plan.HistoryShards, shards)
	}
	if err := ports.Choose(plan.slots()); err != nil {
		return nil, err
	}
	return plan, nil
}

func (p *Plan) save() error { return folder.WriteJSON(filepath.Join(p.data, planFile), p) }

func newPlan(data string, shards int) *Plan {
	plan := &Plan{
		data: data, HistoryShards: shards,
		Passwords: postgres.Passwords{
			Superuser: folder.Secret(), Owner: folder.Secret(), App: folder.Secret(),
			Reader: folder.Secret(), Backup: folder.Secret(), Observer: folder.Secret(), Temporal: folder.Secret(),
		},
		WeaviateKey: folder.Secret(), WeaviateInner: folder.Secret(),
		Site: map[string]*Site{},
	}
	for _, name := range Sites {
		plan.Site[name] = &Site{}
	}
	return plan
}

func (p *Plan) slots() []ports.Slot {
	slots := []ports.Slot{{Port: &p.API}}
	for _, name := range Sites {
		s := p.Site[name]
		slots = append(slots,
			ports.Slot{Port: &s.Etcd}, ports.Slot{Port: &s.EtcdPeer}, ports.Slot{Port: &s.API},
			ports.Slot{Port: &s.Temporal}, ports.Slot{Port: &s.TemporalHistory}, ports.Slot{Port: &s.TemporalMatching},
			ports.Slot{Port: &s.TemporalWorker}, ports.Slot{Port: &s.TemporalUI})
		if isRegion(name) {
			slots = append(slots, ports.Slot{Port: &s.Postgres}, ports.Slot{Port: &s.Weaviate}, ports.Slot{Port: &s.WeaviateGRPC},
				ports.Slot{Port: &s.WeaviateGossip, Wide: true}, ports.Slot{Port: &s.WeaviateRaft, Wide: true})
		}
	}
	return slots
}

func isRegion(site string) bool { return slices.Contains(Regions, site) }

// number of a site, from one.
func number(site string) int { return slices.Index(Sites, site) + 1 }

// Host is the address that a site's own services listen on.
func (p *Plan) Host(site string) string {
	if p.NetNS {
		return fmt.Sprintf("10.%d.77.%d", p.Network, number(site))
	}
	return fmt.Sprintf("127.0.%d.1", number(site))
}

// seen is the address at which one site finds another; behind it is the network, unless it is its own. The ports are
// those of the services everywhere.
func (p *Plan) seen(from, to string) string {
	if from == to || p.NetNS {
		return p.Host(to)
	}
	return fmt.Sprintf("127.0.%d.%d", number(from), 100+number(to))
}

// outside is this machine's own address among the namespaces.
func (p *Plan) outside() string { return fmt.Sprintf("10.%d.77.254", p.Network) }

// namespace is that of a site, "" where there is none.
func (p *Plan) namespace(site string) string {
	if !p.NetNS {
		return ""
	}
	return fmt.Sprintf("meai%d-%s", p.Network, site)
}

func (p *Plan) namespaces() []network.Namespace {
	var all []network.Namespace
	for _, site := range Sites {
		all = append(all, network.Namespace{Site: site, Name: p.namespace(site), Address: p.Host(site)})
	}
	return all
}

// inside makes a command run in a site's namespace, if it has one.
func (p *Plan) inside(site string, cmd *exec.Cmd) *exec.Cmd {
	if !p.NetNS {
		return cmd
	}
	return exec.Command("ip", append([]string{"netns", "exec", p.namespace(site)}, cmd.Args...)...)
}

// routes are all ways from one site to a service of another. Weaviate is in them for who compares the regions.
func (p *Plan) routes() []network.Route {
	var routes []network.Route
	for _, from := range Sites {
		for _, to := range Sites {
			if from == to {
				continue
			}
			for service, port := range p.Site[to].services() {
				routes = append(routes, network.Route{
					From: from, To: to, Service: service,
					Listen: network.Address(p.seen(from, to), port), Upstream: network.Address(p.Host(to), port),
				})
			}
		}
	}
	return routes
}

// services are those that other sites may ask for.
func (s *Site) services() map[string]int {
	all := map[string]int{"etcd": s.Etcd, "etcd-peer": s.EtcdPeer, "temporal": s.Temporal, "api": s.API, "postgres": s.Postgres, "weaviate": s.Weaviate}
	for name, port := range all {
		if port == 0 {
			delete(all, name)
		}
	}
	return all
}

// Folder is a site's own.
func (p *Plan) Folder(site string) string {
	if site == Control {
		return filepath.Join(p.data, "control")
	}
	return filepath.Join(p.data, "region-"+site)
}

// etcdSeen are the members' addresses for clients at one site, its own first; from nowhere, without the network.
func (p *Plan) etcdSeen(from string) []string {
	var urls []string
	for _, to := range Sites {
		host := p.Host(to)
		if from != "" {
			host = p.seen(from, to)
		}
		url := "http://" + network.Address(host, p.Site[to].Etcd)
		if to == from {
			urls = slices.Insert(urls, 0, url)
		} else {
			urls = append(urls, url)
		}
	}
	return urls
}

// postgres is a region's server as a site reaches it.
func (p *Plan) postgres(from, to string) *postgres.Server {
	return postgres.At(p.seen(from, to), p.Site[to].Postgres, p.Passwords)
}

// SuperuserURL connects to a region's server past the network, as the role that owns the cluster.
func (p *Plan) SuperuserURL(region string) string { return p.postgres(region, region).SuperuserURL() }

func (p *Plan) temporal(site string) temporal.Config {
	s := p.Site[site]
	c := temporal.Config{
		Host: p.Host(site), Frontend: s.Temporal, History: s.TemporalHistory, Matching: s.TemporalMatching, Worker: s.TemporalWorker, UI: s.TemporalUI,
		CodecEndpoint: p.CodecEndpoint, HistoryShards: p.HistoryShards, PostgresPort: s.Postgres, Password: p.Passwords.Temporal,
	}
	if site == Control {
		c.SQLite = filepath.Join(p.Folder(site), "temporal.sqlite")
	}
	return c
}

// TemporalConfig reads what the Temporal child of a site needs: passwords must not stand in a command line.
func TemporalConfig(data, site string) (temporal.Config, error) {
	plan, err := ReadPlan(data)
	if err != nil {
		return temporal.Config{}, err
	}
	return plan.temporal(site), nil
}

func (p *Plan) weaviate(site string) weaviate.Config {
	s := p.Site[site]
	return weaviate.Config{
		Data: filepath.Join(p.Folder(site), "weaviate"), Host: p.Host(site),
		REST: s.Weaviate, GRPC: s.WeaviateGRPC, Gossip: s.WeaviateGossip, Raft: s.WeaviateRaft,
		APIKey: p.WeaviateKey, InternalPassword: p.WeaviateInner,
	}
}
