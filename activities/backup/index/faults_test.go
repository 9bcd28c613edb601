package index_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/index"
	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/vectors"
)

// at calls do once, when a step is first told of.
func at(step index.Step, do func()) func(index.Progress) {
	done := false
	return func(p index.Progress) {
		if p.Step == step && !done {
			done = true
			do()
		}
	}
}

// attempt takes a backup that is to fail, and shows that nothing counts as taken.
func (s *shelf) attempt(t *testing.T, ctx context.Context, id string, o index.Options) error {
	t.Helper()
	_, _, err := index.Take(ctx, s.Repository, s.key, id, o)
	require.Error(t, err)
	require.Empty(t, s.parts(t, id))
	return err
}

// TestATenantThatIsInactiveIsMissed deactivates one after Take has activated it: Weaviate
// says success for a backup without it.
func TestATenantThatIsInactiveIsMissed(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.subject(t, 3)
	asleep := live.subject(t, 3)
	o := live.how()
	o.Progress = func(p index.Progress) {
		if p.Step == index.Sampling && p.Done == p.Total {
			live.deactivate(t, asleep)
		}
	}
	err := shelf.attempt(t, t.Context(), newID(t), o)
	require.ErrorIs(t, err, index.ErrIncomplete)
	require.ErrorContains(t, err, `it lacks tenant "`+vectors.TenantOf(asleep)+`" of Memory`)
	require.Empty(t, live.staged(t))

	m := shelf.take(t, live.how())
	require.Equal(t, 3, m.Index.Collections[0].Tenants[vectors.TenantOf(asleep)])
}

func TestDamageIsNamedAndNothingIsRestored(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.subject(t, 30)
	m := shelf.take(t, live.how())
	whole, err := os.ReadFile(shelf.file(m))
	require.NoError(t, err)
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 1
	private, _, err := custody.NewIdentity()
	require.NoError(t, err)
	stranger, err := custody.ParseIdentity(private)
	require.NoError(t, err)
	bare, other, astray := m, m, m
	bare.Objects = nil
	astray.Index = &repository.Index{Version: "1.35.2", Node: node, Backup: "../backups"}
	other.Index = &repository.Index{Version: "1.36.0", Node: node, Backup: m.Index.Backup}

	scratch := newServer(t, node)
	for what, c := range map[string]struct {
		object   []byte
		manifest repository.Manifest
		keys     *repository.Keys
		want     error
	}{
		"a flipped byte":              {flipped, m, shelf.keys, repository.ErrAltered},
		"cut by a byte":               {whole[:len(whole)-1], m, shelf.keys, repository.ErrAltered},
		"cut in the middle":           {whole[:len(whole)/2], m, shelf.keys, repository.ErrAltered},
		"cut to nothing":              {nil, m, shelf.keys, repository.ErrAltered},
		"a few bytes more":            {append(bytes.Clone(whole), 1, 2), m, shelf.keys, repository.ErrAltered},
		"another's key":               {whole, m, shelf.ProverKeys(stranger), repository.ErrKey},
		"an object that is not named": {whole, bare, shelf.keys, repository.ErrMissing},
		"a name that leads astray":    {whole, astray, shelf.keys, repository.ErrAltered},
		"a newer server's":            {whole, other, shelf.keys, index.ErrVersion},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, os.WriteFile(shelf.file(m), c.object, 0o600))
			err := index.Restore(t.Context(), shelf.Repository, c.manifest, c.keys, scratch.how())
			require.ErrorIs(t, err, c.want)
			require.Empty(t, scratch.collections(t))
			require.Empty(t, scratch.staged(t))
		})
	}
	t.Run("a missing object", func(t *testing.T) {
		require.NoError(t, os.Remove(shelf.file(m)))
		err := index.Restore(t.Context(), shelf.Repository, m, shelf.keys, scratch.how())
		require.ErrorIs(t, err, repository.ErrMissing)
		require.Empty(t, scratch.collections(t))
	})
	require.NoError(t, os.WriteFile(shelf.file(m), whole, 0o600))
	t.Run("a node of another name", func(t *testing.T) {
		err := index.Restore(t.Context(), shelf.Repository, m, shelf.keys, newServer(t, "node2").how())
		require.ErrorIs(t, err, index.ErrNode)
		require.ErrorContains(t, err, `"node2"`)
	})
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, scratch.how()), "it was the damage alone")
}

