package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/activities/backup/wal"
	"meai/internal/objects"
)

// refusals are drills in which the store or the server says no.
func (s *stage) refusals() []drill {
	return []drill{
		{"full disk, while a backup is taken", "Have the bucket's disk be full in the middle of an upload.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.refusedTake(ctx, syscall.ENOSPC) }},
		{"full disk, while the log is archived", "Have the bucket's disk be full when a segment of the log is archived.", fullForLog},
		{"full disk, for a restore", "Restore into a folder with less room than is needed.", fullForRestore},
		{"bucket that cannot be written to", "Have the bucket refuse what is written, as with a credential that has expired.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.refusedTake(ctx, fs.ErrPermission) }},
		{"bucket that cannot be read", "Have the bucket refuse what is read.", unreadable},
		{"role that may not replicate", "Take the right to replicate from the role for backups.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.without(ctx, "replication", "42501") }},
		{"role that may not connect", "Take the right to connect from the role for backups.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.without(ctx, "login", "28000") }},
	}
}

// refusing is a store that fails: what is written after some bytes, what is read at once.
type refusing struct {
	objects.Erasable
	write, read error
}

// takenBefore is how much of an object goes into the store before it fails, in bytes.
const takenBefore = 1 << 10

func (r refusing) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	return r.Erasable.Write(ctx, name, func(w io.Writer) error { return fill(&refusingWriter{w, takenBefore, r.write}) })
}

func (r refusing) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if r.read != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: r.read}
	}
	return r.Erasable.Open(ctx, name)
}

type refusingWriter struct {
	io.Writer
	left int
	err  error
}

func (w *refusingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 && w.err != nil {
		return 0, w.err
	}
	return w.Writer.Write(p)
}

// refuse makes a copy of the bucket whose store fails.
func (s *stage) refuse(ctx context.Context, write, read error) (*bucket, error) {
	b, err := s.copied(ctx)
	if err == nil {
		b.repository = repository.New(refusing{b.repository.Store(), write, read}, s.signer)
	}
	return b, err
}

// refusedTake takes a backup into a store that fails. Nothing of it may be left.
func (s *stage) refusedTake(ctx context.Context, refusal error) (sighting, error) {
	b, err := s.refuse(ctx, refusal, nil)
	if err != nil {
		return sighting{}, err
	}
	before, err := b.repository.Names(ctx, "backups/")
	if err != nil {
		return sighting{}, err
	}
	a := s.Activities()
	a.Repository = b.repository
	_, err = a.Take(ctx, backup.TakeInput{Kind: repository.Postgres})
	after, listing := b.repository.Names(ctx, "backups/")
	seen := sighting{good: err == nil}.heard(err).naming("take a backup of postgres", "base.tar.zst", refusal.Error())
	if len(after) != len(before) {
		return seen, fmt.Errorf("something is left of a backup that was not taken: %s", strings.Join(after, " "))
	}
	return seen, listing
}

// fullForLog archives a segment into a bucket whose disk is full: the server must be told
// to keep it.
func fullForLog(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.refuse(ctx, syscall.ENOSPC, nil)
	if err != nil {
		return sighting{}, err
	}
	name := segmentOf(s.objects.segments[1])
	if err := b.remove(s.objects.segments[1]); err != nil {
		return sighting{}, err
	}
	// The archiver keeps the last ones that it has brought to the bucket.
	err = wal.Push(ctx, b.repository, s.Recipients, filepath.Join(s.Dir, "staging", name), name)
	names, listing := b.repository.Names(ctx, s.objects.segments[1])
	return sighting{good: err == nil || len(names) > 0}.heard(err).naming(name, syscall.ENOSPC.Error()), listing
}

// fullForRestore asks for more room than any disk has.
func fullForRestore(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	r := b.restorer(s.Custodians[:2]...)
	plan, err := r.Plan(ctx, restore.Target{Backup: s.taken.Backup, Mark: s.marked.At})
	if err != nil {
		return sighting{}, err
	}
	plan.Space = 1 << 60
	return b.carriedOut(ctx, r, plan).naming(b.into(), "MB free", "are needed"), nil
}

func unreadable(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.refuse(ctx, nil, fs.ErrPermission)
	if err != nil {
		return sighting{}, err
	}
	return b.proven(ctx).naming(s.objects.base, fs.ErrPermission.Error()), nil
}

// without takes a right from the role for backups, and takes one. The code is
// PostgreSQL's, its words differ between versions.
func (s *stage) without(ctx context.Context, right, code string) (seen sighting, err error) {
	if err := s.Exec(ctx, database, "alter role meai_backup no"+right); err != nil {
		return sighting{}, err
	}
	defer func() { err = errors.Join(err, s.Exec(ctx, database, "alter role meai_backup "+right)) }()
	_, err = s.Activities().Take(ctx, backup.TakeInput{Kind: repository.Postgres})
	return sighting{good: err == nil}.heard(err).naming("take a backup of postgres", "meai_backup", code), nil
}
