package wal_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/pgserver"
)

// push configures the server to archive by this program, into a bucket of its account.
func (s *site) push(t *testing.T) (settings map[string]string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	from, err := os.Open(program)
	require.NoError(t, err)
	defer func() { require.NoError(t, from.Close()) }()
	to, err := os.OpenFile(s.path("push"), os.O_CREATE|os.O_WRONLY, 0o700)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	require.NoError(t, s.account.Own(s.path("push")))
	require.NoError(t, s.account.Own(s.bucket))
	given := strings.Join([]string{s.bucket, s.custodians, s.proverKey}, "|")
	return map[string]string{"archive_mode": "on", "archive_command": "WAL_TEST_PUSH='" + given + "' " + s.path("push") + " %p %f"}
}

func TestTheArchiveCommandAloneMakesAnArchiveToRestoreFrom(t *testing.T) {
	s := newSite(t, nil)
	for name, value := range s.push(t) {
		s.settings[name] = value
	}
	require.NoError(t, s.server.Stop())
	s.start(t)
	from := s.base(t, "base")
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), 0)
	l.grow(t, 3000)
	l.end()

	// A promotion leaves the part of a segment, and a history.
	require.NoError(t, s.server.Stop())
	s.empty(t, filepath.Join(s.data, "standby.signal"))
	s.start(t)
	require.True(t, ask[bool](t, s.url(pgserver.Superuser), "select pg_promote(true, 30)"))
	s.exec(t, "insert into acknowledged values (100, 1)")
	end := wal.Position{Timeline: 2, LSN: s.lsn(t)}
	s.exec(t, "select pg_switch_wal()")
	require.Eventually(t, func() bool {
		tip, err := wal.Tip(t.Context(), s.repository, source, from)
		return err == nil && !tip.Before(end)
	}, patience, 50*time.Millisecond)
	require.Zero(t, ask[int](t, s.url(pgserver.Superuser), "select failed_count from pg_stat_archiver"))
	names, err := s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	require.Contains(t, strings.Join(names, "\n"), ".partial", "the end of the first timeline")
	url := s.complete(t, source, "base", from, end, l)
	require.Equal(t, []int32{100}, later(t, url))
}

func TestPushAndTheArchiverDoNotGetInEachOthersWay(t *testing.T) {
	s := newSite(t, map[string]string{"wal_keep_size": "64MB"})
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), time.Millisecond)
	for range 6 {
		l.grow(t, 100)
		closed := ask[string](t, s.url(pgserver.Superuser), "select pg_walfile_name(pg_switch_wal())")
		path := filepath.Join(s.data, "pg_wal", closed)
		var pushing sync.WaitGroup
		for range 2 {
			pushing.Go(func() {
				if err := wal.Push(t.Context(), s.repository, s.to, path, closed); err != nil {
					t.Error(err)
				}
			})
		}
		pushing.Wait()
	}
	l.end()
	archived(t, a, s.lsn(t))
	stop()
	s.onceOnly(t)
	s.complete(t, source, "base", from, a.Status().Tip, l)
}

func TestPushRefusesWhatIsNotWhatItsNameSays(t *testing.T) {
	s := newSite(t, nil)
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), 0)
	l.grow(t, 200)
	l.end()
	name := ask[string](t, s.url(pgserver.Superuser), "select pg_walfile_name(pg_switch_wal())")
	s.exec(t, "insert into acknowledged values (100, 1)")
	segment, err := os.ReadFile(filepath.Join(s.data, "pg_wal", name))
	require.NoError(t, err)
	folder := t.TempDir()
	push := func(content []byte, name string) error {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return wal.Push(t.Context(), s.repository, s.to, path, name)
	}
	next := name[:23] + string(name[23]+1)
	require.ErrorContains(t, push(segment, next), "its name says")
	require.ErrorContains(t, push(segment[:1<<19], name), "bytes")
	require.ErrorContains(t, push(make([]byte, 1<<20), name), "nothing was written")
	require.ErrorContains(t, push([]byte("no segment"), name), "nothing was written")
	require.ErrorContains(t, push([]byte(strings.Repeat("no segment", 1000)), name), "does not begin as a segment")
	require.ErrorContains(t, push(segment, "nonsense"), "not the name of a segment")
	require.ErrorContains(t, wal.Push(t.Context(), s.repository, s.to, t.TempDir()+"/x", "00000002.history"), "tell whose history", "no segment lies beside it")
	names, err := s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	require.Empty(t, names)

	require.NoError(t, push(segment, name))
	require.NoError(t, push(segment, name), "again")
	require.NoError(t, push(nil, name+".00000028.backup"), "labels are not kept")
	names, err = s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	require.Len(t, names, 1)
	segment[len(segment)/2] ^= 1
	require.ErrorIs(t, push(segment, name), wal.ErrConflict, "another server's, or its own past")
	segment[len(segment)/2] ^= 1
	require.NoError(t, push(segment, name))
	require.ErrorContains(t, push([]byte("1\tnowhere\n"), "00000002.history"), "history")
	require.ErrorContains(t, push([]byte("2\t0/1\n"), "00000002.history"), "cannot go on")
	require.NoError(t, push([]byte("1\t0/1\n"), "00000002.history"))
	require.NoError(t, push([]byte("1\t0/1\n"), "00000002.history"))
	require.ErrorIs(t, push([]byte("1\t0/2\n"), "00000002.history"), wal.ErrConflict)

	// What exists counts only when it is whole: PostgreSQL would remove its own.
	object := filepath.Join(s.bucket, filepath.FromSlash(names[0]))
	require.NoError(t, os.Truncate(object, 1000))
	require.ErrorIs(t, push(segment, name), repository.ErrAltered)
	require.Contains(t, names[0], source.System)
}
