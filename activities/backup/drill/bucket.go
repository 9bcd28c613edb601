package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/custody"
)

// bucket is a copy of the stage's, to plant in.
type bucket struct {
	*stage
	dir        string
	number     int
	repository *repository.Repository
}

// copied makes a copy of the bucket as it was when the backup was taken.
func (s *stage) copied(ctx context.Context) (*bucket, error) {
	s.copies++
	b := &bucket{stage: s, number: s.copies, dir: filepath.Join(s.options.Dir, fmt.Sprintf("copy-%d", s.copies))}
	if err := copyTree(s.pristine, b.dir); err != nil {
		return nil, err
	}
	var err error
	b.repository, err = repository.Open(ctx, "file://"+b.dir, s.signer)
	return b, err
}

// copyTree makes a copy of links: what is planted replaces a file, and never writes to one.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return os.Link(path, target)
	})
}

func (b *bucket) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

// into is a folder to restore into.
func (b *bucket) into() string {
	return filepath.Join(b.options.Dir, fmt.Sprintf("restored-%d", b.number))
}

// alter changes what an object holds behind the repository's back.
func (b *bucket) alter(name string, change func([]byte) []byte) error {
	contents, err := os.ReadFile(b.path(name))
	if err != nil {
		return err
	}
	return b.replace(name, change(bytes.Clone(contents)))
}

func (b *bucket) replace(name string, contents []byte) error {
	if err := os.Remove(b.path(name)); err != nil {
		return err
	}
	return os.WriteFile(b.path(name), contents, 0o600)
}

func (b *bucket) remove(names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, os.RemoveAll(b.path(name)))
	}
	return errors.Join(errs...)
}

// flipped changes one bit, at a part in parts of the whole.
func flipped(part, parts int) func([]byte) []byte {
	return func(contents []byte) []byte {
		contents[(len(contents)-1)*part/parts] ^= 1
		return contents
	}
}

func cut(contents []byte) []byte { return contents[:len(contents)*2/3] }

// swap puts each object in the place of the other.
func (b *bucket) swap(one, other string) error {
	first, err := os.ReadFile(b.path(one))
	if err != nil {
		return err
	}
	second, err := os.ReadFile(b.path(other))
	if err != nil {
		return err
	}
	return errors.Join(b.replace(one, second), b.replace(other, first))
}

// errUnseen: whoever reads an object does not see that it was changed.
var errUnseen = errors.New("a flipped bit is not seen")

// everyPlace fails with errUnseen when there is a place of an object where a flipped bit is not seen by
// whoever reads it.
func (b *bucket) everyPlace(ctx context.Context, name string, read func(context.Context, string) error) error {
	whole, err := os.ReadFile(b.path(name))
	if err != nil {
		return err
	}
	const places = 8
	for i := range places + 1 {
		if err := b.replace(name, flipped(i, places)(bytes.Clone(whole))); err != nil {
			return err
		}
		if read(ctx, name) == nil {
			return fmt.Errorf("%s: %w at %d/%d of it", name, errUnseen, i, places)
		}
	}
	return b.replace(name, whole)
}

// contents reads what is sealed to its end.
func (b *bucket) contents(ctx context.Context, name string) error {
	object, err := b.repository.Open(ctx, name, b.repository.ProverKeys(b.Prover))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, object)
	return errors.Join(err, object.Close())
}

// description reads what is signed.
func (b *bucket) description(ctx context.Context, name string) error {
	var says json.RawMessage
	return b.repository.Get(ctx, name, &says)
}

// prover proves backups of the copy.
func (b *bucket) prover() *backup.Prover {
	p := b.Provers()
	p.Repository = b.repository
	p.Scratch = filepath.Join(b.options.Dir, fmt.Sprintf("scratch-%d", b.number))
	p.Weaviate = b.options.Weaviate
	return p
}

// proven has the prover try to prove the backup.
func (b *bucket) proven(ctx context.Context) sighting {
	return b.provenBy(ctx, b.prover(), b.taken.Backup)
}

func (b *bucket) provenBy(ctx context.Context, p *backup.Prover, id string) (seen sighting) {
	in := backup.ProveInput{Backup: id}
	if id == b.taken.Backup {
		in.Mark = b.marked.At
	}
	for _, step := range []func(context.Context, backup.ProveInput) (backup.Outcome, error){p.Verify, p.Prove} {
		outcome, err := step(ctx, in)
		seen = seen.heard(err)
		seen.said = append(seen.said, outcome.Problems...)
		if len(seen.said) > 0 {
			break
		}
	}
	// What the bucket says counts; a backup that cannot be read there has no state.
	entry, err := b.repository.Entry(ctx, id)
	seen.good = len(seen.said) == 0 || err == nil && (entry.State() == repository.Verified || entry.State() == repository.Proven)
	return seen
}

func (b *bucket) restorer(custodians ...custody.Identity) *restore.Restorer {
	r := b.Restorer()
	r.Repository, r.Keys = b.repository, b.repository.CustodiansKeys(custodians...)
	return r
}

// restored has custodians try to restore the backup.
func (b *bucket) restored(ctx context.Context, custodians ...custody.Identity) (seen sighting) {
	r := b.restorer(custodians...)
	plan, err := r.Plan(ctx, restore.Target{Backup: b.taken.Backup, Mark: b.marked.At})
	if err != nil {
		return seen.heard(err)
	}
	return b.carriedOut(ctx, r, plan)
}

// carriedOut does what is left of a restore.
func (b *bucket) carriedOut(ctx context.Context, r *restore.Restorer, plan restore.Plan) (seen sighting) {
	run, err := r.Begin(plan, b.into())
	if err != nil {
		return seen.heard(err)
	}
	defer func() { seen = seen.heard(run.Close()) }()
	for _, step := range restore.Steps() {
		done, err := run.Do(ctx, step, nil)
		seen = seen.heard(err)
		if seen.said = append(seen.said, done.Problems...); err != nil {
			return seen
		}
	}
	seen.good = len(seen.said) == 0
	return seen
}
