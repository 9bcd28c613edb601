// Package ports finds ports that nobody uses.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Free ports are drawn from below the ranges from which Linux and macOS take the ports of outgoing connections:
// while an engine restarts, a client that keeps connecting must not get the engine's own port to connect from.
const (
	Lowest  = 20000
	Highest = 32000
	draws   = 200
)

// Slot is a place for one port or, when it is wide, for a port and the one above it. Zero means not chosen yet.
type Slot struct {
	Port *int
	Wide bool
}

// Choose settles every slot: the port that is in it, or else a free one. All are held until the last is chosen, so no
// two get the same.
func Choose(slots []Slot) error {
	var held holding
	defer held.release()
	for _, s := range slots {
		if *s.Port != 0 && held.take(*s.Port, s.Wide) {
			continue
		}
		free, err := held.takeFree(s.Wide)
		if err != nil {
			return err
		}
		*s.Port = free
	}
	return nil
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
		if port := Lowest + rand.IntN(Highest-Lowest); h.take(port, wide) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found between %d and %d", Lowest, Highest)
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

// Free is a port that nobody uses now, from the range above.
func Free() (int, error) {
	var held holding
	defer held.release()
	return held.takeFree(false)
}
