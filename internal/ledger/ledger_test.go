package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/objects"
)

func TestAnActIsAppendedOnceAndKeepsItsPlace(t *testing.T) {
	l, paths := folders(t, newKey(t), 1)
	first, err := l.Append(t.Context(), revocation("a"))
	require.NoError(t, err)
	second, err := l.Append(t.Context(), revocation("b"))
	require.NoError(t, err)
	again, err := l.Append(t.Context(), revocation("a"))
	require.NoError(t, err)
	require.Equal(t, first.Hash, again.Hash)
	require.Equal(t, first.Time, again.Time)

	entries := all(t, l)
	require.Len(t, entries, 2)
	require.Equal(t, []uint64{1, 2}, []uint64{entries[0].Number, entries[1].Number})
	require.Equal(t, first.Hash, entries[1].Previous)
	require.Equal(t, map[string]string{"kind": "api_key", "id": "b"}, second.Fields)

	_, err = l.Append(t.Context(), ledger.Act{Kind: ledger.KeyRevoked, ID: first.ID, Fields: map[string]string{"id": "c"}})
	require.ErrorIs(t, err, ledger.ErrConflict)
	require.Len(t, all(t, l), 2)
	text, err := os.ReadFile(filepath.Join(paths[0], ledger.EntryName(2)))
	require.NoError(t, err)
	require.Contains(t, string(text), "meai-ledger/1\nnumber 2\nprevious ")
}

func TestWordsDoNotFitInAnAct(t *testing.T) {
	l, _ := folders(t, newKey(t), 1)
	for name, act := range map[string]ledger.Act{
		"a sentence":          {Kind: ledger.KeyRevoked, ID: "x", Fields: map[string]string{"why": "she told me"}},
		"an address":          {Kind: ledger.KeyRevoked, ID: "x", Fields: map[string]string{"who": "ann@example.org"}},
		"a line break":        {Kind: ledger.KeyRevoked, ID: "x", Fields: map[string]string{"why": "x\nnumber"}},
		"an empty value":      {Kind: ledger.KeyRevoked, ID: "x", Fields: map[string]string{"why": ""}},
		"an id of words":      {Kind: ledger.KeyRevoked, ID: "Ann's key"},
		"no id":               {Kind: ledger.KeyRevoked},
		"a kind nobody knows": {Kind: "party.held", ID: "x"},
	} {
		_, err := l.Append(t.Context(), act)
		require.True(t, failure.Is(err, failure.InvalidInput), name)
		require.NotContains(t, err.Error(), "told")
	}
	require.Empty(t, all(t, l))
}

