// Package etcd runs members of an etcd cluster in this process.
package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"go.etcd.io/etcd/server/v3/embed"
)

// clusterToken keeps members of different clusters apart should their addresses be mixed up.
const clusterToken = "meai"

// Member is one member of a cluster. Its addresses are for good: the others know it by them.
type Member struct {
	Name string `json:"name"`
	// Peer is where the other members reach it, Client where clients do.
	Peer   string `json:"peer"`
	Client string `json:"client"`
	// Listen is where it listens for the others when that is not Peer, which may be a name.
	Listen string `json:"listen,omitempty"`

	security Security
}

// Security are the files with which a member serves clients over TLS; none of them: in the open.
type Security struct{ Certificate, Key, ClientCA string }

// Secured is the member that serves clients so.
func (m Member) Secured(s Security) Member {
	if s.Certificate != "" {
		m.Client = strings.Replace(m.Client, "http://", "https://", 1)
	}
	m.security = s
	return m
}

// Run runs members of one cluster until ctx ends or one of them fails. The cluster is all of its members, by name, with
// their peer addresses; data is a folder, of which each member gets one of its name. ready is called once all of them
// serve, for which a majority of the cluster must run.
func Run(ctx context.Context, data string, members []Member, cluster map[string]string, ready func() error) error {
	failed := make(chan error, len(members))
	running := make([]*embed.Etcd, 0, len(members))
	defer func() {
		for _, member := range running {
			member.Close()
		}
	}()
	for _, member := range members {
		config, err := member.config(data, cluster)
		if err != nil {
			return err
		}
		started, err := embed.StartEtcd(config)
		if err != nil {
			return fmt.Errorf("start the member %s: %w", member.Name, err)
		}
		running = append(running, started)
		go func() { failed <- fmt.Errorf("run the member %s: %w", member.Name, ended(started)) }()
	}
	for _, member := range running {
		select {
		case <-member.Server.ReadyNotify():
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
	if err := ready(); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// ended waits until a member ends by itself.
func ended(member *embed.Etcd) error {
	select {
	case err := <-member.Err():
		return err
	case <-member.Server.StopNotify():
		return errors.New("it stopped")
	}
}

func (m Member) config(data string, cluster map[string]string) (*embed.Config, error) {
	peer, err := url.Parse(m.Peer)
	if err != nil {
		return nil, fmt.Errorf("the member %s: %w", m.Name, err)
	}
	listen, err := url.Parse(cmp.Or(m.Listen, m.Peer))
	if err != nil {
		return nil, fmt.Errorf("the member %s: %w", m.Name, err)
	}
	client, err := url.Parse(m.Client)
	if err != nil {
		return nil, fmt.Errorf("the member %s: %w", m.Name, err)
	}
	all := make([]string, 0, len(cluster))
	for name, address := range cluster {
		all = append(all, name+"="+address)
	}
	c := embed.NewConfig()
	c.Name, c.Dir = m.Name, filepath.Join(data, m.Name)
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*listen}, []url.URL{*peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ClientTLSInfo.CertFile, c.ClientTLSInfo.KeyFile = m.security.Certificate, m.security.Key
	c.ClientTLSInfo.TrustedCAFile, c.ClientTLSInfo.ClientCertAuth = m.security.ClientCA, m.security.ClientCA != ""
	c.InitialCluster, c.InitialClusterToken = strings.Join(all, ","), clusterToken
	// What agents and observers say every second would pile up.
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModeRevision, "10000"
	// Stopping a member is logged as so many errors; a failure is returned.
	c.LogLevel, c.LogOutputs = "fatal", []string{"stderr"}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("the member %s: %w", m.Name, err)
	}
	return c, nil
}
