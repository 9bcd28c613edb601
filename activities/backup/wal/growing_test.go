package wal_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/wal"
)

// TestTheLogMayGrowWhileItIsReadAndFetched: the partial segment that was the newest when
// the names were read is replaced by a longer one before it is its turn.
func TestTheLogMayGrowWhileItIsReadAndFetched(t *testing.T) {
	s := newSite(t, nil)
	o := s.options(t)
	o.PartialEvery = time.Second
	a, _ := s.archive(t, o)
	s.streaming(t)
	from := s.base(t, "base")
	for range 5 {
		s.exec(t, "select pg_logical_emit_message(true, 'x', 'x')", "select pg_switch_wal()")
	}
	grow := func() {
		before := parts(t, s)
		s.exec(t, "insert into acknowledged select 100, coalesce(max(n), 0) + 1 from acknowledged")
		archived(t, a, s.lsn(t))
		require.Eventually(t, func() bool { return len(parts(t, s)) == 1 && parts(t, s)[0] != before[0] }, patience, 50*time.Millisecond)
	}
	s.exec(t, "insert into acknowledged values (100, 1)")
	archived(t, a, s.lsn(t))
	require.Eventually(t, func() bool { return len(parts(t, s)) == 1 }, patience, 50*time.Millisecond)
	source := s.source(t)

	var once sync.Once
	report, err := wal.Check(t.Context(), s.repository, source, from, wal.Position{}, wal.CheckOptions{Deep: true, Progress: func(int, int) { once.Do(grow) }})
	require.NoError(t, err)
	require.Empty(t, report.Problems)

	var again sync.Once
	require.NoError(t, wal.Fetch(t.Context(), s.repository, s.keys, source, from, wal.Position{}, s.path("fetched"), s.account, func(int, int) { again.Do(grow) }))
	fetched, err := filepath.Glob(filepath.Join(s.path("fetched"), "*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(fetched), 5)
}

// parts are the partial segments in the bucket.
func parts(t *testing.T, s *site) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.bucket, "wal", "*", "*", "*.partial"))
	require.NoError(t, err)
	return names
}