func TestManyWritersMakeOneChain(t *testing.T) {
	key := newKey(t)
	_, paths := folders(t, key, 3)
	var urls []string
	for _, p := range paths {
		urls = append(urls, "file://"+p)
	}
	var group sync.WaitGroup
	for w := range 4 {
		l, err := ledger.Open(t.Context(), ledger.Options{Buckets: urls, Key: ledger.Fixed(key)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		group.Go(func() {
			for i := range 10 {
				// Half of the acts are those of another writer too.
				_, err := l.Append(context.Background(), revocation(fmt.Sprint(w%2, "-", i)))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: urls, Key: ledger.Fixed(key)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	require.Len(t, all(t, l), 20)
	report, err := l.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	require.EqualValues(t, 20, report.Entries)
}

func TestAMinorityOfStoresMayBeAwayAndIsRepairedWhenItReturns(t *testing.T) {
	s := newSite(t, 3)
	l := s.writer(nil)
	_, err := l.Append(t.Context(), revocation("a"))
	require.NoError(t, err)
	s.disks[0].setAway(true)
	for i := range 250 { // more than one append catches up with
		_, err = l.Append(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	s.disks[1].setAway(true)
	_, err = l.Append(t.Context(), revocation("z"))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	_, err = l.Head(t.Context())
	require.ErrorIs(t, err, ledger.ErrUnavailable, "who sees a minority does not know the end")

	s.disks[0].setAway(false)
	s.disks[1].setAway(false)
	_, err = l.Append(t.Context(), revocation("z"))
	require.NoError(t, err)
	report, err := l.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Findings, 1)
	require.Equal(t, ledger.Behind, report.Findings[0].Fault)
	require.Equal(t, "store 1", report.Findings[0].Store)
	whole, err := l.Repair(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, whole)
	report, err = l.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.Intact())
	require.EqualValues(t, 252, report.Entries)
}

func TestAnEmptiedStoreIsFilledAgain(t *testing.T) {
	s := newSite(t, 3)
	l := s.writer(nil)
	for i := range 5 {
		_, err := l.Append(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	s.disks[1].bucket = newDisk().bucket
	_, err := l.Append(t.Context(), revocation("next"))
	require.NoError(t, err)
	report, err := l.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.Intact(), report.Findings)
}

// forge is a store whose past is not that of the others: signed by the same key,
// written to itself alone.
func forge(t *testing.T, s *site, at int, acts ...string) {
	t.Helper()
	alone := &site{key: s.key, disks: []*disk{newDisk()}}
	l := alone.writer(nil)
	for _, id := range acts {
		_, err := l.Append(t.Context(), revocation(id))
		require.NoError(t, err)
	}
	s.disks[at] = alone.disks[0]
}

func TestAForkIsNamedAndOutvoted(t *testing.T) {
	s := newSite(t, 3)
	for i := range 4 {
		_, err := s.writer(nil).Append(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	forge(t, s, 2, "0", "x", "y", "z", "longer")
	report, err := s.writer(nil).Verify(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, report.Findings)
	for _, f := range report.Findings {
		if f.Store == "store 3" {
			require.Contains(t, []ledger.Fault{ledger.Forked, ledger.Misplaced}, f.Fault, f)
		}
	}
	_, err = s.writer(nil).Append(t.Context(), revocation("next"))
	require.NoError(t, err, "two of three agree")
	require.Len(t, all(t, s.writer(nil)), 5)

	s.disks[1].setAway(true)
	_, err = s.writer(nil).Append(t.Context(), revocation("more"))
	require.ErrorIs(t, err, ledger.ErrFork)
	_, err = s.writer(nil).Replay(t.Context(), 1, func(context.Context, ledger.Entry) error { return nil })
	require.ErrorIs(t, err, ledger.ErrFork)
}

func TestTamperingIsFoundWhereItIs(t *testing.T) {
	key := newKey(t)
	strangers := newSite(t, 1)
	_, err := strangers.writer(nil).Append(t.Context(), revocation("forged"))
	require.NoError(t, err)
	object := strangers.disks[0].get(t, ledger.EntryName(1))

	for name, c := range map[string]struct {
		tamper func(d *disk)
		fault  ledger.Fault
		number uint64
	}{
		"changed": {func(d *disk) {
			d.put(t, ledger.EntryName(3), bytes.Replace(d.get(t, ledger.EntryName(3)), []byte("field id 2"), []byte("field id 9"), 1))
		}, ledger.Damaged, 3},
		"truncated":              {func(d *disk) { d.put(t, ledger.EntryName(3), d.get(t, ledger.EntryName(3))[:100]) }, ledger.Damaged, 3},
		"signed by a stranger":   {func(d *disk) { d.put(t, ledger.EntryName(1), object) }, ledger.Damaged, 1},
		"removed":                {func(d *disk) { d.remove(t, ledger.EntryName(4)) }, ledger.Missing, 4},
		"removed at the end":     {func(d *disk) { d.remove(t, ledger.EntryName(6)) }, ledger.Behind, 6},
		"put into another place": {func(d *disk) { d.put(t, ledger.EntryName(2), d.get(t, ledger.EntryName(5))) }, ledger.Misplaced, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{key: key, disks: []*disk{newDisk(), newDisk(), newDisk()}}
			for i := range 6 {
				_, err := s.writer(nil).Append(t.Context(), revocation(fmt.Sprint(i)))
				require.NoError(t, err)
			}
			c.tamper(s.disks[1])
			report, err := s.writer(nil).Verify(t.Context())
			require.NoError(t, err)
			require.Len(t, report.Findings, 1)
			require.Equal(t, c.fault, report.Findings[0].Fault, report.Findings[0])
			require.Equal(t, c.number, report.Findings[0].Number)
			require.Equal(t, "store 2", report.Findings[0].Store)
			require.Len(t, all(t, s.writer(nil)), 6, "the others still tell what happened")
		})
	}
}

func TestWithOneStoreATamperedEntryStopsTheReplay(t *testing.T) {
	s := newSite(t, 1)
	for i := range 5 {
		_, err := s.writer(nil).Append(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	s.disks[0].put(t, ledger.EntryName(3), s.disks[0].get(t, ledger.EntryName(2)))
	next, err := s.writer(nil).Replay(t.Context(), 1, func(context.Context, ledger.Entry) error { return nil })
	require.ErrorIs(t, err, ledger.ErrCorrupt)
	require.EqualValues(t, 3, next)
}

func TestReplayGoesOnWhereItStopped(t *testing.T) {
	s := newSite(t, 1)
	l := s.writer(nil)
	for i := range 5 {
		_, err := l.Append(t.Context(), revocation(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	stop := errors.New("stop")
	var seen []uint64
	next, err := l.Replay(t.Context(), 1, func(_ context.Context, e ledger.Entry) error {
		if e.Number == 3 {
			return stop
		}
		seen = append(seen, e.Number)
		return nil
	})
	require.ErrorIs(t, err, stop)
	require.EqualValues(t, 3, next)
	next, err = l.Replay(t.Context(), next, func(_ context.Context, e ledger.Entry) error {
		seen = append(seen, e.Number)
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 6, next)
	require.Equal(t, []uint64{1, 2, 3, 4, 5}, seen)
	next, err = l.Replay(t.Context(), next, func(context.Context, ledger.Entry) error { return stop })
	require.NoError(t, err, "there is nothing new")
	require.EqualValues(t, 6, next)
}

// TestEveryCallMayFail lets each call of an append fail in turn, before and after its
// effect, and appends again: the act is there once.
func TestEveryCallMayFail(t *testing.T) {
	key := newKey(t)
	for _, how := range []fault{before, after} {
		failed := 0
		for call := 0; ; call++ {
			s := &site{key: key, disks: []*disk{newDisk(), newDisk()}}
			_, err := s.writer(nil).Append(t.Context(), revocation("earlier"))
			require.NoError(t, err)
			calls, hit := 0, false
			next := func() fault {
				calls++
				if calls-1 == call {
					hit = true
					return how
				}
				return fine
			}
			if _, err := s.writer(next).Append(t.Context(), revocation("act")); err != nil {
				failed++
			}
			if !hit {
				break
			}
			_, err = s.writer(nil).Append(t.Context(), revocation("act"))
			require.NoError(t, err)
			require.Len(t, all(t, s.writer(nil)), 2, "call %d", call)
			report, err := s.writer(nil).Verify(t.Context())
			require.NoError(t, err)
			require.Empty(t, report.Findings)
		}
		require.Greater(t, failed, 8, "with two stores every failure is felt")
	}
}

func TestALedgerWithoutItsStoresDoesNotOpen(t *testing.T) {
	_, err := ledger.Open(t.Context(), ledger.Options{Key: ledger.Fixed(newKey(t))})
	require.Error(t, err)
	_, err = ledger.Open(t.Context(), ledger.Options{Key: ledger.Fixed(newKey(t)), Buckets: []string{"file:///nowhere/at/all?secret=x"}})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "=x")
	require.Equal(t, []string{"file://a", "s3://b"}, ledger.Buckets("file://a, s3://b,"))
	l, _ := folders(t, newKey(t), 1)
	_, err = l.Entry(t.Context(), 1)
	require.ErrorIs(t, err, objects.ErrAbsent)
}

func FuzzDecode(f *testing.F) {
	s := newSite(f, 1)
	entry, err := s.writer(nil).Append(context.Background(), revocation("a"))
	require.NoError(f, err)
	f.Add(entry.Object())
	f.Add(entry.Object()[:40])
	f.Add([]byte(strings.Repeat("field a b\n", 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		// As it is, and signed: the parser behind the signature is reached too.
		_, err := ledger.Decode(&s.key.Public, data)
		if err != nil {
			require.ErrorIs(t, err, ledger.ErrCorrupt)
		}
		signed, err := s.key.Sign(string(data))
		if err != nil {
			return
		}
		e, err := ledger.Decode(&s.key.Public, signed)
		if err != nil {
			require.ErrorIs(t, err, ledger.ErrCorrupt)
			return
		}
		require.Equal(t, signed, e.Object())
		require.NotZero(t, e.Number)
	})
}
