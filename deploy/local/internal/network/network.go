// Package network is what lies between the sites of a lab: everything that one site says to another goes through it, so
// that any direction between any two can be cut, slowed down and healed.
//
// Each site sees a service of another at an address of its own, behind which a proxy (toxiproxy) listens. Toxiproxy
// forgets what was sent into a cut and closes the connection when it heals; what it cannot do is lose a single packet or
// the end of a connection: when one side closes, the other hears of it even through a cut.
package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// State of one direction of a link.
type State string

// The states.
const (
	Up   State = "up"
	Cut  State = "cut"  // nothing arrives; connections stay open and silent, and are closed when it heals
	Slow State = "slow" // everything arrives later
)

// Link is one direction between two sites: what From says to To.
type Link struct {
	From  string `json:"from"`
	To    string `json:"to"`
	State State  `json:"state"`
	// LatencyMS is how much later everything arrives on a slow link, in milliseconds.
	LatencyMS int `json:"latency_ms,omitempty"`
}

// Latency of a slow link.
func (l Link) Latency() time.Duration { return time.Duration(l.LatencyMS) * time.Millisecond }

// Route leads from one site to one service of another.
type Route struct {
	From, To string
	Service  string
	Listen   string // host and port that the one who asks connects to
	Upstream string // host and port of the service itself
}

// Network is a set of running proxies.
type Network struct {
	mu      sync.Mutex
	routes  []Route
	proxies []*toxiproxy.Proxy // as routes
	links   []Link
}

// Start opens the proxies; all links are up.
func Start(routes []Route) (*Network, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &Network{routes: routes}
	for _, route := range routes {
		proxy := toxiproxy.NewProxy(server, route.From+"-"+route.To+"-"+route.Service, route.Listen, route.Upstream)
		if err := proxy.Start(); err != nil {
			n.Stop()
			return nil, fmt.Errorf("open the way from %s to %s of %s: %w", route.From, route.Service, route.To, err)
		}
		n.proxies = append(n.proxies, proxy)
		for _, link := range []Link{{From: route.From, To: route.To, State: Up}, {From: route.To, To: route.From, State: Up}} {
			if !slices.Contains(n.links, link) {
				n.links = append(n.links, link)
			}
		}
	}
	slices.SortFunc(n.links, func(a, b Link) int { return strings.Compare(a.From+a.To, b.From+b.To) })
	return n, nil
}

// Stop closes the proxies and every connection through them.
func (n *Network) Stop() {
	for _, proxy := range n.proxies {
		proxy.Stop()
	}
}

// Links lists all directions with their states.
func (n *Network) Links() []Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.links)
}

// Set puts one direction of a link into a state. It holds for connections that exist and for those that come.
func (n *Network) Set(link Link) error {
	if err := link.valid(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.links, func(l Link) bool { return l.From == link.From && l.To == link.To })
	if i < 0 {
		return fmt.Errorf("there is no link from %q to %q", link.From, link.To)
	}
	if n.links[i] == link {
		return nil // a cut that is set anew would close its connections
	}
	for j, route := range n.routes {
		stream, ok := route.stream(link)
		if !ok {
			continue
		}
		if err := impair(n.proxies[j].Toxics, stream, link); err != nil {
			return fmt.Errorf("make the link from %s to %s %s for %s: %w", link.From, link.To, link.State, route.Service, err)
		}
	}
	n.links[i] = link
	return nil
}

func (l Link) valid() error {
	switch {
	case l.State != Up && l.State != Cut && l.State != Slow:
		return fmt.Errorf("a link is up, slow or cut, not %q", l.State)
	case l.State == Slow && (l.LatencyMS < 1 || l.LatencyMS > 60_000):
		return fmt.Errorf("a slow link is 1 to 60000 ms slower, not %d", l.LatencyMS)
	case l.State != Slow && l.LatencyMS != 0:
		return fmt.Errorf("a link that is %s has no latency", l.State)
	}
	return nil
}

// stream tells which half of a route's connections carries what the link carries, if any: the questions of the one who
// connects, or the answers.
func (r Route) stream(link Link) (stream string, ok bool) {
	switch {
	case r.From == link.From && r.To == link.To:
		return "upstream", true
	case r.From == link.To && r.To == link.From:
		return "downstream", true
	}
	return "", false
}

// impair replaces what hinders a stream. A cut is toxiproxy's timeout that never comes: it swallows everything.
func impair(toxics *toxiproxy.ToxicCollection, stream string, link Link) error {
	if toxics.GetToxic(stream) != nil {
		if err := toxics.RemoveToxic(context.Background(), stream); err != nil {
			return err
		}
	}
	toxic := map[string]any{"name": stream, "stream": stream, "toxicity": 1.0}
	switch link.State {
	case Up:
		return nil
	case Cut:
		toxic["type"], toxic["attributes"] = "timeout", map[string]any{"timeout": 0}
	case Slow:
		toxic["type"], toxic["attributes"] = "latency", map[string]any{"latency": link.LatencyMS}
	}
	text, err := json.Marshal(toxic)
	if err != nil {
		return err
	}
	_, err = toxics.AddToxicJson(strings.NewReader(string(text)))
	return err
}

// Address joins a host and a port.
func Address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
