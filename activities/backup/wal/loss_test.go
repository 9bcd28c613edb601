package wal_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/wal"
)

func TestWhatASynchronousArchiveReceivedHoldsEveryAcknowledgedCommit(t *testing.T) {
	s := newSite(t, map[string]string{"synchronous_standby_names": "ANY 1 (" + wal.DefaultName + ")"})
	archiver := s.helper(t, time.Minute)
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), 0)
	l.grow(t, 2000)

	require.NoError(t, syscall.Kill(s.server.PID(), syscall.SIGKILL))
	kill(archiver)
	l.end()
	// The machine with the database is gone: there is the staging folder, and nothing more.
	s.server.Kill()
	require.NoError(t, os.Rename(s.data, s.data+"-gone"))
	url := s.restore(t, "base", "cp "+s.staging+"/%f %p || cp "+s.staging+"/%f.partial %p", from.Timeline)
	l.nothingLost(t, url)
	t.Logf("synchronous: %d acknowledged commits, none lost from the staging folder", l.count())

	// An archiver that is started again brings the rest into the bucket, without the server.
	a, stop := s.archive(t, s.options(t))
	require.Eventually(t, func() bool { return a.Status().Waiting == 0 && !a.Status().TipAt.IsZero() }, patience, 20*time.Millisecond)
	stop()
	tip, err := wal.Tip(t.Context(), s.repository, source, wal.Position{})
	require.NoError(t, err)
	folder := s.path("fetched")
	require.NoError(t, wal.Fetch(t.Context(), s.repository, s.keys, source, from, tip, folder, s.account, nil))
	sameFiles(t, s, folder)
}

// sameFiles compares the fetched folder with the staging folder.
func sameFiles(t *testing.T, s *site, folder string) {
	t.Helper()
	fetched, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.NotEmpty(t, fetched)
	for i, file := range fetched {
		got, err := os.ReadFile(folder + "/" + file.Name())
		require.NoError(t, err)
		want, err := os.ReadFile(s.staging + "/" + file.Name())
		if i == len(fetched)-1 {
			want, err = os.ReadFile(s.staging + "/" + file.Name() + ".partial")
		}
		require.NoError(t, err)
		require.Equal(t, len(want), len(got))
		if i < len(fetched)-1 {
			require.True(t, string(want) == string(got), file.Name())
		}
	}
}

// every is how often parts are archived where the loss is measured. As much may be lost,
// and what the upload takes.
const every = 6 * time.Second

func TestTheBucketAloneLosesLessThanAMinute(t *testing.T) {
	s := newSite(t, nil)
	archiver := s.helper(t, every)
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	// So few that no segment is closed meanwhile: that would be archived at once.
	l := startLoad(t, s.url("postgres"), 100*time.Millisecond)
	begun := time.Now()
	// The worst moment is just before the next part would be archived.
	before, err := wal.Tip(t.Context(), s.repository, source, wal.Position{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		tip, err := wal.Tip(t.Context(), s.repository, source, before)
		return err == nil && tip != before && time.Since(begun) > every
	}, patience, 10*time.Millisecond)
	killedAfter := time.Now().Add(every * 9 / 10)
	require.Eventually(t, func() bool { return time.Now().After(killedAfter) }, patience, 10*time.Millisecond)

	kill(archiver)
	killed := time.Now()
	s.server.Kill()
	l.end()
	// Both machines are gone: there is the bucket, and nothing more.
	require.NoError(t, os.RemoveAll(s.staging))
	require.NoError(t, os.RemoveAll(s.data))
	tip, err := wal.Tip(t.Context(), s.repository, source, wal.Position{})
	require.NoError(t, err)
	lost, since := l.lost(t, s.fetched(t, source, "base", from, tip))
	require.NotZero(t, lost, "the moment was chosen so that something is")
	loss := killed.Sub(since)
	t.Logf("from the bucket alone, parts every %s: %d of %d acknowledged commits lost, those of the last %s", every, lost, l.count(), loss.Round(time.Millisecond))
	require.Less(t, loss, every+5*time.Second)
}

func TestTheLastOfAServerThatDiedIsArchivedAtOnce(t *testing.T) {
	s := newSite(t, nil)
	o := s.options(t)
	o.PartialEvery = time.Hour // it is a minute all the same
	a, _ := s.archive(t, o)
	s.streaming(t)
	archived(t, a, s.lsn(t)-1<<10)
	s.exec(t, "insert into acknowledged values (100, 1)")
	end := s.lsn(t)
	conn := connect(t, s.url("postgres"))
	require.Eventually(t, func() (received bool) {
		err := conn.QueryRow(t.Context(), "select flush_lsn >= $1::pg_lsn from pg_stat_replication", end.String()).Scan(&received)
		return err == nil && received
	}, patience, 10*time.Millisecond)
	require.NoError(t, conn.Close(t.Context()))
	require.Less(t, a.Status().Tip.LSN, end)
	s.server.Kill()
	archived(t, a, end)
}

func TestARestoreEndsExactlyAtItsTarget(t *testing.T) {
	s := newSite(t, nil)
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	var marks [2]wal.Position
	s.exec(t, "insert into acknowledged values (100, 1)")
	marks[0] = wal.Position{Timeline: 1, LSN: s.lsn(t)}
	s.exec(t, "insert into acknowledged values (101, 1)", "select pg_switch_wal()")
	marks[1] = wal.Position{Timeline: 1, LSN: s.lsn(t)}
	require.Zero(t, marks[1].LSN%(1<<20), "where a segment ends")
	s.exec(t, "insert into acknowledged values (102, 1)")
	archived(t, a, s.lsn(t))
	stop()
	for i, mark := range marks {
		name := s.copied(t, "base", fmt.Sprint("to", i))
		url := s.fetched(t, source, name, from, mark,
			"recovery_target_lsn", mark.LSN.String(), "recovery_target_inclusive", "off", "recovery_target_action", "promote")
		require.Equal(t, []int32{100, 101}[:i+1], later(t, url))
	}
}
