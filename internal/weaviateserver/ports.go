package weaviateserver

import (
	"errors"
	"fmt"
	"net"
)

// ports are those of one server. A server on one machine takes for granted that calls to
// the leader go to the port above that of raft, and calls between nodes to the one above
// that of gossip.
type ports struct{ rest, grpc, gossip, raft int }

// freePorts finds ports that nobody listens on. It holds all of them before it lets go
// of any, so that they are distinct.
func freePorts() (p ports, err error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, port := range []*int{&p.rest, &p.grpc, &p.gossip, &p.raft} {
		for try := 1; ; try++ {
			var pair []net.Listener
			*port, pair, err = holdPair()
			held = append(held, pair...)
			if err == nil {
				break
			}
			if try == pairTries {
				return ports{}, fmt.Errorf("find free ports: %w", err)
			}
		}
	}
	return p, nil
}

// pairTries is how often two free ports in a row are looked for.
const pairTries = 50

// holdPair listens on any port and on the one above it, and returns the first.
func holdPair() (port int, held []net.Listener, err error) {
	address := net.TCPAddr{IP: net.ParseIP(loopback)}
	for range 2 {
		l, err := net.ListenTCP("tcp", &address)
		if err != nil {
			return 0, held, err
		}
		held = append(held, l)
		address.Port = l.Addr().(*net.TCPAddr).Port + 1
	}
	return address.Port - 2, held, nil
}
