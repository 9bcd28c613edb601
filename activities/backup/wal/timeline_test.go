package wal_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/wal"
	"meai/internal/pgserver"
)

// standby makes a standby of the current server.
func (s *site) standby(t *testing.T, name string) {
	t.Helper()
	s.base(t, name)
	s.empty(t, filepath.Join(s.path(name), "standby.signal"))
	require.NoError(t, os.RemoveAll(filepath.Join(s.path(name), "pg_wal")))
	require.NoError(t, s.account.MakeFolder(filepath.Join(s.path(name), "pg_wal")))
}

func (s *site) empty(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, s.account.Own(path))
}

// follow starts a standby, which streams from the server at the known place.
func (s *site) follow(t *testing.T, name string) *pgserver.Server {
	t.Helper()
	settings := maps.Clone(s.settings)
	settings["primary_conninfo"] = "port=5432 user=postgres host=" + s.path("socket")
	server, err := pgserver.Start(t.Context(), s.binaries, s.account, s.path(name), settings)
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	return server
}

func caughtUp(t *testing.T, standby *pgserver.Server, lsn wal.LSN) {
	t.Helper()
	url := standby.URL(pgserver.Superuser, "postgres")
	require.Eventually(t, func() bool {
		return ask[bool](t, url, "select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)", lsn.String())
	}, patience, 50*time.Millisecond)
}

// promote has a standby take the place of the server, which is gone.
func (s *site) promote(t *testing.T, standby *pgserver.Server) {
	t.Helper()
	s.server.Kill()
	require.True(t, ask[bool](t, standby.URL(pgserver.Superuser, "postgres"), "select pg_promote(true, 30)"))
	s.point(t, standby)
}

func TestTheArchiveFollowsTheServerToOtherTimelines(t *testing.T) {
	s := newSite(t, map[string]string{"wal_keep_size": "64MB"})
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	s.copied(t, "base", "spare")
	s.standby(t, "second")
	second := s.follow(t, "second")
	l := startLoad(t, s.url("postgres"), time.Millisecond)
	l.grow(t, 2000)
	l.end()
	first := s.lsn(t)
	caughtUp(t, second, first)
	archived(t, a, first)

	s.promote(t, second) // it has all that was archived
	s.exec(t, "insert into acknowledged values (100, 1)")
	require.Eventually(t, func() bool { return a.Status().Tip.Timeline == 2 }, patience, 20*time.Millisecond)
	require.Equal(t, 1, a.Status().SlotsLost, "a standby has no slot")

	s.standby(t, "third")
	third := s.follow(t, "third")
	caughtUp(t, third, s.lsn(t))
	third.Kill()
	for n := range 3 { // which the third server never has, but the archive does
		s.exec(t, fmt.Sprintf("insert into acknowledged select %d, generate_series(1, 5000)", 200+n), "select pg_switch_wal()")
	}
	s.exec(t, "insert into acknowledged values (203, 1)")
	ahead := wal.Position{Timeline: 2, LSN: s.lsn(t)}
	archived(t, a, ahead.LSN)
	s.server.Kill()
	third = s.follow(t, "third")
	s.promote(t, third)
	s.exec(t, "insert into acknowledged values (300, 1)")
	require.Eventually(t, func() bool { return a.Status().Tip.Timeline == 3 }, patience, 20*time.Millisecond, "%+v", a.Status())
	end := wal.Position{Timeline: 3, LSN: s.lsn(t)}
	require.Less(t, end.LSN, ahead.LSN)
	archived(t, a, end.LSN)
	require.Nil(t, a.Status().Gap)
	stop()

	left, err := filepath.Glob(s.staging + "/*.left")
	require.NoError(t, err)
	require.Empty(t, left, "it is in the bucket")
	tip, err := wal.Tip(t.Context(), s.repository, source, from)
	require.NoError(t, err)
	require.Equal(t, a.Status().Tip, tip, "following the timelines")
	restored := s.complete(t, source, "base", from, tip, l)
	require.Equal(t, []int32{100, 300}, later(t, s.url("postgres")))
	require.Equal(t, []int32{100, 300}, later(t, restored))

	// What the servers after it never had can be restored as well.
	require.Equal(t, []int32{100, 200, 201, 202, 203}, later(t, s.complete(t, source, "spare", from, ahead, l)))
	report, err := wal.Check(t.Context(), s.repository, source, wal.Position{Timeline: 2, LSN: ahead.LSN}, tip, wal.CheckOptions{})
	require.ErrorIs(t, err, wal.ErrIncomplete)
	require.Equal(t, wal.Forked, report.Problems[0].Class, "the third timeline began before")
}

// later are the writers of the rows that the test wrote itself.
func later(t *testing.T, url string) []int32 {
	t.Helper()
	return ask[[]int32](t, url, "select array_agg(distinct writer order by writer) from acknowledged where writer >= 100")
}
