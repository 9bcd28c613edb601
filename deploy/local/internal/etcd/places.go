package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

const loopback = "127.0.0.1"

// Local are the given number of members named a, b, c and so on, on loopback, with the addresses they had the last
// time or free ones.
func Local(data string, count int, free func() (int, error)) ([]Member, error) {
	members := make([]Member, 0, count)
	for i := range count {
		member, err := remembered(data, string(rune('a'+i)), func(name string) (Member, error) {
			peer, errPeer := free()
			client, errClient := free()
			return Member{Name: name, Peer: address(loopback, peer), Client: address(loopback, client)}, errors.Join(errPeer, errClient)
		})
		if err != nil {
			return nil, err
		}
		members = append(members, member)
	}
	return members, nil
}

// Remote is one member of a cluster whose peers' addresses are given. It serves clients on its peer address's host, on
// the given port; where that is zero, on the port it had the last time or a free one.
func Remote(data, name string, cluster map[string]string, port int, free func() (int, error)) (Member, error) {
	peer, ok := cluster[name]
	if !ok {
		return Member{}, fmt.Errorf("the member %q is not one of the cluster", name)
	}
	place, err := url.Parse(peer)
	if err != nil {
		return Member{}, fmt.Errorf("the address of the member %q: %w", name, err)
	}
	if port != 0 {
		return Member{Name: name, Peer: peer, Client: address(place.Hostname(), port)}, nil
	}
	member, err := remembered(data, name, func(name string) (Member, error) {
		port, err := free()
		return Member{Name: name, Client: address(place.Hostname(), port)}, err
	})
	member.Peer = peer
	return member, err
}

func address(host string, port int) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// remembered reads where a member was the last time, or chooses and remembers.
func remembered(data, name string, choose func(string) (Member, error)) (Member, error) {
	path := filepath.Join(data, name+".json")
	content, err := os.ReadFile(path)
	if err == nil {
		var member Member
		if err := json.Unmarshal(content, &member); err != nil {
			return Member{}, fmt.Errorf("read %s: %w", path, err)
		}
		return member, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Member{}, fmt.Errorf("read where the member %s was: %w", name, err)
	}
	member, err := choose(name)
	if err != nil {
		return Member{}, fmt.Errorf("choose the ports of the member %s: %w", name, err)
	}
	if content, err = json.Marshal(member); err != nil {
		return Member{}, fmt.Errorf("remember where the member %s is: %w", name, err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return Member{}, fmt.Errorf("remember where the member %s is: %w", name, err)
	}
	return member, nil
}
