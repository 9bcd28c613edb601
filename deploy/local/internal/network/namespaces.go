package network

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Namespaces is a network of Linux network namespaces, one for each site, on a bridge to which this process's own is
// connected as well. What is cut is lost packet by packet, as on a real wire. It needs root and the program ip.
type Namespaces struct {
	name  string
	sites []Namespace

	mu    sync.Mutex
	links []Link
}

// Namespace is one site's.
type Namespace struct {
	Site    string
	Name    string
	Address string // IPv4
}

const (
	// nobody is a hardware address that no interface has: what is sent to it arrives nowhere.
	nobody    = "02:00:00:00:00:00"
	ipPatient = 10 * time.Second
)

// StartNamespaces makes a bridge with an address of this process's own and a namespace for each site. What an earlier
// one of the same name has left is removed first.
func StartNamespaces(name, address string, sites []Namespace) (*Namespaces, error) {
	n := &Namespaces{name: name, sites: sites}
	n.remove()
	for _, from := range sites {
		for _, to := range sites {
			if from != to {
				n.links = append(n.links, Link{From: from.Site, To: to.Site, State: Up})
			}
		}
	}
	if err := n.make(address); err != nil {
		n.remove()
		return nil, fmt.Errorf("make the sites' network namespaces: %w", err)
	}
	return n, nil
}

func (n *Namespaces) make(address string) error {
	commands := []string{
		"link add name " + n.name + " type bridge",
		"address add " + address + "/24 dev " + n.name,
		"link set " + n.name + " up",
	}
	for _, site := range n.sites {
		wire := n.name + site.Site
		commands = append(commands,
			"netns add "+site.Name,
			"link add "+wire+" type veth peer name eth0 netns "+site.Name,
			"link set "+wire+" master "+n.name+" up",
			"-netns "+site.Name+" address add "+site.Address+"/24 dev eth0",
			"-netns "+site.Name+" link set eth0 up",
			"-netns "+site.Name+" link set lo up")
	}
	for _, command := range commands {
		if err := ip(command); err != nil {
			return err
		}
	}
	return nil
}

// ip runs the program of that name.
func ip(command string) error {
	ctx, cancel := context.WithTimeout(context.Background(), ipPatient)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// remove ignores what is not there. A namespace that a process still lives in vanishes with that process.
func (n *Namespaces) remove() {
	for _, site := range n.sites {
		_ = ip("netns delete " + site.Name)
		_ = ip("link delete " + n.name + site.Site)
	}
	_ = ip("link delete " + n.name)
}

// Stop removes the namespaces.
func (n *Namespaces) Stop() { n.remove() }

// Links lists all directions with their states.
func (n *Namespaces) Links() []Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.links)
}

// Set puts one direction of a link into a state: up or cut, since not every kernel can delay packets.
func (n *Namespaces) Set(link Link) error {
	if err := link.valid(); err != nil {
		return err
	}
	if link.State == Slow {
		return errors.New("links between network namespaces are up or cut; start the lab without them for slow ones")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.links, func(l Link) bool { return l.From == link.From && l.To == link.To })
	if i < 0 {
		return fmt.Errorf("there is no link from %q to %q", link.From, link.To)
	}
	if n.links[i] == link {
		return nil
	}
	from, to := n.site(link.From), n.site(link.To)
	command := "-netns " + from.Name + " neighbour replace " + to.Address + " lladdr " + nobody + " dev eth0 nud permanent"
	if link.State == Up {
		command = "-netns " + from.Name + " neighbour delete " + to.Address + " dev eth0"
	}
	if err := ip(command); err != nil {
		return fmt.Errorf("make the link from %s to %s %s: %w", link.From, link.To, link.State, err)
	}
	n.links[i] = link
	return nil
}

func (n *Namespaces) site(name string) Namespace {
	return n.sites[slices.IndexFunc(n.sites, func(s Namespace) bool { return s.Site == name })]
}
