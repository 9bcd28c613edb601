package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"meai/deploy/local/internal/etcd"
	"meai/deploy/local/internal/ports"
)

// etcdCommand runs the register of two regions: all members of a cluster, or one of several that run elsewhere.
type etcdCommand struct {
	Data       string            `help:"Folder of the members' data." required:"" type:"path"`
	ReadyFile  string            `help:"File to write once the members serve: their client addresses, a list in JSON." required:"" type:"path"`
	Count      int               `help:"How many members to run in this process, named a, b, c, on loopback." default:"1"`
	Name       string            `help:"Run this one member of a cluster, given by --members."`
	Members    map[string]string `help:"Peer addresses of the cluster's members." placeholder:"a=http://127.0.0.1:2380" mapsep:","`
	Hosts      map[string]string `help:"Where this process finds the hosts that --members names; on its own it listens." placeholder:"a.example=127.0.0.1" mapsep:","`
	ClientPort int               `help:"Port for clients of the one member; by default the one of the last time, or a free one."`
	Cert       string            `help:"Certificate for clients, PEM: they are served over TLS alone." type:"existingfile"`
	Key        string            `help:"Its private key, PEM." type:"existingfile"`
	ClientCA   string            `name:"client-ca" help:"Authorities of clients, PEM: one without a certificate of theirs is turned away, and one with it is the user that its common name says." type:"existingfile"`
}

// Run runs the members until ctx or this process's parent ends.
func (c *etcdCommand) Run(ctx context.Context) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the members' folder: %w", err)
	}
	members, cluster, err := c.members()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(c.ReadyFile); err != nil {
		return fmt.Errorf("remove the ready file: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go withParent(ctx, cancel)
	for i := range members {
		members[i] = members[i].Secured(etcd.Security{Certificate: c.Cert, Key: c.Key, ClientCA: c.ClientCA})
	}
	return etcd.Run(ctx, c.Data, members, cluster, func() error { return c.announce(members) })
}

func (c *etcdCommand) members() ([]etcd.Member, map[string]string, error) {
	if c.Name != "" {
		etcd.Find(c.Hosts)
		member, err := etcd.Remote(c.Data, c.Name, c.Members, c.Hosts, c.ClientPort, ports.Free)
		return []etcd.Member{member}, c.Members, err
	}
	members, err := etcd.Local(c.Data, c.Count, ports.Free)
	cluster := map[string]string{}
	for _, member := range members {
		cluster[member.Name] = member.Peer
	}
	return members, cluster, err
}

// announce writes the ready file in one go: who waits for it must not read half of it.
func (c *etcdCommand) announce(members []etcd.Member) error {
	clients := make([]string, 0, len(members))
	for _, member := range members {
		clients = append(clients, member.Client)
	}
	content, err := json.Marshal(clients)
	if err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	half := c.ReadyFile + ".half"
	if err := os.WriteFile(half, content, 0o644); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	if err := os.Rename(half, c.ReadyFile); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}

// withParent ends this process's work when its parent has ended.
func withParent(ctx context.Context, end context.CancelFunc) {
	parent := syscall.Getppid()
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if syscall.Getppid() != parent {
				end()
				return
			}
		}
	}
}
