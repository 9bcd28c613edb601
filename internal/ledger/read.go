package ledger

import (
	"context"
	"errors"
	"fmt"

	"meai/internal/objects"
)

// Head is the newest entry; zero for an empty ledger. It asks a majority, so that it
// misses nothing that an [Ledger.Append] has returned.
func (l *Ledger) Head(ctx context.Context) (Entry, error) {
	if err := l.ready(ctx); err != nil {
		return Entry{}, err
	}
	v, err := l.survey(ctx)
	if err != nil {
		return Entry{}, fmt.Errorf("look for the end of the ledger: %w", err)
	}
	return v.head, nil
}

// Entry reads one entry; [objects.ErrAbsent] beyond the end.
func (l *Ledger) Entry(ctx context.Context, number uint64) (Entry, error) {
	if err := l.ready(ctx); err != nil {
		return Entry{}, err
	}
	return l.readAny(ctx, l.replicas, number)
}

// Replay calls apply with every entry from a number (at least 1) on, in order, each
// with its signature and its place in the chain checked. It returns the number to go
// on from: that of the entry that could not be read or applied, or the one after the
// last.
func (l *Ledger) Replay(ctx context.Context, from uint64, apply func(context.Context, Entry) error) (next uint64, err error) {
	if err := l.ready(ctx); err != nil {
		return from, err
	}
	v, err := l.survey(ctx)
	if err != nil {
		return from, fmt.Errorf("replay the ledger: %w", err)
	}
	before := Entry{}
	if from > 1 && from <= v.head.Number {
		if before, err = l.readAny(ctx, v.good, from-1); err != nil {
			return from, fmt.Errorf("replay the ledger: %w", err)
		}
	}
	for next = from; next <= v.head.Number; next++ {
		e, err := l.readAny(ctx, v.good, next)
		if err == nil {
			err = e.follows(before)
		}
		if err == nil {
			err = apply(ctx, e)
		}
		if err != nil {
			return next, fmt.Errorf("replay ledger entry %d: %w", next, err)
		}
		before = e
	}
	return next, nil
}

// Repair gives every store that answers all entries that it lacks. It returns how
// many stores hold everything then.
func (l *Ledger) Repair(ctx context.Context) (whole int, err error) {
	if err := l.ready(ctx); err != nil {
		return 0, err
	}
	v, err := l.survey(ctx)
	if err != nil {
		return 0, fmt.Errorf("repair the ledger: %w", err)
	}
	for _, r := range v.good {
		for {
			before := r.last().Number
			stuck := l.catchUp(ctx, v, r)
			if stuck == nil {
				whole++
				break
			}
			if ctx.Err() != nil || r.last().Number == before {
				err = errors.Join(err, fmt.Errorf("%s: %w", r.name, stuck))
				break
			}
		}
	}
	return whole, err
}

// Fault is what is wrong with an entry in one store.
type Fault string

// The faults that [Ledger.Verify] tells apart.
const (
	// Behind: the store lacks the newest entries; [Ledger.Repair] mends it.
	Behind Fault = "behind"
	// Missing: an entry is gone although the store holds later ones.
	Missing Fault = "missing"
	// Damaged: the object is no entry, or its signature is not the ledger's.
	Damaged Fault = "damaged"
	// Misplaced: the entry is signed but belongs to another place in the chain.
	Misplaced Fault = "misplaced"
	// Forked: the entry is signed and in its place but not the one of the others.
	Forked Fault = "forked"
	// Unreadable: the store does not answer.
	Unreadable Fault = "unreadable"
)

// Finding is one fault.
type Finding struct {
	Store  string
	Fault  Fault
	Number uint64
	Detail string
}

// String is the finding as a line for people.
func (f Finding) String() string {
	return fmt.Sprintf("%s: entry %d: %s: %s", f.Store, f.Number, f.Fault, f.Detail)
}

// Report is what a verification found.
type Report struct {
	Stores  int
	Entries uint64
	Head    Hash
	// Findings are in the order of the entries.
	Findings []Finding
}

// Intact reports that every store holds every entry as it was written.
func (r *Report) Intact() bool { return len(r.Findings) == 0 }

// Verify reads every entry in every store. What only a later look can tell, that
// the newest entries are gone from all of them, it cannot: compare Entries and Head
// with what was known before.
func (l *Ledger) Verify(ctx context.Context) (*Report, error) {
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	report := &Report{Stores: len(l.replicas)}
	end := uint64(0)
	ends := map[*replica]uint64{} // of those that answer
	for _, r := range l.replicas {
		last, err := l.lastPresent(ctx, r)
		if err != nil {
			report.Findings = append(report.Findings, Finding{r.name, Unreadable, last + 1, err.Error()})
			continue
		}
		ends[r], end = last, max(end, last)
	}
	before := Entry{}
	for number := uint64(1); number <= end; number++ {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		agreed := l.verifyNumber(ctx, report, before, number, ends)
		if agreed.Number != 0 {
			report.Entries, report.Head = number, agreed.Hash
		}
		before = agreed
	}
	return report, nil
}

// lastPresent is the newest entry of a store by name alone, whatever it holds.
func (l *Ledger) lastPresent(ctx context.Context, r *replica) (uint64, error) {
	number, missing := uint64(0), uint64(0)
	// A gap of a few must not end the search.
	for probe := uint64(1); missing <= widestGap; probe++ {
		_, err := r.read(ctx, entryName(probe))
		switch {
		case err == nil:
			number, missing = probe, 0
		case errors.Is(err, objects.ErrAbsent):
			missing++
		default:
			return number, err
		}
	}
	return number, nil
}

const widestGap = 16

// verifyNumber looks at one entry in every store and returns the one that most
// stores agree on; zero when there is none in its place.
func (l *Ledger) verifyNumber(ctx context.Context, report *Report, before Entry, number uint64, ends map[*replica]uint64) Entry {
	find := func(r *replica, f Fault, err error) {
		report.Findings = append(report.Findings, Finding{r.name, f, number, err.Error()})
	}
	inPlace := map[*replica]Entry{}
	var count tally
	for _, r := range l.replicas {
		last, answers := ends[r]
		if !answers {
			continue
		}
		e, err := l.read(ctx, r, number)
		switch {
		case errors.Is(err, objects.ErrAbsent) && number > last:
			if number == last+1 {
				find(r, Behind, errors.New("this entry and all after it are not there"))
			}
			continue
		case errors.Is(err, objects.ErrAbsent):
			find(r, Missing, errors.New("later entries are there"))
			continue
		case errors.Is(err, errPlace):
			find(r, Misplaced, err)
			continue
		case errors.Is(err, ErrCorrupt):
			find(r, Damaged, err)
			continue
		case err != nil:
			find(r, Unreadable, err)
			continue
		}
		// After a number that no store holds rightly there is nothing to follow.
		if before.Number == number-1 {
			if err := e.follows(before); err != nil {
				find(r, Misplaced, err)
				continue
			}
		}
		inPlace[r] = e
		count.add(e.object)
	}
	leader, _ := count.leader()
	var agreed Entry
	for r, e := range inPlace {
		if string(e.object) == string(leader) {
			agreed = e
			continue
		}
		find(r, Forked, errors.New("the other stores hold another act here"))
	}
	return agreed
}
