package base_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/base"
	"meai/activities/backup/repository"
	"meai/internal/objects"
	"meai/internal/pgserver"
)

func TestAFlippedByteInAnyPartIsFound(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	m := s.take(t, c.options())
	dir := filepath.Join(c.dir, "restored")
	for _, object := range m.Objects {
		file := filepath.Join(s.dir, filepath.FromSlash(object.Name))
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		for what, damaged := range map[string][]byte{
			"a byte of the header":   flipped(whole, 1),
			"a byte near the start":  flipped(whole, 100),
			"a byte in the middle":   flipped(whole, len(whole)/2),
			"a byte of the checksum": flipped(whole, len(whole)-1),
			"the end is missing":     whole[:len(whole)-1],
		} {
			t.Run(filepath.Base(file)+": "+what, func(t *testing.T) {
				require.NoError(t, os.WriteFile(file, damaged, 0o600))
				err := base.Extract(t.Context(), s.Repository, m, s.keys, c.account, dir, nil)
				require.ErrorIs(t, err, repository.ErrAltered)
				require.ErrorContains(t, err, object.Name)
				requireNoRemains(t, dir)
			})
		}
		require.NoError(t, os.WriteFile(file, whole, 0o600))
	}

	c.extract(t, s, m)
	file := filepath.Join(dir, "base", "1", "1259")
	contents, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, flipped(contents, 5000), 0o600))
	require.ErrorContains(t, base.Verify(t.Context(), c.binaries, c.account, dir), `checksum mismatch for file "base/1/1259"`)
}

func flipped(whole []byte, at int) []byte {
	damaged := bytes.Clone(whole)
	damaged[at] ^= 0x04
	return damaged
}

func requireNoRemains(t *testing.T, dir string) {
	t.Helper()
	remains, err := filepath.Glob(dir + "*")
	require.NoError(t, err)
	require.Empty(t, remains)
}

func TestAPartThatIsMissingIsFound(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	m := s.take(t, c.options())
	dir := filepath.Join(c.dir, "restored")
	parts := m.Objects
	for i := range parts {
		m.Objects = append(parts[:i:i], parts[i+1:]...)
		require.ErrorIs(t, base.Extract(t.Context(), s.Repository, m, s.keys, c.account, dir, nil), repository.ErrMissing)
	}
	m.Objects = parts
	require.NoError(t, s.Remove(t.Context(), m.Part("backup_manifest.zst")))
	require.ErrorIs(t, base.Extract(t.Context(), s.Repository, m, s.keys, c.account, dir, nil), repository.ErrMissing)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, base.Extract(ended, s.Repository, m, s.keys, c.account, dir, nil), context.Canceled)
	requireNoRemains(t, dir)
}

// TestABackupThatIsBrokenOffLeavesNothing breaks backups off in their midst, which the
// server's own limit of the rate makes last: it sends about 4 MiB.
func TestABackupThatIsBrokenOffLeavesNothing(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	id := newID(t)
	during := func(event func(cancel func())) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o, happened := c.options(), false
		o.MaxRate = 512
		o.Progress = func(done, total int64) {
			if done > 0 && done < total && !happened {
				happened = true
				event(cancel)
			}
		}
		_, _, err := base.Take(ctx, s.Repository, s.key, id, o)
		require.True(t, happened, "the backup was over too soon")
		return err
	}
	t.Run("cancelled", func(t *testing.T) {
		require.ErrorIs(t, during(func(cancel func()) { cancel() }), context.Canceled)
		s.requireNothing(t)
		c.requireOver(t)
	})
	t.Run("the sender is killed", func(t *testing.T) {
		bystander, err := pgx.Connect(t.Context(), c.URL(pgserver.Superuser, "postgres"))
		require.NoError(t, err)
		require.Error(t, during(func(func()) {
			pid, err := strconv.Atoi(ask(t, c.Server, "select pid::text from pg_stat_progress_basebackup"))
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}))
		s.requireNothing(t)
		// The server ends all sessions when it sees that one has crashed, and begins anew.
		require.Eventually(t, func() bool { return bystander.Ping(t.Context()) != nil }, time.Minute, 10*time.Millisecond)
		require.NoError(t, c.AwaitRecovery(t.Context()))
	})
	t.Run("the server is stopped", func(t *testing.T) {
		require.ErrorContains(t, during(func(func()) { require.NoError(t, c.Stop()) }), "terminating connection")
		s.requireNothing(t)
		c.start(t)
	})
	t.Run("the server is killed", func(t *testing.T) {
		require.Error(t, during(func(func()) { c.Kill() }))
		s.requireNothing(t)
		_, _, err := base.Take(t.Context(), s.Repository, s.key, id, c.options())
		require.Error(t, err, "there is no server")
		c.start(t)
	})
	_, _, err := base.Take(t.Context(), s.Repository, s.key, id, c.options())
	require.NoError(t, err, "nothing stands in the way of another attempt")
}

