package wal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/custody"
)

// recorded is an archive of a few segments and a part.
type recorded struct {
	*site
	source   wal.Source
	from, to wal.Position
	names    []string // of the objects between them, in order
}

func record(t *testing.T) recorded {
	t.Helper()
	s := newSite(t, nil)
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	r := recorded{site: s, from: s.base(t, "base"), source: s.source(t)}
	l := startLoad(t, s.url("postgres"), 0)
	for range 3 {
		l.grow(t, 300)
		s.exec(t, "select pg_switch_wal()")
	}
	l.grow(t, 10)
	l.end()
	archived(t, a, s.lsn(t))
	stop()
	r.to = a.Status().Tip
	keys, err := s.repository.Names(t.Context(), "keys/")
	require.NoError(t, err)
	require.Len(t, keys, 1, "one for the life of the archiver")
	names, err := s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	for _, name := range names {
		if filepath.Base(name)[:24] >= r.segment(r.from) {
			r.names = append(r.names, name)
		}
	}
	require.GreaterOrEqual(t, len(r.names), 4)
	require.Contains(t, r.names[len(r.names)-1], ".partial")
	return r
}

// segment is the name of the segment of a position on the first timeline.
func (r recorded) segment(p wal.Position) string {
	return fmt.Sprintf("%08X%016X", p.Timeline, uint64(p.LSN>>20))
}

func (r recorded) file(name string) string {
	return filepath.Join(r.bucket, filepath.FromSlash(name))
}

func (r recorded) check(t *testing.T, o wal.CheckOptions) (wal.Report, error) {
	t.Helper()
	return wal.Check(t.Context(), r.repository, r.source, r.from, r.to, o)
}

func (r recorded) fetch(t *testing.T, keys *repository.Keys, folder string) error {
	t.Helper()
	return wal.Fetch(t.Context(), r.repository, keys, r.source, r.from, r.to, folder, r.account, nil)
}

func TestAnArchiveThatIsComplete(t *testing.T) {
	r := record(t)
	t.Run("and whatever is done to it is named", r.named)
	t.Run("and its tip is found from where it was before", r.tips)
}

