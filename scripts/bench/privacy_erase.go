package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"

	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
	"meai/activities/privacy/residue"
	"meai/api/client"
)

const (
	// readEvery is how often each reader tries to read the person.
	readEvery = 100 * time.Millisecond
	// lookEvery is how often the erasure's row is looked at.
	lookEvery = 20 * time.Millisecond
	// sampledOf is how many samples are taken of each store to be searched for afterwards.
	sampledOf = 50
)

// timeline is how one erasure went, by PostgreSQL's clock, which is this machine's.
type timeline struct {
	requested time.Time
	// entered is when the erasure came into each state, as far as it was seen there.
	entered map[erasure.State]time.Time
	// point is when it passed the point of no return.
	point                              time.Time
	unreadable, erased, scanned, ended time.Time
	searched                           bool
	counts                             map[string]int64
}

// reader tries to read the person in one way, again and again.
type reader struct {
	name string
	read func(context.Context) (outcome string, ok bool)
	// refused is the first answer that was a refusal and was followed by none that was not.
	refused  time.Time
	times    int
	outcomes map[string]int
}

// eraseOne has the person erased and measures it, with another one beside.
func (b *privacyBench) eraseOne(ctx context.Context, one, beside *resident) error {
	fmt.Fprintln(os.Stderr, "taking down how everything is before")
	r := &b.found.one
	var err error
	if r.beside.before, err = b.picture(ctx, beside); err != nil {
		return err
	}
	samples, err := b.sample(ctx, one.id)
	if err != nil {
		return err
	}
	if r.before, err = b.count(ctx, one.id); err != nil {
		return err
	}
	readers, err := b.readers(ctx, one)
	if err != nil {
		return err
	}
	id, err := b.request(ctx, one)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "erasure %s has begun\n", id)
	if r.timeline, err = b.follow(ctx, one, id, readers); err != nil {
		return err
	}
	r.readers = readers
	if r.after, err = b.count(ctx, one.id); err != nil {
		return err
	}
	if r.rounds, err = b.searches(ctx, id); err != nil {
		return err
	}
	if !r.ended.IsZero() {
		if r.proven, err = b.proven(ctx, id); err != nil {
			return err
		}
	}
	if r.report, err = b.search(ctx, residue.Patterns(one.id, samples)); err != nil {
		return err
	}
	r.beside.after, err = b.picture(ctx, beside)
	return err
}

// sample takes down what to search for: ids, pieces of ciphertext and of vectors.
func (b *privacyBench) sample(ctx context.Context, subject uuid.UUID) (map[string][][]byte, error) {
	samples := map[string][][]byte{}
	for _, s := range b.stores {
		some, err := s.Sample(ctx, subject, sampledOf)
		if err != nil {
			return nil, fmt.Errorf("take samples of %s: %w", s.Name(), err)
		}
		samples[s.Name()] = some
		b.found.samples += len(some)
	}
	return samples, nil
}

// count asks every store how much it holds; those that hold nothing are left out.
func (b *privacyBench) count(ctx context.Context, subject uuid.UUID) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, s := range b.stores {
		n, err := s.Count(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("count in %s: %w", s.Name(), err)
		}
		if n > 0 {
			counts[s.Name()] += n
		}
	}
	known, err := b.db.KnowsSubject(ctx, subject)
	if known {
		counts["postgres.subjects"] = 1
	}
	return counts, err
}

// readers are the ways in which somebody may read the person: over HTTP what they
// remember and what was said, and, with the keys, in another process than the product's.
func (b *privacyBench) readers(ctx context.Context, one *resident) ([]*reader, error) {
	answer := func(err error, response *http.Response) (string, bool) {
		if err != nil || response == nil {
			return "no answer", false
		}
		return fmt.Sprint(response.StatusCode), response.StatusCode == http.StatusOK
	}
	list, err := one.api.ListInteractionsWithResponse(ctx, one.session, nil)
	if err != nil {
		return nil, err
	}
	if list.JSON200 == nil {
		return nil, fmt.Errorf("list interactions: %s", list.Status())
	}
	return []*reader{
		{name: "recall over HTTP", read: func(ctx context.Context) (string, bool) {
			got, err := one.api.QueryMemoryWithResponse(ctx, client.MemoryQuery{Query: "What did I say about my sister?"})
			if err != nil {
				return answer(err, nil)
			}
			return answer(nil, got.HTTPResponse)
		}},
		{name: "interactions over HTTP", read: func(ctx context.Context) (string, bool) {
			got, err := one.api.ListInteractionsWithResponse(ctx, one.session, nil)
			if err != nil {
				return answer(err, nil)
			}
			if got.JSON200 != nil && len(got.JSON200.Interactions) == 0 {
				return "200, empty", false // the session's row goes after what was said in it
			}
			return answer(nil, got.HTTPResponse)
		}},
		{name: "keys in another process", read: func(ctx context.Context) (string, bool) {
			if _, err := b.keys.Keys(ctx, one.id); err != nil {
				return "none", false
			}
			return "there", true
		}},
	}, nil
}

// request has the person ask to be erased at once, with a fresh sign-in.
func (b *privacyBench) request(ctx context.Context, r *resident) (uuid.UUID, error) {
	if err := b.signInAgain(ctx, r); err != nil {
		return uuid.Nil, err
	}
	got, err := r.api.RequestErasureWithResponse(ctx, client.NewErasure{Confirm: client.NewErasureConfirmEraseEverything, SkipCoolingOff: true})
	if err != nil {
		return uuid.Nil, err
	}
	if got.JSON202 == nil {
		return uuid.Nil, fmt.Errorf("no erasure: %s %s", got.Status(), got.Body)
	}
	return got.JSON202.Id, nil
}

