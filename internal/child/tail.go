package child

import (
	"bytes"
	"strings"
	"sync"
)

// Tail keeps the end of a log. It is safe for concurrent use.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

const keptLog = 8 << 10

// Write takes what a program prints.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > keptLog {
		t.buf = bytes.Clone(t.buf[len(t.buf)-keptLog:])
	}
	return len(p), nil
}

// String is the end of it, without white space around.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
