package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/internal/child"
	"meai/internal/custody"
)

const (
	// slowly is how fast a backup is taken that something happens to, in KiB/s.
	slowly = 256
	// soon bounds every wait for something to happen.
	soon = time.Minute
	// often is how often it is looked for.
	often = 2 * time.Millisecond
)

// await looks for something until it has happened.
func await(ctx context.Context, what string, happened func() bool) error {
	deadline := time.After(soon)
	for !happened() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("within %s there was no %s", soon, what)
		case <-time.After(often):
		}
	}
	return nil
}

// uploads are drills in which a backup is being taken when something happens.
func (s *stage) uploads() []drill {
	return []drill{
		planted("parts without a manifest", "Take the manifest away, as an upload leaves it that was broken off.",
			func(_ context.Context, b *bucket) error { return b.remove(b.objects.manifest) }, s.objects.manifest, repository.ErrMissing.Error()),
		{"kill -9 of who uploads", "Kill a process that is taking a backup.", killedUpload},
		{"PostgreSQL stopped while a backup is taken", "Stop PostgreSQL in the middle of a base backup, as a restart does.",
			func(ctx context.Context, s *stage) (sighting, error) {
				return s.interrupted(ctx, s.Server.Stop, "take a backup of postgres", "terminating connection")
			}},
		{"kill -9 of PostgreSQL while a backup is taken", "Kill PostgreSQL in the middle of a base backup.",
			func(ctx context.Context, s *stage) (sighting, error) {
				return s.interrupted(ctx, func() error { s.Server.Kill(); return nil }, "take a backup of postgres", "unexpected EOF")
			}},
	}
}

// begun lists backups that have files in the scene's bucket, hidden ones too: an object
// has no name before it is whole.
func (s *stage) begun() (ids []string) {
	files, _ := filepath.Glob(filepath.Join(s.Bucket(), "backups", "*", "*")) // it fails for malformed patterns only
	hidden, _ := filepath.Glob(filepath.Join(s.Bucket(), "backups", "*", ".*"))
	for _, path := range slices.Concat(files, hidden) {
		info, err := os.Stat(path)
		if id := filepath.Base(filepath.Dir(path)); err == nil && info.Size() > 0 && id != s.taken.Backup && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// interrupted takes a backup and does something in the middle of it. Nothing of it may
// be left.
func (s *stage) interrupted(ctx context.Context, happen func() error, names ...string) (sighting, error) {
	before := s.begun()
	ended := make(chan error, 1)
	go func() {
		_, err := s.Activities().Take(ctx, backup.TakeInput{Kind: repository.Postgres, MaxRate: slowly})
		ended <- err
	}()
	if err := await(ctx, "beginning of a backup", func() bool { return len(s.begun()) > len(before) }); err != nil {
		return sighting{}, err
	}
	id := another(s.begun(), before)
	if err := happen(); err != nil {
		return sighting{}, err
	}
	err := <-ended
	left, listing := s.Repository.Names(ctx, repository.PartName(id, ""))
	seen := sighting{good: err == nil}.heard(err).naming(append([]string{id}, names...)...)
	if len(left) > 0 {
		return seen, fmt.Errorf("%s is left of a backup that was not taken", left[0])
	}
	return seen, listing
}

// another is what is in the one list and not in the other.
func another(list, before []string) string {
	for _, id := range list {
		if !slices.Contains(before, id) {
			return id
		}
	}
	return ""
}

// orders are what [Upload] is told.
type orders struct {
	Bucket, Server, Custodians, Prover string
}

// Upload takes a backup slowly, in a process that is there to be killed over it.
func Upload(ctx context.Context, given string) error {
	var o orders
	if err := json.Unmarshal([]byte(given), &o); err != nil {
		return fmt.Errorf("read what to upload: %w", err)
	}
	to, err := custody.ParseRecipients(o.Custodians, o.Prover)
	if err != nil {
		return err
	}
	r, err := repository.Open(ctx, o.Bucket, nil)
	if err != nil {
		return err
	}
	a := &backup.Activities{Repository: r, Recipients: to, URL: o.Server, Trail: nobody{}}
	_, err = a.Take(ctx, backup.TakeInput{Kind: repository.Postgres, MaxRate: slowly})
	return errors.Join(err, r.Close())
}

// killedUpload kills a process with its upload half done, and looks what the bucket says
// of it.
func killedUpload(ctx context.Context, s *stage) (sighting, error) {
	if len(s.options.Upload) == 0 {
		return sighting{}, errors.New("there is no program to be killed")
	}
	text, err := json.Marshal(orders{Bucket: s.BucketURL(), Server: s.URL(), Custodians: s.declared, Prover: s.Prover.Public()})
	if err != nil {
		return sighting{}, err
	}
	args := append(slices.Clone(s.options.Upload), string(text))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var said strings.Builder
	cmd.Stderr = &said
	before := s.begun()
	ended, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return sighting{}, fmt.Errorf("start a process that uploads: %w", err)
	}
	waiting := await(ctx, "beginning of a backup", func() bool { return len(s.begun()) > len(before) })
	_ = cmd.Process.Kill() // it may have ended
	how := <-ended
	if waiting != nil {
		return sighting{}, fmt.Errorf("%w: %s (%v)", waiting, said.String(), how)
	}
	return s.notTaken(ctx, another(s.begun(), before))
}

// notTaken tries to prove a backup that was broken off.
func (s *stage) notTaken(ctx context.Context, id string) (sighting, error) {
	entries, err := s.Repository.Catalogue(ctx)
	if err != nil {
		return sighting{}, err
	}
	listed := slices.ContainsFunc(entries, func(e repository.Entry) bool { return e.ID == id })
	_, err = s.Provers().Verify(ctx, backup.ProveInput{Backup: id})
	outcome, proving := s.Provers().Prove(ctx, backup.ProveInput{Backup: id})
	seen := sighting{said: outcome.Problems, good: listed || outcome.State == repository.Proven}
	return seen.heard(err, proving).naming(id, repository.ErrMissing.Error()), os.RemoveAll(filepath.Join(s.Bucket(), "backups", id))
}