func TestAServerThatIsKilledMeanwhile(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	subject := live.subject(t, 30)
	asleep := live.subject(t, 5)
	live.deactivate(t, asleep)
	told := live.found(t, subject)
	id, o := newID(t), live.how()
	o.Progress = at(index.BackingUp, live.Kill)
	require.ErrorIs(t, shelf.attempt(t, t.Context(), id, o), index.ErrServer)
	require.Empty(t, live.staged(t))

	live.start(t)
	m := shelf.takeAs(t, id, live.how()) // the next attempt
	require.Equal(t, map[string]int{vectors.TenantOf(subject): 30, vectors.TenantOf(asleep): 5}, m.Index.Collections[0].Tenants)

	scratch := newServer(t, node)
	o = scratch.how()
	o.Progress = at(index.Restoring, scratch.Kill)
	err := index.Restore(t.Context(), shelf.Repository, m, shelf.keys, o)
	require.ErrorIs(t, err, index.ErrServer)
	require.Empty(t, scratch.staged(t))
	scratch.start(t)
	o = scratch.how()
	o.Drop = true // whatever there is
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, o))
	require.Equal(t, told, scratch.found(t, subject))
}

func TestABackupThatIsCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.subject(t, 30)
	asleep := live.subject(t, 5)
	live.deactivate(t, asleep)
	for _, step := range []index.Step{index.Activating, index.Counting, index.Sampling, index.BackingUp, index.Packing} {
		t.Run(string(step), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			o := live.how()
			o.Progress = at(step, cancel)
			require.ErrorIs(t, shelf.attempt(t, ctx, newID(t), o), context.Canceled)
			require.Empty(t, live.staged(t))
			require.Equal(t, statusOf(false), live.status(t, asleep))
		})
	}
	m := shelf.take(t, live.how())
	require.Len(t, m.Index.Collections[0].Tenants, 2)
	require.Empty(t, live.staged(t), "nor does anything come late")
}

func TestWhatIsWrittenMeanwhileIsNotTakenForDamage(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	grows, stays := live.subject(t, 10), live.subject(t, 6)
	o := live.how()
	o.Progress = at(index.BackingUp, func() { live.remember(t, grows, 10, 25) })
	m := shelf.take(t, o)
	c := m.Index.Collections[0]
	require.Equal(t, 25, c.Tenants[vectors.TenantOf(grows)])
	require.Equal(t, 10, c.Moved[vectors.TenantOf(grows)])
	require.Equal(t, 6, c.Tenants[vectors.TenantOf(stays)])
	require.NotContains(t, c.Moved, vectors.TenantOf(stays))
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, newServer(t, node).how()))
}

// loses kills the server, and the log of a subject's quantised vectors is gone when it
// starts again: it has the objects, and no search by vector finds them.
func (s *server) loses(t *testing.T, subject uuid.UUID) {
	t.Helper()
	s.Kill()
	log := filepath.Join(s.options.Data, "memory", vectors.TenantOf(subject), "lsm", "vectors_compressed_text")
	require.DirExists(t, log)
	require.NoError(t, os.RemoveAll(log))
	s.start(t)
}

// TestVectorsThatTheServerItselfLostAreNoDamageOfTheBackup has Weaviate lose them: 1.35.2
// acknowledges writes whose vectors are not in the write-ahead log yet.
func TestVectorsThatTheServerItselfLostAreNoDamageOfTheBackup(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.loses(t, live.subject(t, 10))
	m := shelf.take(t, live.how())
	require.NotEmpty(t, m.Index.Samples)
	for _, sample := range m.Index.Samples {
		require.True(t, sample.Lost)
	}
	require.NoError(t, index.Restore(t.Context(), shelf.Repository, m, shelf.keys, newServer(t, node).how()))
}

func TestIncrementalBackupsAreRefused(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.subject(t, 1)
	o := live.how()
	o.Base = newID(t)
	err := shelf.attempt(t, t.Context(), newID(t), o)
	require.ErrorIs(t, err, index.ErrIncremental)
	require.ErrorContains(t, err, "version 1.35.2 would make a full one")
}

// TestAnAttemptReplacesTheOneBefore has the first die after it wrote its object, and leave
// something in the staging.
func TestAnAttemptReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	live, shelf := newServer(t, node), newShelf(t)
	live.subject(t, 1)
	id := newID(t)
	_, _, err := index.Take(t.Context(), shelf.Repository, shelf.key, id, live.how())
	require.NoError(t, err)
	left := filepath.Join(live.Backups(), strings.ToLower(id))
	require.NoError(t, os.MkdirAll(left, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "backup_config.json"), []byte(`{"status": "SUCCESS"}`), 0o600))
	m := shelf.takeAs(t, id, live.how())
	require.NoError(t, shelf.Check(t.Context(), m.Objects[0]))

	_, _, err = index.Take(t.Context(), shelf.Repository, shelf.key, id, live.how())
	require.ErrorContains(t, err, "was taken")
	require.NoError(t, shelf.Check(t.Context(), m.Objects[0]))
}
