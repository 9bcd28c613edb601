package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/signing"
)

// stage is a scene with one backup that was taken, which the drills share. What lies in
// its bucket is never changed: each drill plants in a copy of its own.
type stage struct {
	*Scene
	options Options
	log     *slog.Logger
	keyring *keyring.Keyring
	// forger is the signer of another system.
	forger *signing.Key

	taken  backup.Taken
	marked backup.Marked
	// objects of each kind, by name.
	objects  kinds
	pristine string // the bucket as it was when the backup was taken
	copies   int
}

// kinds are names of objects, one of each kind.
type kinds struct {
	base, files      string // the cluster, and its list of files
	segments         []string
	partial, history string
	key, manifest    string
	mark             string
}

func newStage(ctx context.Context, o Options) (_ *stage, err error) {
	s := &stage{options: o, log: o.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := os.MkdirAll(o.Dir, 0o711); err != nil {
		return nil, err
	}
	signer, err := s.signers(ctx)
	if err != nil {
		return nil, err
	}
	if s.Scene, err = NewScene(ctx, filepath.Join(o.Dir, "scene"), signer, o.Logger); err != nil {
		return nil, err
	}
	if s.taken, s.marked, err = s.Taken(ctx); err != nil {
		return nil, err
	}
	s.StopArchive()
	s.pristine = filepath.Join(o.Dir, "pristine")
	if err := copyTree(s.Bucket(), s.pristine); err != nil {
		return nil, err
	}
	return s, s.sort(ctx)
}

// signers are made from keyrings that are thrown away with everything else.
func (s *stage) signers(ctx context.Context) (signer *signing.Key, err error) {
	if s.keyring, signer, err = s.newSigner(ctx, "keyring"); err != nil {
		return nil, err
	}
	other, forger, err := s.newSigner(ctx, "another-keyring")
	if err != nil {
		return nil, err
	}
	s.forger = forger
	return signer, other.Close()
}

func (s *stage) newSigner(ctx context.Context, name string) (*keyring.Keyring, *signing.Key, error) {
	dir := filepath.Join(s.options.Dir, name)
	ring, err := keyring.Open(ctx, keyring.Options{
		Bucket: "file://" + dir + "?create_dir=true", KEK: "file://" + dir + ".kek", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	key, err := signing.Derive(ctx, ring, "drill", "drill")
	return ring, key, err
}

// open connects as the product does.
func (s *stage) open(ctx context.Context) (*postgres.DB, error) {
	return postgres.Open(ctx, postgres.Options{URL: s.Server.URL("meai_app", database), MaxConns: 2, Logger: slog.New(slog.DiscardHandler)})
}

// sort finds an object of each kind.
func (s *stage) sort(ctx context.Context) error {
	manifest, err := s.Repository.Manifest(ctx, s.taken.Backup)
	if err != nil {
		return err
	}
	names, err := s.Repository.Names(ctx, "")
	if err != nil {
		return err
	}
	k := kinds{
		base: manifest.Part("base.tar.zst"), files: manifest.Part("backup_manifest.zst"), manifest: manifest.Part("manifest.json"),
		key: "keys/" + manifest.Objects[0].Key.String() + ".json",
	}
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "marks/"):
			k.mark = name
		case !strings.HasPrefix(name, "wal/"):
		case strings.Contains(name, ".history."):
			k.history = name
		case strings.HasSuffix(name, ".partial"):
			k.partial = name
		default:
			k.segments = append(k.segments, name)
		}
	}
	// The log from before the backup is not needed, so nobody looks at it.
	k.segments = slices.DeleteFunc(k.segments, func(name string) bool { return segmentOf(name) < startOf(manifest) })
	s.objects = k
	if len(k.segments) < 3 || k.partial == "" || k.history == "" || k.mark == "" {
		return fmt.Errorf("the scene lacks a kind of object: %v", names)
	}
	return nil
}

// segmentOf is the name of a segment's file from that of its object.
func segmentOf(object string) string {
	name, _, _ := strings.Cut(filepath.Base(object), ".")
	return name
}

func startOf(m repository.Manifest) string {
	high, low, _ := strings.Cut(m.Cluster.Start, "/")
	h, _ := strconv.ParseUint(high, 16, 32) // an LSN, as the server wrote it
	l, _ := strconv.ParseUint(low, 16, 32)
	return fmt.Sprintf("%08X%08X%08X", m.Cluster.Timeline, h, l/uint64(m.Cluster.SegmentSize))
}

// tidy removes the copies of the last drill, and starts what it stopped.
func (s *stage) tidy(ctx context.Context) error {
	s.StopArchive()
	for _, pattern := range []string{"copy-*", "scratch-*", "restored-*"} {
		left, err := filepath.Glob(filepath.Join(s.options.Dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	select {
	case <-s.Server.Exited():
		return s.Start(ctx)
	default:
		return nil
	}
}

func (s *stage) close() error {
	var errs []error
	if s.Scene != nil {
		errs = append(errs, s.Scene.Close())
	}
	if s.keyring != nil {
		errs = append(errs, s.keyring.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.options.Dir))...)
}

// goodPath proves the backup, and restores it with two custodians' keys from a copy of
// the bucket alone.
func (s *stage) goodPath(ctx context.Context) (Result, error) {
	begun := time.Now()
	b, err := s.copied(ctx)
	if err != nil {
		return Result{}, err
	}
	seen := b.proven(ctx)
	if !seen.good {
		return Result{}, fmt.Errorf("it was not proven: %s", strings.Join(seen.said, "; "))
	}
	proven := time.Since(begun)
	run, err := b.until(ctx, "")
	if err != nil {
		return Result{}, err
	}
	var problems []string
	for _, done := range run.Done() {
		problems = append(problems, done.Problems...)
	}
	if len(problems) > 0 {
		return Result{}, fmt.Errorf("it was not restored: %s", strings.Join(problems, "; "))
	}
	return Result{
		Name: "the good path", What: "Prove a backup that nothing is wrong with, and restore it with two custodians' keys from the bucket alone.",
		Detected: true, Seconds: time.Since(begun).Seconds(),
		By: fmt.Sprintf("proven in %.1f s; restored in %.1f s", proven.Seconds(), run.Seconds()),
	}, s.tidy(ctx)
}

// until restores to the mark, up to a step that is not done, or to the end.
func (b *bucket) until(ctx context.Context, step string) (*restore.Run, error) {
	plan, err := b.restorer(b.Custodians[:2]...).Plan(ctx, restore.Target{Backup: b.taken.Backup, Mark: b.marked.At})
	if err != nil {
		return nil, err
	}
	run, err := b.restorer(b.Custodians[:2]...).Begin(plan, b.into())
	if err != nil {
		return nil, err
	}
	for _, name := range restore.Steps() {
		if name == step {
			break
		}
		if _, err := run.Do(ctx, name, nil); err != nil {
			return nil, errors.Join(err, run.Close())
		}
	}
	return run, run.Close()
}