func TestOfSeveralAttemptsAtABackupOneSucceeds(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	m := repository.Manifest{ID: newID(t)}
	o, overtaken := c.options(), false
	o.Progress = func(int64, int64) {
		if !overtaken {
			overtaken = true
			_, parts, err := base.Take(t.Context(), s.Repository, s.key, m.ID, c.options())
			require.NoError(t, err)
			m.Objects = parts
		}
	}
	for range 2 { // the second is refused before it begins
		_, _, err := base.Take(t.Context(), s.Repository, s.key, m.ID, o)
		require.ErrorIs(t, err, objects.ErrExists)
		require.Len(t, m.Objects, 2)
		for _, object := range m.Objects {
			require.NoError(t, s.Check(t.Context(), object), "the others do no harm")
		}
		o.Progress = func(int64, int64) { t.Error("it has begun") }
	}
}

func TestABackupWaitsForTheArchiveAndCanBeCancelledThen(t *testing.T) {
	c := newCluster(t, "archive_mode", "on", "archive_command", "false")
	s := newShelf(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	taken := make(chan error, 1)
	go func() {
		_, _, err := base.Take(ctx, s.Repository, s.key, newID(t), c.options())
		taken <- err
	}()
	require.Eventually(t, func() bool {
		return ask(t, c.Server, "select coalesce(max(phase), '') from pg_stat_progress_basebackup") == "waiting for wal archiving to finish"
	}, 30*time.Second, 20*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-taken, context.Canceled)
	s.requireNothing(t)
	c.requireOver(t)
}

func TestABackupOfADamagedClusterFailsAndNamesTheFile(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	c.exec(t, "create table t as select n from generate_series(1, 10000) n")
	file := ask(t, c.Server, "select pg_relation_filepath('t')")
	require.NoError(t, c.Stop())
	path := filepath.Join(c.data, filepath.FromSlash(file))
	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, flipped(contents, 8192+4000), 0o600))
	c.start(t)
	_, _, err = base.Take(t.Context(), s.Repository, s.key, newID(t), c.options())
	require.ErrorContains(t, err, "checksum verification failure during base backup")
	require.ErrorContains(t, err, file)
	s.requireNothing(t)
}

// limited is a store that has room for so many more bytes of the objects of one part.
type limited struct {
	objects.Erasable
	part string
	room int
}

func (l *limited) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	if !strings.HasSuffix(name, l.part) {
		return l.Erasable.Write(ctx, name, fill)
	}
	return l.Erasable.Write(ctx, name, func(w io.Writer) error { return fill(&room{w, l.room}) })
}

type room struct {
	io.Writer
	left int
}

func (r *room) Write(p []byte) (int, error) {
	if len(p) > r.left {
		return 0, fmt.Errorf("write to disk: %w", syscall.ENOSPC)
	}
	r.left -= len(p)
	return r.Writer.Write(p)
}

func TestAFullDestinationIsSaidAndKeepsNothing(t *testing.T) {
	c := newCluster(t)
	for part, room := range map[string]int{"base.tar.zst": 2 << 20, "backup_manifest.zst": 1000} {
		t.Run(part, func(t *testing.T) {
			s := newShelf(t, func(store objects.Erasable) objects.Erasable { return &limited{store, part, room} })
			_, _, err := base.Take(t.Context(), s.Repository, s.key, newID(t), c.options())
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorContains(t, err, part)
			s.requireNothing(t)
			c.requireOver(t)
		})
	}
}

// distant is a store that does nothing any more once the context has ended, which that
// of a folder might, and it ends when the manifest is written.
type distant struct {
	objects.Erasable
	end func()
}

func (d *distant) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	if strings.HasSuffix(name, "backup_manifest.zst") {
		d.end()
	}
	return d.Erasable.Write(ctx, name, fill)
}

func (d *distant) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Erasable.Remove(ctx, name)
}

func TestWhatIsThereAlreadyIsRemovedWhenABackupIsCancelled(t *testing.T) {
	c := newCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := newShelf(t, func(store objects.Erasable) objects.Erasable { return &distant{store, cancel} })
	_, _, err := base.Take(ctx, s.Repository, s.key, newID(t), c.options())
	require.ErrorIs(t, err, context.Canceled)
	s.requireNothing(t)
	c.requireOver(t)
}

func TestWhatCannotBeTakenIsRefused(t *testing.T) {
	c := newCluster(t)
	s := newShelf(t, nil)
	take := func(id string, change func(*base.Options)) error {
		o := c.options()
		change(&o)
		_, _, err := base.Take(t.Context(), s.Repository, s.key, id, o)
		return err
	}
	require.ErrorContains(t, take("../x", func(*base.Options) {}), "not a backup's id")
	require.ErrorContains(t, take(newID(t), func(o *base.Options) { o.Label = "a\nSTART TIMELINE: 2" }), "control character")
	require.ErrorContains(t, take(newID(t), func(o *base.Options) { o.MaxRate = 1 }), "MAX_RATE")
	require.ErrorContains(t, take(newID(t), func(o *base.Options) { o.URL = "postgres://?pool_max=x&port=no" }), "port")
	c.exec(t, "create role stranger login")
	require.ErrorContains(t, take(newID(t), func(o *base.Options) { o.URL = c.URL("stranger", "postgres") }), "replication")
	if c.binaries.Major < 17 {
		require.ErrorIs(t, take(newID(t), func(o *base.Options) { o.Since = newID(t) }), base.ErrVersion)
	}
	s.requireNothing(t)
}
