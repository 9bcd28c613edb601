package wal_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/objects"
)

// complete checks all that is archived, and restores it.
func (s *site) complete(t *testing.T, source wal.Source, base string, from, to wal.Position, l *load) (url string) {
	t.Helper()
	report, err := wal.Check(t.Context(), s.repository, source, from, to, wal.CheckOptions{Deep: true})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.False(t, report.Reach.Before(to))
	url = s.fetched(t, source, base, from, to)
	l.nothingLost(t, url)
	return url
}

func TestNoCrashOfAnyPartLosesOrRepeatsAnything(t *testing.T) {
	s := newSite(t, nil)
	first := s.helper(t, time.Second)
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), time.Millisecond)
	for range 3 { // the archiver, and with it its child
		l.grow(t, 1500)
		kill(first)
		require.Eventually(t, func() bool { return len(s.receivers(t)) == 0 }, patience, 10*time.Millisecond, "the child dies with the archiver")
		first = s.helper(t, time.Second)
	}
	s.streaming(t)
	kill(first)

	a, stop := s.archive(t, s.options(t))
	for range 3 { // pg_receivewal
		s.streaming(t)
		l.grow(t, 500)
		before := s.receivers(t)
		require.Len(t, before, 1)
		require.NoError(t, syscall.Kill(before[0], syscall.SIGKILL))
		require.Eventually(t, func() bool {
			now := s.receivers(t)
			return len(now) == 1 && now[0] != before[0]
		}, patience, 10*time.Millisecond)
	}
	require.GreaterOrEqual(t, a.Status().Restarts, 3)

	s.server.Kill() // PostgreSQL
	s.start(t)
	s.streaming(t)
	l.grow(t, 500)
	s.exec(t, "select pg_switch_wal()")
	l.grow(t, 100)
	l.end()
	archived(t, a, s.lsn(t))
	stop()
	s.onceOnly(t)
	s.complete(t, source, "base", from, a.Status().Tip, l)
}

// onceOnly fails when a segment is in the bucket under two names.
func (s *site) onceOnly(t *testing.T) {
	t.Helper()
	names, err := s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	seen := map[string]string{}
	for _, name := range names {
		segment, _, _ := strings.Cut(filepath.Base(name), ".")
		require.Empty(t, seen[segment], name)
		seen[segment] = name
	}
	require.Greater(t, len(seen), 3)
}

func TestWhatAKilledReceiverLeavesHalfMadeIsMended(t *testing.T) {
	s := newSite(t, nil)
	_, stop := s.archive(t, s.options(t))
	s.streaming(t)
	stop()
	partial, err := filepath.Glob(s.staging + "/*.partial")
	require.NoError(t, err)
	require.Len(t, partial, 1)
	// As it is while it is filled with zeros before the first write.
	require.NoError(t, os.Truncate(partial[0], 0))
	require.NoError(t, os.Truncate(partial[0], 100<<10))
	s.exec(t, "insert into acknowledged values (0, 0)")
	a, _ := s.archive(t, s.options(t))
	archived(t, a, s.lsn(t))
	require.Zero(t, a.Status().Restarts)
	require.Empty(t, a.Status().Alarmed())
}

// fullDisk is the real bucket, whose disk is full for a while: what is written breaks off.
type fullDisk struct {
	objects.Erasable
	full   atomic.Pointer[string] // for names that hold this
	failed atomic.Int32
}

func (f *fullDisk) fill(names string) { f.full.Store(&names) }

func (f *fullDisk) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	return f.Erasable.Write(ctx, name, func(w io.Writer) error {
		if full := f.full.Load(); full != nil && strings.Contains(name, *full) {
			w = &limited{w, 100}
		}
		err := fill(w)
		if err != nil {
			f.failed.Add(1)
		}
		return err
	})
}

type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, syscall.ENOSPC
	}
	return l.Writer.Write(p)
}

