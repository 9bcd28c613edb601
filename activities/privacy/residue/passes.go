package residue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meai/internal/turns"
)

// scanning: one pass at a time keeps a core of this process busy.
var scanning = make(turns.Turns, 1)

// passes have those who wait for files to be read share one reading.
type passes struct {
	mu   sync.Mutex
	next *pass // that has not begun
}

// pass is one reading of all files, for all who joined before it began.
type pass struct {
	wanted  [][]Pattern
	done    chan struct{} // closed at its end, when the rest is there
	reports []Report
	err     error
	stopped bool // who read for all was
}

// scan looks for somebody's patterns in the pass that begins next.
func (p *passes) scan(ctx context.Context, f *Files, patterns []Pattern, beat func(n int64)) (Report, error) {
	if beat == nil {
		beat = func(int64) {}
	}
	for {
		joined, number := p.join(patterns)
		if err := p.await(ctx, f, joined, beat); err != nil {
			return Report{}, fmt.Errorf("scan for what is left: %w", err)
		}
		switch {
		case joined.err == nil && joined.hidden(number):
			return p.alone(ctx, f, patterns, beat)
		case joined.err == nil:
			return joined.reports[number], nil
		case !joined.stopped || ctx.Err() != nil:
			return Report{}, joined.err
		}
	}
}

func (p *passes) join(patterns []Pattern) (joined *pass, number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = &pass{done: make(chan struct{})}
	}
	p.next.wanted = append(p.next.wanted, patterns)
	return p.next, len(p.next.wanted) - 1
}

// await ends with the pass. Whoever of it has the turn first reads for all.
func (p *passes) await(ctx context.Context, f *Files, joined *pass, beat func(n int64)) error {
	waiting, served := context.WithCancel(ctx)
	defer served()
	go func() {
		select {
		case <-joined.done:
			served()
		case <-waiting.Done():
		}
	}()
	leave, err := scanning.Take(waiting, time.Second, func() { beat(0) })
	if err != nil {
		select {
		case <-joined.done:
			return nil
		default:
			return err
		}
	}
	defer leave()
	select {
	case <-joined.done:
	default:
		p.begin(joined)
		joined.reports, joined.err = f.read(ctx, joined.wanted, beat)
		joined.stopped = ctx.Err() != nil
		close(joined.done)
	}
	return nil
}

// begin lets nobody else join.
func (p *passes) begin(joined *pass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == joined {
		p.next = nil
	}
}

// hidden: there was more than is counted, and nothing of it is somebody's. It may have been
// theirs.
func (p *pass) hidden(number int) bool {
	r := p.reports[number]
	return len(p.wanted) > 1 && r.More && len(r.Findings) == 0
}

// alone reads for one, in a turn of their own: who read for all has done enough.
func (p *passes) alone(ctx context.Context, f *Files, patterns []Pattern, beat func(n int64)) (Report, error) {
	leave, err := scanning.Take(ctx, time.Second, func() { beat(0) })
	if err != nil {
		return Report{}, fmt.Errorf("scan for what is left: %w", err)
	}
	defer leave()
	reports, err := f.read(ctx, [][]Pattern{patterns}, beat)
	if err != nil {
		return Report{}, err
	}
	return reports[0], nil
}

// read reads all files once.
func (f *Files) read(ctx context.Context, wanted [][]Pattern, beat func(n int64)) (_ []Report, err error) {
	var excuse func(Finding) bool
	if f.Excuses != nil {
		if excuse, err = f.Excuses(ctx); err != nil {
			return nil, fmt.Errorf("scan for what is left: %w", err)
		}
	}
	return scan(ctx, f.Folders, excuse, wanted, beat)
}
