package etcd

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Find makes this process find hosts where it is told, besides where the system finds them. The members of a cluster all
// know each other by the same addresses; where each has to reach the others by ways of its own, those addresses are names
// that mean something else in each process. Etcd has no setting for how it connects, so the process's resolver is told.
func Find(hosts map[string]string) {
	if len(hosts) == 0 {
		return
	}
	system := &net.Resolver{PreferGo: true}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			asker, server := net.Pipe()
			go answer(ctx, server, hosts, system)
			return asker, nil
		},
	}
}

// answer serves one connection of the resolver, in DNS's form for streams: each message is preceded by its length.
func answer(ctx context.Context, conn net.Conn, hosts map[string]string, system *net.Resolver) {
	defer func() { _ = conn.Close() }() // who asked has the answer or does not want it
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		reply, err := resolve(ctx, question, hosts, system)
		if err != nil {
			return
		}
		if _, err := conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(reply)))); err != nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// resolve answers a question for an address; a name that is not among the hosts is one of the system's.
func resolve(ctx context.Context, question []byte, hosts map[string]string, system *net.Resolver) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		name := strings.TrimSuffix(q.Name.String(), ".")
		addresses := []string{hosts[name]}
		if hosts[name] == "" {
			var err error
			if addresses, err = system.LookupHost(ctx, name); err != nil {
				m.RCode = dnsmessage.RCodeNameError
				continue
			}
		}
		for _, text := range addresses {
			address, err := netip.ParseAddr(text)
			if err != nil || q.Type != dnsmessage.TypeA || !address.Is4() {
				continue
			}
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return m.Pack()
}