// follow reads the person again and again, has them write until they cannot any more, and
// looks at the erasure until it has ended, or the patience has.
func (b *privacyBench) follow(ctx context.Context, one *resident, id uuid.UUID, readers []*reader) (timeline, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var busy sync.WaitGroup
	for _, r := range readers {
		busy.Go(func() { r.run(reading) })
	}
	busy.Go(func() {
		for reading.Err() == nil {
			if _, err := one.write(reading, messages[0]); err != nil {
				return // they are frozen
			}
		}
	})
	t, err := b.watch(ctx, id)
	stop()
	busy.Wait()
	return t, err
}

func (r *reader) run(ctx context.Context) {
	r.outcomes = map[string]int{}
	for tick := time.NewTicker(readEvery); ; {
		outcome, ok := r.read(ctx)
		if ctx.Err() != nil {
			tick.Stop()
			return
		}
		r.times++
		r.outcomes[outcome]++
		if ok {
			r.refused = time.Time{}
		} else if r.refused.IsZero() {
			r.refused = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// after is how long after the point of no return it was refused; less than zero for what
// was refused before. ok is false for who could read to the end.
func (r *reader) after(point time.Time) (d time.Duration, ok bool) {
	return r.refused.Sub(point), !r.refused.IsZero()
}

// watch looks at an erasure's row until it has ended, or the patience has. Where the state of the point of no
// return is not seen, the moment before counts.
func (b *privacyBench) watch(ctx context.Context, id uuid.UUID) (t timeline, err error) {
	t.entered = map[erasure.State]time.Time{}
	var before time.Time
	for deadline := time.Now().Add(b.o.Patience); ; {
		var state erasure.State
		var changed time.Time
		var unreadable, erased, scanned, ended *time.Time
		looked := time.Now()
		err := b.owner.QueryRow(ctx, `select state, changed_at, requested_at, unreadable_at, erased_at, scanned_at, ended_at, searched, counts
			from erasures where id = $1`, id).Scan(&state, &changed, &t.requested, &unreadable, &erased, &scanned, &ended, &t.searched, &t.counts)
		if err != nil {
			return t, fmt.Errorf("look at the erasure, which was last in %s: %w", t.last(), err)
		}
		if _, seen := t.entered[state]; !seen {
			fmt.Fprintf(os.Stderr, "the erasure is %s\n", state)
			t.entered[state] = changed
		}
		switch {
		case state.Revocable():
			before = looked
		case t.point.IsZero() && state == erasure.Destroying:
			t.point = changed
		case t.point.IsZero():
			t.point = before
		}
		for _, at := range []struct{ to, from *time.Time }{{&t.unreadable, unreadable}, {&t.erased, erased}, {&t.scanned, scanned}, {&t.ended, ended}} {
			if at.from != nil {
				*at.to = *at.from
			}
		}
		if ended != nil || looked.After(deadline) {
			return t, nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return t, fmt.Errorf("look at the erasure, which is %s: %w", state, err)
		}
	}
}

// last is the state that it came into last.
func (t timeline) last() erasure.State {
	states := slices.Collect(maps.Keys(t.entered))
	if len(states) == 0 {
		return "none"
	}
	return slices.MaxFunc(states, func(a, b erasure.State) int { return t.entered[a].Compare(t.entered[b]) })
}

// searches is how often an erasure was searched for what is left, by its history.
func (b *privacyBench) searches(ctx context.Context, id uuid.UUID) (n int, err error) {
	events := b.temporal.GetWorkflowHistory(ctx, erasure.WorkflowID(id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return n, fmt.Errorf("read the history of the erasure: %w", err)
		}
		if event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "erasure.Scan" {
			n++
		}
	}
	return n, nil
}

// proven reads an erasure's certificate as anybody can, and verifies it.
func (b *privacyBench) proven(ctx context.Context, id uuid.UUID) (c erasure.Certificate, err error) {
	anybody, err := client.NewClientWithResponses(b.product.base)
	if err != nil {
		return c, err
	}
	got, err := anybody.GetCertificatesWithResponse(ctx, id, nil)
	if err != nil {
		return c, err
	}
	if got.JSON200 == nil || len(got.JSON200.Certificates) == 0 {
		return c, fmt.Errorf("no certificate: %s", got.Status())
	}
	key, err := erasure.Key(ctx, b.keys)
	if err != nil {
		return c, err
	}
	return erasure.OpenCertificate(&key.Public, []byte(got.JSON200.Certificates[0].Note))
}

// search reads every file of all engines and of the installation for what should be gone.
func (b *privacyBench) search(ctx context.Context, patterns []residue.Pattern) (residue.Report, error) {
	var folders []string
	for _, folder := range b.folders {
		if _, err := os.Stat(folder); err == nil {
			folders = append(folders, folder)
		} else if !errors.Is(err, os.ErrNotExist) {
			return residue.Report{}, fmt.Errorf("look for %s: %w", folder, err)
		}
	}
	excuse, err := (&stores.Tenant{Index: b.index}).Excuse(ctx)
	if err != nil {
		return residue.Report{}, err
	}
	fmt.Fprintf(os.Stderr, "searching for %d patterns in %s\n", len(patterns), strings.Join(folders, ", "))
	return residue.Scan(ctx, residue.Options{Folders: folders, Patterns: patterns, Excuse: excuse}, nil)
}
