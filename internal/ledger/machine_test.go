package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meai/internal/ledger"
)

// TestNoCrashAndNoRaceLosesOrDoublesAnAct drives two writers over one to three stores
// that fail before or after any call, go away and come back; writers die in the
// middle of an append, and one writer's whole append happens between any two calls
// of the other's.
func TestNoCrashAndNoRaceLosesOrDoublesAnAct(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{site: &site{key: key}, done: map[string]ledger.Entry{}}
		for range rapid.IntRange(1, 3).Draw(rt, "stores") {
			m.disks = append(m.disks, newDisk())
		}
		m.writers = []*ledger.Ledger{m.writer(m.fault), m.writer(m.fault)}
		rt.Repeat(map[string]func(*rapid.T){
			"append":  m.append,
			"restart": m.restart,
			"away":    m.leave,
			"":        m.check,
		})
		for _, d := range m.disks {
			d.setAway(false)
		}
		m.plan, m.between = nil, nil
		m.settle(rt)
	})
}

type machine struct {
	*site
	writers []*ledger.Ledger
	// plan are the faults of the next calls; then all is well.
	plan []fault
	// between runs once, before the call that counts down to zero.
	between   func()
	countdown int
	// done are the appends that returned without an error.
	done map[string]ledger.Entry
}

func (m *machine) fault() fault {
	if m.between != nil {
		if m.countdown--; m.countdown < 0 {
			run := m.between
			m.between = nil
			run()
		}
	}
	if len(m.plan) == 0 {
		return fine
	}
	f := m.plan[0]
	m.plan = m.plan[1:]
	return f
}

func (m *machine) append(rt *rapid.T) {
	who := rapid.IntRange(0, 1).Draw(rt, "writer")
	id := fmt.Sprint(rapid.IntRange(0, 6).Draw(rt, "act"))
	if rapid.Bool().Draw(rt, "with faults") {
		m.plan = rapid.SliceOfN(rapid.SampledFrom([]fault{fine, fine, fine, before, after}), 0, 30).Draw(rt, "plan")
	}
	if rapid.Bool().Draw(rt, "with a race") {
		other := fmt.Sprint(rapid.IntRange(0, 6).Draw(rt, "other act"))
		m.countdown = rapid.IntRange(0, 20).Draw(rt, "at call")
		m.between = func() { m.appendAs(rt, 1-who, other) }
	}
	m.appendAs(rt, who, id)
	m.plan, m.between = nil, nil
}

func (m *machine) appendAs(rt *rapid.T, who int, id string) {
	entry, err := m.writers[who].Append(context.Background(), revocation(id))
	if err != nil {
		// Nothing but an outage may stand in the way.
		if !errors.Is(err, ledger.ErrUnavailable) && !errors.Is(err, errAway) {
			rt.Fatalf("append: %v", err)
		}
		return
	}
	if earlier, ok := m.done[id]; ok && earlier.Hash != entry.Hash {
		rt.Fatalf("act %s is entry %d and entry %d", id, earlier.Number, entry.Number)
	}
	m.done[id] = entry
}

// restart is a writer that died: a new process knows nothing.
func (m *machine) restart(rt *rapid.T) {
	m.writers[rapid.IntRange(0, 1).Draw(rt, "writer")] = m.writer(m.fault)
}

// leave takes a store away or brings it back.
func (m *machine) leave(rt *rapid.T) {
	d := rapid.SampledFrom(m.disks).Draw(rt, "store")
	d.setAway(!d.isAway())
}

// check holds what was promised against every store that answers.
func (m *machine) check(rt *rapid.T) {
	reader := m.writer(nil)
	var entries []ledger.Entry
	_, err := reader.Replay(context.Background(), 1, func(_ context.Context, e ledger.Entry) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		if !errors.Is(err, ledger.ErrUnavailable) {
			rt.Fatalf("replay: %v", err)
		}
		return
	}
	m.holdTo(rt, entries)
}

func (m *machine) holdTo(rt *rapid.T, entries []ledger.Entry) {
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.ID] {
			rt.Fatalf("act %s is there twice", e.ID)
		}
		seen[e.ID] = true
	}
	for id, e := range m.done {
		if uint64(len(entries)) < e.Number || entries[e.Number-1].Hash != e.Hash {
			rt.Fatalf("act %s was promised as entry %d and is not there", id, e.Number)
		}
	}
}

// settle ends all faults: every store is whole then, and everything verifies.
func (m *machine) settle(rt *rapid.T) {
	last := m.writer(nil)
	_, err := last.Append(context.Background(), revocation("last"))
	require.NoError(rt, err)
	whole, err := last.Repair(context.Background())
	require.NoError(rt, err)
	require.Equal(rt, len(m.disks), whole)
	report, err := last.Verify(context.Background())
	require.NoError(rt, err)
	require.Empty(rt, report.Findings)
	m.check(rt)
}
