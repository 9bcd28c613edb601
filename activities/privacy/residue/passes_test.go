package residue_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/residue"
	"meai/internal/canary"
)

// gate are files of which the first pass waits at its beginning.
type gate struct {
	residue.Files
	passes    atomic.Int32
	open      chan struct{}
	asked     atomic.Int32
	searching sync.WaitGroup
}

func newGate(dir string) *gate {
	g := &gate{open: make(chan struct{})}
	g.Folders = []string{dir}
	g.Excuses = func(ctx context.Context) (func(residue.Finding) bool, error) {
		if g.passes.Add(1) == 1 {
			select {
			case <-g.open:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return func(residue.Finding) bool { return false }, nil
	}
	return g
}

type searched struct {
	found map[string]int64
	err   error
}

// search looks for somebody and returns at once; the result is there once searching is over.
func (g *gate) search(ctx context.Context, subject uuid.UUID, sample []byte) *searched {
	return g.searchFor(ctx, subject, map[string][][]byte{"sessions": {sample}})
}

func (g *gate) searchFor(ctx context.Context, subject uuid.UUID, samples map[string][][]byte) *searched {
	var s searched
	g.searching.Go(func() {
		s.found, _, s.err = g.Scan(ctx, subject, samples, func(int64) { g.asked.Add(1) })
	})
	return &s
}

func TestWhoWaitsIsServedByOnePass(t *testing.T) {
	dir := t.TempDir()
	shared := random(32)
	people := make([]uuid.UUID, 6)
	results := make([]*searched, len(people))
	g := newGate(dir)
	for i := range people {
		people[i] = uuid.New()
		if i%2 == 0 {
			write(t, filepath.Join(dir, "of-"+string(rune('a'+i))), people[i][:])
		}
	}
	write(t, filepath.Join(dir, "shared"), shared)
	for i, p := range people {
		results[i] = g.search(t.Context(), p, shared)
		if i == 0 {
			require.Eventually(t, func() bool { return g.passes.Load() == 1 }, 10*time.Second, time.Millisecond)
		}
	}
	// Each of those who wait has shown a sign of life, so all of them have joined.
	require.Eventually(t, func() bool { return g.asked.Load() >= int32(3*len(people)) }, 20*time.Second, time.Millisecond)
	close(g.open)
	g.searching.Wait()
	require.EqualValues(t, 2, g.passes.Load(), "the first, and one for all others")
	for i, r := range results {
		require.NoError(t, r.err)
		require.EqualValues(t, 1, r.found[filepath.Join(dir, "shared")+": piece of sessions"], "what two look for is found for both: %v", r.found)
		require.Len(t, r.found, 2-i%2, "one's own, and nobody else's: %v", r.found)
	}
}

// reader is who a context is of.
type reader struct{}

func TestWhoReadsForAllAndIsStoppedIsFollowedByAnother(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), random(100))
	g := newGate(dir)
	before, reading := g.Excuses, make(chan int, 1)
	g.Excuses = func(ctx context.Context) (func(residue.Finding) bool, error) {
		excuse, err := before(ctx)
		if who, ok := ctx.Value(reader{}).(int); ok && g.passes.Load() == 2 {
			reading <- who
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return excuse, err
	}
	first := g.search(t.Context(), uuid.New(), random(32))
	require.Eventually(t, func() bool { return g.passes.Load() == 1 }, 10*time.Second, time.Millisecond)
	var both [2]*searched
	var stop [2]context.CancelFunc
	for i := range both {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), reader{}, i))
		defer cancel()
		both[i], stop[i] = g.search(ctx, uuid.New(), random(32)), cancel
	}
	require.Eventually(t, func() bool { return g.asked.Load() >= 6 }, 20*time.Second, time.Millisecond, "both wait")
	close(g.open)
	stopped := <-reading
	stop[stopped]()
	g.searching.Wait()
	require.NoError(t, first.err)
	require.ErrorIs(t, both[stopped].err, context.Canceled)
	require.NoError(t, both[1-stopped].err)
	require.EqualValues(t, 3, g.passes.Load())
}

func TestSomebodysManyTracesHideNobodyElses(t *testing.T) {
	dir, many, one := t.TempDir(), uuid.New(), uuid.New()
	write(t, filepath.Join(dir, "a"), bytes.Repeat(many[:], canary.MostFindings+1))
	write(t, filepath.Join(dir, "b"), one[:])
	g := newGate(dir)
	first := g.search(t.Context(), uuid.New(), random(32))
	require.Eventually(t, func() bool { return g.passes.Load() == 1 }, 10*time.Second, time.Millisecond)
	full, hidden := g.search(t.Context(), many, random(32)), g.search(t.Context(), one, random(32))
	require.Eventually(t, func() bool { return g.asked.Load() >= 6 }, 20*time.Second, time.Millisecond)
	close(g.open)
	g.searching.Wait()
	require.NoError(t, first.err)
	require.NoError(t, full.err)
	require.NoError(t, hidden.err)
	require.NotEmpty(t, full.found)
	require.Len(t, hidden.found, 1)
	for place := range hidden.found {
		require.True(t, strings.HasPrefix(place, filepath.Join(dir, "b")), place)
	}
}

func TestWhatIsExcusedForOneIsStillFoundForAnother(t *testing.T) {
	dir, shared := t.TempDir(), random(32)
	write(t, filepath.Join(dir, "a"), shared)
	g := newGate(dir)
	before := g.Excuses
	g.Excuses = func(ctx context.Context) (func(residue.Finding) bool, error) {
		_, err := before(ctx)
		return func(f residue.Finding) bool { return f.Pattern == residue.PieceOf("vectors") }, err
	}
	first := g.search(t.Context(), uuid.New(), random(32))
	require.Eventually(t, func() bool { return g.passes.Load() == 1 }, 10*time.Second, time.Millisecond)
	excused := g.searchFor(t.Context(), uuid.New(), map[string][][]byte{"vectors": {shared}})
	found := g.searchFor(t.Context(), uuid.New(), map[string][][]byte{"sessions": {shared}})
	require.Eventually(t, func() bool { return g.asked.Load() >= 6 }, 20*time.Second, time.Millisecond)
	close(g.open)
	g.searching.Wait()
	for _, s := range []*searched{first, excused, found} {
		require.NoError(t, s.err)
	}
	require.Empty(t, excused.found)
	require.Len(t, found.found, 1)
}