func (r recorded) named(t *testing.T) {
	var done, of int
	report, err := r.check(t, wal.CheckOptions{Deep: true, Progress: func(d, o int) { done, of = d, o }})
	require.NoError(t, err)
	require.Equal(t, len(r.names), report.Segments)
	require.Equal(t, []int{len(r.names), len(r.names)}, []int{done, of})
	require.Equal(t, r.to, report.Reach)
	good := r.path("good")
	require.NoError(t, r.fetch(t, r.keys, good))
	last := len(r.names) - 1

	for i, name := range r.names {
		require.NoError(t, os.Rename(r.file(name), r.path("away")))
		segment := filepath.Base(name)[:24]
		report, err := r.check(t, wal.CheckOptions{})
		require.ErrorIs(t, err, wal.ErrIncomplete, "without %s", name)
		var problem wal.Problem
		require.ErrorAs(t, err, &problem)
		require.Equal(t, []wal.Problem{problem}, report.Problems)
		require.Equal(t, segment, problem.First)
		require.Equal(t, map[bool]wal.Class{true: wal.Delayed, false: wal.Missing}[i == last], problem.Class)
		err = r.fetch(t, r.keys, r.path("nothing"))
		require.ErrorIs(t, err, wal.ErrIncomplete)
		require.ErrorContains(t, err, segment)
		require.NoDirExists(t, r.path("nothing"), "it is found before anything is done")
		require.NoError(t, os.Rename(r.path("away"), r.file(name)))
	}

	for _, name := range r.names[1:] {
		whole, err := os.ReadFile(r.file(name))
		require.NoError(t, err)
		flipped := append([]byte(nil), whole...)
		flipped[len(flipped)/2] ^= 1
		for what, content := range map[string][]byte{"a flipped byte": flipped, "cut off": whole[:len(whole)/2], "cut at the end": whole[:len(whole)-1], "empty": nil} {
			require.NoError(t, os.WriteFile(r.file(name), content, 0o600))
			report, err := r.check(t, wal.CheckOptions{Deep: true})
			require.ErrorIs(t, err, wal.ErrIncomplete, what)
			require.Equal(t, []wal.Problem{{Class: wal.Damaged, First: name, Last: name, Text: "its checksum is another"}}, report.Problems)
			folder := r.path("damaged")
			err = r.fetch(t, r.keys, folder)
			require.ErrorIs(t, err, repository.ErrAltered, what)
			require.ErrorContains(t, err, name)
			require.NoFileExists(t, filepath.Join(folder, filepath.Base(name)[:24]))
			require.NoError(t, os.RemoveAll(folder))
		}
		require.NoError(t, os.WriteFile(r.file(name), whole, 0o600))
	}

	t.Run("two objects in each other's place", func(t *testing.T) {
		require.NoError(t, os.Rename(r.file(r.names[1]), r.path("away")))
		require.NoError(t, os.Rename(r.file(r.names[2]), r.file(r.names[1])))
		require.NoError(t, os.Rename(r.path("away"), r.file(r.names[2])))
		require.ErrorIs(t, r.fetch(t, r.keys, r.path("moved")), repository.ErrAltered)
		require.NoError(t, os.Rename(r.file(r.names[1]), r.path("away")))
		require.NoError(t, os.Rename(r.file(r.names[2]), r.file(r.names[1])))
		require.NoError(t, os.Rename(r.path("away"), r.file(r.names[2])))
	})
	t.Run("the wrong key", func(t *testing.T) {
		private, _, err := custody.NewIdentity()
		require.NoError(t, err)
		stranger, err := custody.ParseIdentity(private)
		require.NoError(t, err)
		err = r.fetch(t, r.repository.ProverKeys(stranger), r.path("stranger"))
		require.ErrorIs(t, err, repository.ErrKey)
		require.ErrorContains(t, err, "wal/"+r.source.System)
	})
	t.Run("the keys are gone", func(t *testing.T) {
		require.NoError(t, os.Rename(filepath.Join(r.bucket, "keys"), r.path("keys")))
		require.ErrorIs(t, r.fetch(t, r.repository.ProverKeys(r.prover), r.path("keyless")), repository.ErrMissing)
		require.NoError(t, os.Rename(r.path("keys"), filepath.Join(r.bucket, "keys")))
	})
	t.Run("the bucket cannot be looked at", func(t *testing.T) {
		require.NoError(t, os.Rename(r.bucket, r.path("away")))
		_, err := r.check(t, wal.CheckOptions{})
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NotErrorIs(t, err, wal.ErrIncomplete)
		require.NoError(t, os.Rename(r.path("away"), r.bucket))
	})
	t.Run("questions without an answer", func(t *testing.T) {
		for _, c := range [][2]wal.Position{{{}, r.to}, {r.to, r.from}, {r.from, {LSN: 7}}} {
			_, err := wal.Check(t.Context(), r.repository, r.source, c[0], c[1], wal.CheckOptions{})
			require.ErrorContains(t, err, "there is no log")
		}
		_, err := wal.Check(t.Context(), r.repository, wal.Source{System: "7"}, r.from, r.to, wal.CheckOptions{})
		require.ErrorContains(t, err, "segments")
		_, err = wal.Check(t.Context(), r.repository, wal.Source{System: "7", SegmentSize: 1 << 20}, r.from, wal.Position{}, wal.CheckOptions{})
		require.ErrorIs(t, err, wal.ErrIncomplete, "nothing of this system is archived")
	})
	t.Run("what was fetched before is kept unless it is damaged", func(t *testing.T) {
		first := filepath.Join(good, filepath.Base(r.names[0])[:24])
		before, err := os.Stat(first)
		require.NoError(t, err)
		second := filepath.Join(good, filepath.Base(r.names[1])[:24])
		require.NoError(t, os.Truncate(second, 1000))
		require.NoError(t, r.fetch(t, r.keys, good))
		after, err := os.Stat(first)
		require.NoError(t, err)
		require.True(t, os.SameFile(before, after))
		info, err := os.Stat(second)
		require.NoError(t, err)
		require.EqualValues(t, 1<<20, info.Size())
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = wal.Fetch(ended, r.repository, r.keys, r.source, r.from, r.to, r.path("ended"), r.account, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func (r recorded) tips(t *testing.T) {
	tip := func(since wal.Position) wal.Position {
		p, err := wal.Tip(t.Context(), r.repository, r.source, since)
		require.NoError(t, err)
		return p
	}
	require.Equal(t, r.to, tip(wal.Position{}))
	require.Equal(t, r.to, tip(r.from))
	require.Equal(t, r.to, tip(r.to))
	beyond := wal.Position{Timeline: 1, LSN: r.to.LSN + 5<<20}
	require.Equal(t, beyond, tip(beyond), "it was known once, and is not doubted")

	// With a gap the newest is no longer what follows.
	require.NoError(t, os.Rename(r.file(r.names[1]), r.path("away")))
	require.Equal(t, r.to, tip(wal.Position{}))
	require.Equal(t, wal.Position{Timeline: 1, LSN: (r.from.LSN>>20 + 1) << 20}, tip(r.from))
	require.NoError(t, os.Rename(r.path("away"), r.file(r.names[1])))
	none, err := wal.Tip(t.Context(), r.repository, wal.Source{System: "7", SegmentSize: 1 << 20}, wal.Position{})
	require.NoError(t, err)
	require.Zero(t, none)

	// What is older than the oldest base backup is not needed by any restore.
	second := (r.from.LSN>>20 + 1) << 20
	obsolete, err := wal.Obsolete(t.Context(), r.repository, r.source, second)
	require.NoError(t, err)
	require.Contains(t, obsolete, r.names[0])
	require.NotContains(t, obsolete, r.names[1])
	require.NoError(t, r.repository.Remove(t.Context(), obsolete...))
	_, err = wal.Check(t.Context(), r.repository, r.source, wal.Position{Timeline: 1, LSN: second}, r.to, wal.CheckOptions{Deep: true})
	require.NoError(t, err)
	obsolete, err = wal.Obsolete(t.Context(), r.repository, r.source, second)
	require.NoError(t, err)
	require.Empty(t, obsolete)
}
