package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meai/activities/privacy/erasure"
	"meai/activities/privacy/residue"
)

const (
	// each small person has told so many messages.
	each = 3
	// signingUp is how many people do the same at once before it counts.
	signingUp = 8
)

// many is what erasures side by side have come to.
type many struct {
	begun, point, end time.Time
	certified         int
	// erased and ended count from when each was unreadable on.
	erased, ended result
	unproven      int
	left          map[string]int64
	report        residue.Report
	// before and after are interactions without erasures, among those from the first
	// request until the last certificate, and busy those from the first point of no
	// return on.
	before, among, busy, after result
	failed, degraded           int
	failures                   map[string]int
}

// alone are the interactions without erasures.
func (m many) alone() result {
	var r result
	r.add(m.before)
	r.add(m.after)
	return r
}

// load is people who write, one message after the other.
type load struct {
	mu               sync.Mutex
	messages         []timed
	failed, degraded int
	failures         map[string]int
}

type timed struct {
	begun time.Time
	took  time.Duration
}

// run has people write until ctx is over; a message that is under way then is dropped. A
// failure counts with the time that it took.
func (l *load) run(ctx context.Context, people []*resident) {
	var writing sync.WaitGroup
	for _, p := range people {
		writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				begun := time.Now()
				degraded, err := p.write(ctx, messages[n%len(messages)])
				if ctx.Err() == nil {
					l.note(timed{begun, time.Since(begun)}, degraded, err)
				}
			}
		})
	}
	writing.Wait()
}

func (l *load) note(t timed, degraded bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, t)
	if degraded {
		l.degraded++
	}
	if err != nil {
		l.failed++
		l.failures[err.Error()]++
	}
}

// between are the messages that were begun in a time.
func (l *load) between(from, to time.Time) result {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := result{elapsed: max(to.Sub(from), time.Millisecond)}
	for _, m := range l.messages {
		if !m.begun.Before(from) && m.begun.Before(to) {
			r.latencies = append(r.latencies, m.took)
		}
	}
	return r
}

// eraseMany erases small people side by side while others write.
func (b *privacyBench) eraseMany(ctx context.Context) error {
	small, err := b.settlers(ctx, b.o.Concurrent)
	if err != nil {
		return err
	}
	writers, err := b.settlers(ctx, b.o.Clients)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d people write, without erasures\n", len(writers))
	l := &load{failures: map[string]int{}}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); l.run(writing, writers) }()
	m := &b.found.many
	start := time.Now()
	if err := pause(ctx, b.o.Round); err != nil {
		return err
	}
	m.begun = time.Now()
	m.before = l.between(start, m.begun)
	ids, err := b.requestAll(ctx, small)
	if err != nil {
		return err
	}
	if err := b.awaitAll(ctx, ids); err != nil {
		return err
	}
	m.among, m.busy = l.between(m.begun, m.end), l.between(m.point, m.end)
	fmt.Fprintf(os.Stderr, "%d of %d are certified; the others go on writing\n", m.certified, len(ids))
	rest := time.Now()
	if err := pause(ctx, b.o.Round); err != nil {
		return err
	}
	m.after = l.between(rest, time.Now())
	stop()
	<-done
	m.failed, m.degraded, m.failures = l.failed, l.degraded, l.failures
	return b.lookAfter(ctx, small, ids)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// settlers are new people who have told a little.
func (b *privacyBench) settlers(ctx context.Context, n int) ([]*resident, error) {
	people := make([]*resident, n)
	progress := newProgress("small people", n)
	defer progress.end()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(signingUp)
	for i := range people {
		group.Go(func() (err error) {
			if people[i], err = b.newResident(ctx); err != nil {
				return err
			}
			b.mu.Lock()
			b.made = append(b.made, people[i].id) // whose tenants are removed in the end
			b.mu.Unlock()
			for n := range each {
				if _, err := people[i].write(ctx, messages[(i+n)%len(messages)]); err != nil {
					return err
				}
			}
			progress.add(1)
			return nil
		})
	}
	return people, group.Wait()
}

// requestAll has everybody ask to be erased.
func (b *privacyBench) requestAll(ctx context.Context, people []*resident) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(people))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(signingUp)
	for i, p := range people {
		group.Go(func() (err error) {
			ids[i], err = b.request(ctx, p)
			return err
		})
	}
	return ids, group.Wait()
}

// awaitAll waits until all erasures have ended, or the patience has, and notes how they went.
func (b *privacyBench) awaitAll(ctx context.Context, ids []uuid.UUID) error {
	m := &b.found.many
	progress := newProgress("erasures certified", len(ids))
	defer progress.end()
	for deadline := time.Now().Add(b.o.Patience); ; {
		var certified int
		if err := b.owner.QueryRow(ctx, "select count(*) from erasures where id = any($1) and state = $2", ids, erasure.Certified).Scan(&certified); err != nil {
			return fmt.Errorf("look at the erasures: %w", err)
		}
		progress.add(certified - m.certified)
		m.certified = certified
		if certified == len(ids) || time.Now().After(deadline) {
			break
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	rows, err := b.owner.Query(ctx, "select unreadable_at, erased_at, ended_at from erasures where id = any($1) and unreadable_at is not null", ids)
	if err != nil {
		return fmt.Errorf("look at the erasures: %w", err)
	}
	m.end = time.Now()
	var unreadable time.Time
	var erased, ended *time.Time
	_, err = pgx.ForEachRow(rows, []any{&unreadable, &erased, &ended}, func() error {
		if m.point.IsZero() || unreadable.Before(m.point) {
			m.point = unreadable
		}
		if erased != nil {
			m.erased.latencies = append(m.erased.latencies, erased.Sub(unreadable))
		}
		if ended != nil {
			m.ended.latencies = append(m.ended.latencies, ended.Sub(unreadable))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at the erasures: %w", err)
	}
	return nil
}

// lookAfter verifies every certificate and looks for everybody once more, in all stores
// and all files.
func (b *privacyBench) lookAfter(ctx context.Context, people []*resident, ids []uuid.UUID) (err error) {
	m := &b.found.many
	m.left = map[string]int64{}
	var patterns []residue.Pattern
	for i, p := range people {
		if _, err := b.proven(ctx, ids[i]); err != nil {
			m.unproven++
		}
		left, err := b.count(ctx, p.id)
		if err != nil {
			return err
		}
		for store, n := range left {
			m.left[store] += n
		}
		patterns = append(patterns, residue.Patterns(p.id, nil)...)
	}
	m.report, err = b.search(ctx, patterns)
	return err
}

// listed is a map of counts as text, in the order of the names.
func listed(counts map[string]int64) (text string) {
	for i, name := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", name, counts[name])
	}
	return text
}
