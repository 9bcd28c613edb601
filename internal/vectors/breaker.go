package vectors

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// tripAfter failures in a row make the breaker refuse calls.
	tripAfter = 3
	// coolDown is how long it refuses them before the next call may try.
	coolDown = 2 * time.Second
)

// breaker keeps calls from waiting for a Weaviate that swallows packets: after a
// few timeouts in a row a person gets the lexical arm at once, and what is to be
// indexed is left for later without holding a database connection.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time
}

// allow reports whether a call may go out. Once the cool-down is over calls go
// out again, and the first that fails renews it.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.now().Before(b.until)
}

// record counts the outcome of a call that went out.
func (b *breaker) record(available bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if available {
		b.failures = 0
		return
	}
	if b.failures++; b.failures >= tripAfter {
		b.until = b.now().Add(coolDown)
	}
}

// guarded makes a call unless the breaker refuses, and records how it went.
func (x *Index) guarded(call func() error) error {
	if !x.breaker.allow() {
		return fmt.Errorf("%w: it failed a moment ago", ErrUnavailable)
	}
	err := call()
	x.breaker.record(!errors.Is(err, ErrUnavailable))
	return err
}
