package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress prints the steps of a start as they happen, each with its seconds. It is safe for parallel steps.
type Progress struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// NewProgress starts the clock.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out, start: time.Now()} }

// step runs one step. A long step is announced before it runs, so that nobody wonders.
func (p *Progress) step(name, announce string, do func() (done string, err error)) error {
	began := time.Now()
	if announce != "" {
		p.print("  …  %-10s  %s\n", name, announce)
	}
	done, err := do()
	seconds := time.Since(began).Seconds()
	if err != nil {
		p.print("  ✗  %-10s  failed after %.1f s\n", name, seconds)
		return err
	}
	p.print("  ✓  %-10s  %-52s %6.1f s\n", name, done, seconds)
	return nil
}

func (p *Progress) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Progress is a courtesy: a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(p.out, format, args...)
}

func (p *Progress) elapsed() time.Duration { return time.Since(p.start) }
