package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meai/internal/objects"
)

// decide settles which entry follows the head, mine or that of another writer who
// was there at the same time, and returns it.
//
// Each store has one vote for a number, which is an object that is written once. The
// entry that a majority voted for is decided; there can be no second, and a vote
// never changes. Writers ask the stores in the same order and the later one votes for
// what it finds, so votes are split only when a store answers one of them and not the
// other. When every vote is known and there is no majority, there never will be:
// then another round begins. While a vote that could make a majority is unknown, the
// outcome is too, and nobody goes on ([ErrUnavailable]).
func (l *Ledger) decide(ctx context.Context, v *view, mine Entry) (Entry, error) {
	const mostRounds = 100
	for round := range mostRounds {
		count, err := l.vote(ctx, v, mine, round)
		if err != nil {
			return Entry{}, err
		}
		leader, votes := count.leader()
		unknown := len(l.replicas) - count.total()
		switch {
		case votes >= l.majority():
			return l.valid(leader, v.head)
		case votes+unknown >= l.majority():
			return Entry{}, fmt.Errorf("%w: %d of %d votes on entry %d are known", ErrUnavailable, count.total(), len(l.replicas), mine.Number)
		}
	}
	return Entry{}, fmt.Errorf("%w: no decision on entry %d in %d rounds", ErrUnavailable, mine.Number, mostRounds)
}

// tally counts votes by the bytes that they are for, in the order of their coming.
type tally []struct {
	object []byte
	votes  int
}

func (t *tally) add(object []byte) {
	for i := range *t {
		if string((*t)[i].object) == string(object) {
			(*t)[i].votes++
			return
		}
	}
	*t = append(*t, struct {
		object []byte
		votes  int
	}{object, 1})
}

func (t tally) total() (n int) {
	for _, c := range t {
		n += c.votes
	}
	return n
}

// leader has the most votes; the first to come of several.
func (t tally) leader() (object []byte, votes int) {
	for _, c := range t {
		if c.votes > votes {
			object, votes = c.object, c.votes
		}
	}
	return object, votes
}

// vote collects one round's votes and casts those that nobody has: for the leader
// among the votes so far, mine when there is none.
func (l *Ledger) vote(ctx context.Context, v *view, mine Entry, round int) (tally, error) {
	var count tally
	name := voteName(mine.Number, round)
	for _, r := range l.replicas {
		if !slices.Contains(v.good, r) {
			continue
		}
		choice := mine.object
		if leader, _ := count.leader(); leader != nil {
			// Only what is an entry in this place is worth a vote.
			if _, err := l.valid(leader, v.head); err == nil {
				choice = leader
			}
		}
		object, err := cast(ctx, r, name, choice)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			l.log.Warn("a ledger store does not vote", "store", r.name, "error", err)
			continue
		}
		count.add(object)
	}
	return count, nil
}

// cast writes a store's vote, or reads the one that it has given.
func cast(ctx context.Context, r *replica, name string, choice []byte) ([]byte, error) {
	err := r.create(ctx, name, choice)
	if err == nil {
		return choice, nil
	}
	if !errors.Is(err, objects.ErrExists) {
		return nil, err
	}
	return r.read(ctx, name)
}

// valid reads an entry that was voted for.
func (l *Ledger) valid(object []byte, head Entry) (Entry, error) {
	e, err := decode(&l.key.Public, object)
	if err == nil {
		err = e.follows(head)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("vote on entry %d: %w", head.Number+1, err)
	}
	return e, nil
}
