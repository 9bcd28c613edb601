package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"meai/internal/objects"
)

// view is what the stores hold at one moment.
type view struct {
	// head is the newest entry that any good store holds; zero for none.
	head Entry
	// good are the stores that answer and whose past is that of the head.
	good []*replica
}

// survey looks at the end of every store. It fails with [ErrUnavailable] or
// [ErrFork] unless a majority answers and shares one past.
//
// An entry that a store holds was decided, even if no majority holds it yet.
func (l *Ledger) survey(ctx context.Context) (*view, error) {
	states := l.states(ctx)
	candidates := slices.Clone(states)
	slices.SortStableFunc(candidates, func(a, b state) int { return cmp.Compare(b.head.Number, a.head.Number) })
	var best *view
	var forked []string
	for _, candidate := range candidates {
		if candidate.err != nil {
			continue
		}
		v, others := l.sharing(ctx, candidate, states)
		if best == nil || len(v.good) > len(best.good) {
			best, forked = v, others
		}
	}
	for _, name := range forked {
		l.log.Error("a ledger store has another past than the others", "store", name)
	}
	if best != nil && len(best.good) >= l.majority() {
		return best, nil
	}
	if len(forked) > 0 {
		return nil, fmt.Errorf("%w: %q and the others hold different entries", ErrFork, forked)
	}
	return nil, errors.Join(ErrUnavailable, failures(states))
}

// state is the end of one store.
type state struct {
	replica *replica
	head    Entry
	err     error
}

func failures(states []state) (err error) {
	for _, s := range states {
		if s.err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.replica.name, s.err))
		}
	}
	return err
}

func (l *Ledger) states(ctx context.Context) []state {
	states := make([]state, len(l.replicas))
	for i, r := range l.replicas {
		head, err := l.findHead(ctx, r)
		states[i] = state{r, head, err}
		if err != nil && ctx.Err() == nil {
			l.log.Warn("a ledger store does not answer as it should", "store", r.name, "error", err)
		}
	}
	return states
}

// sharing are the stores whose newest entry is in the candidate's chain, and the
// names of those that hold another entry in its place. Each entry holds the hash of
// the one before, so equal ends are equal pasts.
func (l *Ledger) sharing(ctx context.Context, candidate state, states []state) (v *view, forked []string) {
	v = &view{head: candidate.head}
	for _, s := range states {
		if s.err != nil {
			continue
		}
		longer, shorter := candidate, s
		if s.head.Number > candidate.head.Number {
			longer, shorter = s, candidate
		}
		same, err := l.continues(ctx, longer, shorter)
		switch {
		case err != nil:
			l.log.Warn("a ledger store does not answer as it should", "store", longer.replica.name, "error", err)
		case !same:
			forked = append(forked, s.replica.name)
		case s.head.Number <= candidate.head.Number:
			v.good = append(v.good, s.replica)
		}
	}
	return v, forked
}

// continues reports whether the longer store holds the end of the shorter one.
func (l *Ledger) continues(ctx context.Context, longer, shorter state) (bool, error) {
	if shorter.head.Number == 0 || shorter.head.Hash == longer.head.Hash {
		return true, nil
	}
	if shorter.head.Number == longer.head.Number {
		return false, nil
	}
	there, err := l.read(ctx, longer.replica, shorter.head.Number)
	return err == nil && there.Hash == shorter.head.Hash, err
}

// findHead looks for the end of one store, from where it was last time: entries have
// no gaps, so it steps ahead in growing strides and then halves the last one. That
// takes a logarithm of what was added. What an entry on the way holds is not its
// concern, only the last must be sound.
func (l *Ledger) findHead(ctx context.Context, r *replica) (Entry, error) {
	if err := l.recall(ctx, r); err != nil {
		return Entry{}, err
	}
	known := r.last()
	there, stride := known.Number, uint64(1)
	for {
		held, err := r.holds(ctx, there+stride)
		if err != nil {
			return Entry{}, err
		}
		if !held {
			break
		}
		there, stride = there+stride, stride*2
	}
	for absent := there + stride; absent-there > 1; {
		middle := there + (absent-there)/2
		held, err := r.holds(ctx, middle)
		switch {
		case err != nil:
			return Entry{}, err
		case held:
			there = middle
		default:
			absent = middle
		}
	}
	if there == known.Number {
		return known, nil
	}
	head, err := l.read(ctx, r, there)
	if err != nil {
		return Entry{}, err
	}
	r.advance(head)
	return head, nil
}

// holds reports whether there is an object under an entry's number.
func (r *replica) holds(ctx context.Context, number uint64) (bool, error) {
	_, err := r.read(ctx, entryName(number))
	if errors.Is(err, objects.ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}

// recall makes sure that a store still holds what it held last time. One that was
// emptied is searched from the beginning and filled again.
func (l *Ledger) recall(ctx context.Context, r *replica) error {
	known := r.last()
	if known.Number == 0 {
		return nil
	}
	there, err := l.read(ctx, r, known.Number)
	switch {
	case errors.Is(err, objects.ErrAbsent):
		l.log.Error("a ledger store has lost entries", "store", r.name, "entry", known.Number)
	case err != nil:
		return err
	case there.Hash == known.Hash:
		return nil
	}
	r.forget()
	return nil
}

// read reads an entry of one store and checks its signature and number.
func (l *Ledger) read(ctx context.Context, r *replica, number uint64) (Entry, error) {
	object, err := r.read(ctx, entryName(number))
	if err != nil {
		return Entry{}, err
	}
	e, err := decode(&l.key.Public, object)
	if err == nil && e.Number != number {
		err = fmt.Errorf("%w: it is numbered %d", errPlace, e.Number)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("entry %d in %s: %w", number, r.name, err)
	}
	return e, nil
}

// readAny reads an entry from the first store that has it.
func (l *Ledger) readAny(ctx context.Context, replicas []*replica, number uint64) (Entry, error) {
	var failed error
	for _, r := range replicas {
		e, err := l.read(ctx, r, number)
		if err == nil {
			return e, nil
		}
		failed = errors.Join(failed, err)
	}
	return Entry{}, fmt.Errorf("read entry %d: %w", number, failed)
}

func formatPointer(number uint64) []byte { return fmt.Appendf(nil, "%d\n", number) }

func parsePointer(data []byte) (uint64, error) {
	var number uint64
	var err error
	if n := len(data); n > 1 && n < 24 {
		number, err = strconv.ParseUint(string(data[:n-1]), 10, 63)
	}
	if err != nil || number == 0 || string(formatPointer(number)) != string(data) {
		return 0, fmt.Errorf("%w: it is no number", ErrCorrupt)
	}
	return number, nil
}
