package wal_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/wal"
	"meai/internal/pgserver"
)

// fill writes so many segments.
func (s *site) fill(t *testing.T, segments int) {
	t.Helper()
	for range segments {
		s.exec(t, "select pg_logical_emit_message(false, 'fill', repeat('x', 1000))", "select pg_switch_wal()")
	}
}

func raised(t *testing.T, a *wal.Archiver, alarm wal.Alarm, wanted bool) {
	t.Helper()
	require.Eventually(t, func() bool { return (a.Status().Alarms[alarm] != "") == wanted }, patience, 20*time.Millisecond, "%s: %v", alarm, a.Status().Alarms)
}

func TestASlotThatTheServerGaveUpIsAGapThatIsTold(t *testing.T) {
	s := newSite(t, map[string]string{"max_slot_wal_keep_size": "4MB", "max_wal_size": "1GB"})
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	archived(t, a, s.lsn(t))

	receivers := s.receivers(t)
	require.Len(t, receivers, 1)
	require.NoError(t, syscall.Kill(receivers[0], syscall.SIGSTOP))
	s.fill(t, 10)
	raised(t, a, wal.SlotUnreserved, true) // until the next checkpoint
	require.NoError(t, syscall.Kill(receivers[0], syscall.SIGCONT))
	raised(t, a, wal.SlotUnreserved, false)
	archived(t, a, s.lsn(t))
	stop()
	before := a.Status().Tip

	s.fill(t, 20)
	s.exec(t, "checkpoint")
	require.Equal(t, "lost", ask[string](t, s.url(pgserver.Superuser), "select wal_status from pg_replication_slots"))
	a, stop = s.archive(t, s.options(t))
	s.streaming(t)
	raised(t, a, wal.GapInLog, true)
	require.Equal(t, 1, a.Status().SlotsLost)
	gap := a.Status().Gap
	require.Equal(t, before.LSN>>20, gap.From.LSN>>20)
	s.fill(t, 1)
	again := s.base(t, "again")
	s.exec(t, "insert into acknowledged values (100, 1)")
	archived(t, a, s.lsn(t))
	raised(t, a, wal.SlotLost, false)
	require.Equal(t, []wal.Alarm{wal.GapInLog}, a.Status().Alarmed())
	stop()

	report, err := wal.Check(t.Context(), s.repository, source, from, a.Status().Tip, wal.CheckOptions{Kept: a.Status().Slot.Restart})
	require.ErrorIs(t, err, wal.ErrIncomplete)
	require.Equal(t, wal.Lost, report.Problems[len(report.Problems)-1].Class)
	require.Equal(t, before, report.Reach)
	_, err = wal.Check(t.Context(), s.repository, source, again, a.Status().Tip, wal.CheckOptions{Deep: true})
	require.NoError(t, err, "from the new base backup on it is complete")
	require.Equal(t, []int32{100}, later(t, s.fetched(t, source, "again", again, a.Status().Tip)))
}

func TestAStagingFolderThatIsLostIsMadeUpForByTheServer(t *testing.T) {
	s := newSite(t, map[string]string{"wal_keep_size": "64MB"})
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	s.fill(t, 2)
	archived(t, a, s.lsn(t))
	// It goes with what the bucket does not have yet, and the slot does not keep any more.
	require.NoError(t, os.Rename(s.bucket, s.bucket+"-away"))
	s.exec(t, "insert into acknowledged values (100, 1)")
	s.fill(t, 3)
	require.Eventually(t, func() bool { return a.Status().Waiting == 3 }, patience, 20*time.Millisecond)
	stop()
	require.NoError(t, os.RemoveAll(s.staging))
	require.NoError(t, os.Rename(s.bucket+"-away", s.bucket))

	a, stop = s.archive(t, s.options(t))
	archived(t, a, s.lsn(t))
	require.Nil(t, a.Status().Gap)
	stop()
	s.exec(t, "select pg_drop_replication_slot('"+wal.DefaultName+"')")
	a, stop = s.archive(t, s.options(t))
	s.streaming(t)
	s.fill(t, 8)
	archived(t, a, s.lsn(t))
	require.Equal(t, 1, a.Status().SlotsLost, "somebody dropped it")
	require.Nil(t, a.Status().Gap, "in time")
	raised(t, a, wal.SlotMissing, false)
	require.Eventually(t, func() bool {
		segments, err := filepath.Glob(s.staging + "/" + "[0-9A-F]*[0-9A-F]")
		return err == nil && len(segments) == 4
	}, patience, 20*time.Millisecond, "what is in the bucket is removed but for a few")
	stop()
	_, err := wal.Check(t.Context(), s.repository, source, from, a.Status().Tip, wal.CheckOptions{Deep: true})
	require.NoError(t, err)
	require.Equal(t, []int32{100}, later(t, s.fetched(t, source, "base", from, a.Status().Tip)))
}

func TestCommitsThatWaitForAnArchiveThatIsNotThereAreAnAlarm(t *testing.T) {
	s := newSite(t, map[string]string{"synchronous_standby_names": `ANY 1 (other, "` + wal.DefaultName + `")`})
	o := s.options(t)
	o.Binaries.Dir = s.path("nowhere")
	a, stop := s.archive(t, o)
	raised(t, a, wal.StandbyAbsent, true)
	raised(t, a, wal.ReceiverDown, true)
	require.False(t, a.Status().Receiving)
	stop()
	a, stop = s.archive(t, s.options(t))
	s.streaming(t)
	raised(t, a, wal.StandbyAbsent, false)
	archived(t, a, s.lsn(t))
	status := a.Status()
	require.Equal(t, s.source(t), status.Source)
	require.Equal(t, "reserved", status.Slot.State)
	require.NotZero(t, status.Slot.Restart)
	require.WithinDuration(t, time.Now(), status.TipAt, patience)
	stop()

	// Another server would be archived as this one.
	s.server.Kill()
	delete(s.settings, "min_wal_size") // its segments are larger
	delete(s.settings, "max_wal_size")
	require.NoError(t, os.RemoveAll(s.data))
	require.NoError(t, s.binaries.Init(t.Context(), s.account, s.data))
	s.start(t)
	a, _ = s.archive(t, s.options(t))
	raised(t, a, wal.ReceiverDown, true)
	require.Contains(t, a.Status().LastError, "role", "it does not know the role")
	s.exec(t, "create role "+role+" login replication", "grant pg_monitor to "+role)
	require.Eventually(t, func() bool {
		return strings.Contains(a.Status().LastError, "holds the write-ahead log of system")
	}, patience, 20*time.Millisecond)
}