func TestABucketThatFailsForAWhileLosesNothing(t *testing.T) {
	s := newSite(t, nil)
	store, err := objects.OpenErasable(t.Context(), "file://"+s.bucket)
	require.NoError(t, err)
	disk := &fullDisk{Erasable: store}
	o := s.options(t)
	o.Repository = repository.New(disk, nil)
	a, stop := s.archive(t, o)
	s.streaming(t)
	from := s.base(t, "base")
	source := s.source(t)
	l := startLoad(t, s.url("postgres"), time.Millisecond)
	l.grow(t, 200)
	archived(t, a, s.lsn(t))

	outage := func(begin, end func()) {
		begin()
		l.grow(t, 100)
		behind := s.lsn(t)
		s.exec(t, "select pg_switch_wal()")
		l.grow(t, 3000)
		s.exec(t, "select pg_switch_wal()")
		require.Eventually(t, func() bool { return a.Status().Alarms[wal.UploadFailing] != "" && a.Status().Waiting >= 2 }, patience, 20*time.Millisecond)
		require.Less(t, a.Status().Tip.LSN, behind)
		require.True(t, a.Status().Receiving, "and it goes on receiving")
		end()
		archived(t, a, s.lsn(t))
		require.Eventually(t, func() bool { return len(a.Status().Alarmed()) == 0 }, patience, 20*time.Millisecond, "%v", a.Status().Alarms)
	}
	outage(func() { disk.fill("") }, func() { disk.full.Store(nil) })
	require.NotZero(t, disk.failed.Load())
	require.Contains(t, a.Status().LastError, "no space left")
	// As when a volume is not mounted any more.
	outage(func() { require.NoError(t, os.Rename(s.bucket, s.bucket+"-away")) }, func() { require.NoError(t, os.Rename(s.bucket+"-away", s.bucket)) })
	l.end()

	// Nothing is archived beyond what does not get there.
	s.exec(t, "insert into acknowledged values (100, 1)")
	segment := ask[string](t, s.url("postgres"), "select pg_walfile_name(pg_current_wal_flush_lsn())")
	disk.fill(segment)
	s.fill(t, 2)
	require.Eventually(t, func() bool { return a.Status().Waiting >= 2 }, patience, 20*time.Millisecond)
	failed := disk.failed.Load()
	require.Eventually(t, func() bool { return disk.failed.Load() > failed+2 }, patience, 20*time.Millisecond)
	names, err := s.repository.Names(t.Context(), "wal/"+source.System+"/00000001/")
	require.NoError(t, err)
	for _, name := range names {
		require.LessOrEqual(t, filepath.Base(name)[:24], segment)
	}
	disk.full.Store(nil)
	archived(t, a, s.lsn(t))
	stop()
	s.complete(t, source, "base", from, a.Status().Tip, l)
}

func TestAnArchiverWithoutItsBucketReceivesAllTheSame(t *testing.T) {
	s := newSite(t, nil)
	_, stop := s.archive(t, s.options(t))
	s.streaming(t)
	stop()
	require.NoError(t, os.Rename(s.bucket, s.bucket+"-away"))
	a, _ := s.archive(t, s.options(t))
	s.streaming(t)
	require.Eventually(t, func() bool { return a.Status().Alarms[wal.UploadFailing] != "" }, patience, 20*time.Millisecond)
	require.NoError(t, os.Rename(s.bucket+"-away", s.bucket))
	archived(t, a, s.lsn(t))
}

func TestOneArchiverWorksOnAStagingFolder(t *testing.T) {
	s := newSite(t, nil)
	s.archive(t, s.options(t))
	s.streaming(t)
	require.ErrorContains(t, wal.New(s.options(t)).Run(t.Context()), "another archiver")
	o := s.options(t)
	o.URL = "host=nowhere password=secret"
	err := wal.New(o).Run(t.Context())
	require.ErrorContains(t, err, "postgres:// URL")
	require.NotContains(t, err.Error(), "secret")
}

func TestWhatAnotherServerArchivedIsNotTakenForItsOwn(t *testing.T) {
	s := newSite(t, nil)
	a, stop := s.archive(t, s.options(t))
	s.streaming(t)
	s.fill(t, 2)
	archived(t, a, s.lsn(t))
	stop()
	names, err := s.repository.Names(t.Context(), "wal/")
	require.NoError(t, err)
	other := names[1][:len(names[1])-16] + "0123456789abcdef" // contents that differ are named differently
	require.NoError(t, os.Rename(filepath.Join(s.bucket, names[1]), filepath.Join(s.bucket, other)))
	a, _ = s.archive(t, s.options(t))
	raised(t, a, wal.Conflict, true)
	require.Contains(t, a.Status().LastError, other)
}

func TestAPasswordIsNotAmongTheArguments(t *testing.T) {
	s := newSite(t, nil)
	o := s.options(t)
	o.URL = strings.Replace(o.URL, role+"@", role+":s3cret@", 1)
	s.archive(t, o)
	s.streaming(t)
	pids := s.receivers(t)
	require.Len(t, pids, 1)
	for _, file := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pids[0]), file))
		require.NoError(t, err)
		require.Equal(t, file == "environ", strings.Contains(string(content), "s3cret"), file)
	}
}
