package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meai/activities/backup/index"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/activities/backup/wal"
	"meai/internal/audit"
	"meai/internal/custody"
	"meai/internal/pgserver"
)

// Prover proves backups: it restores them into a scratch server, with an identity that
// opens every backup and is therefore kept where nothing else runs. Each use of it is
// in the audit log before it is made. Every exported method is an activity that can run
// twice without harm; the two of one backup go on in the same scratch folder, on one
// machine, and begin anew on another.
type Prover struct {
	Repository *repository.Repository
	Second     *repository.Repository // nil for none
	Identity   custody.Identity
	// Scratch is the folder that scratch servers live in.
	Scratch string
	Account pgserver.Account
	// Weaviate is the binary of the scratch server for indexes.
	Weaviate string
	// Database is the product's, Temporal that of Temporal's persistence; empty when it is
	// not in the cluster.
	Database, Temporal string
	Trail              Recorder
	Logger             *slog.Logger
}

// Verify reads everything that a backup is made of again, opens it, lays it out, has
// PostgreSQL's own tool compare every file, and looks whether the write-ahead log to the
// mark is all there.
func (p *Prover) Verify(ctx context.Context, in ProveInput) (Outcome, error) {
	return p.find(ctx, in, repository.Verified, restore.Verifying)
}

// Prove replays the log to the mark in a scratch server and compares what comes back
// with what there was.
func (p *Prover) Prove(ctx context.Context, in ProveInput) (Outcome, error) {
	outcome, err := p.find(ctx, in, repository.Proven, restore.Proving)
	if err == nil {
		err = p.clear(in.Backup)
	}
	return outcome, err
}

// find does steps of a restore and reports what was found out.
func (p *Prover) find(ctx context.Context, in ProveInput, good repository.State, steps []string) (_ Outcome, err error) {
	if p.Repository == nil {
		return Outcome{}, errNone
	}
	if err := p.Trail.Record(ctx, audit.BackupOpened, in.Backup); err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Backup: in.Backup, State: good, Seconds: map[string]float64{}, Found: map[string]string{}}
	err = p.restore(ctx, in, steps, &outcome)
	switch {
	case err == nil:
	case damage(err):
		outcome.Problems = append(outcome.Problems, err.Error())
	default:
		return Outcome{}, err // the disk is full, a store is away: tried again, and never taken for success
	}
	if len(outcome.Problems) > 0 {
		outcome.State = repository.Failed
		if err := p.clear(in.Backup); err != nil {
			return Outcome{}, err
		}
	}
	return outcome, p.report(ctx, in, outcome)
}

func (p *Prover) restore(ctx context.Context, in ProveInput, steps []string, found *Outcome) (err error) {
	r := &restore.Restorer{
		Repository: p.Repository, Second: p.Second, Keys: p.Repository.ProverKeys(p.Identity), Account: p.Account, Weaviate: p.Weaviate, Database: p.Database, Temporal: p.Temporal, Logger: p.Logger,
	}
	manifest, err := p.Repository.Manifest(ctx, in.Backup)
	if err != nil {
		return err
	}
	if manifest.Kind == repository.Weaviate {
		return p.restoreIndex(ctx, r, manifest, slices.Equal(steps, restore.Proving), found)
	}
	run, err := p.begin(ctx, r, in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	for _, name := range steps {
		done, err := run.Do(ctx, name, newBeats(ctx, in.Backup, name).progress)
		if err != nil {
			return err
		}
		found.Seconds[name] = done.Seconds
		found.Problems = append(found.Problems, done.Problems...)
		for k, v := range done.Found {
			found.Found[name+"."+k] = v
		}
	}
	return nil
}

// restoreIndex reads and opens the parts of a backup of Weaviate, and for a proof
// restores them into a scratch server, which is compared with the manifest.
func (p *Prover) restoreIndex(ctx context.Context, r *restore.Restorer, m repository.Manifest, prove bool, found *Outcome) error {
	begun := time.Now()
	if !prove {
		err := p.read(ctx, r, m)
		found.Seconds["objects"] = time.Since(begun).Seconds()
		return err
	}
	if err := p.clear(m.ID); err != nil {
		return err
	}
	shown := newBeats(ctx, m.ID, "index")
	done, err := restore.RestoreIndex(ctx, r, m, p.folder(m.ID), shown.progress)
	found.Seconds["index"] = time.Since(begun).Seconds()
	for k, v := range done.Found {
		found.Found["index."+k] = v
	}
	return err
}

// read opens every part to its end.
func (p *Prover) read(ctx context.Context, r *restore.Restorer, m repository.Manifest) error {
	shown := newBeats(ctx, m.ID, "objects")
	var read int64
	for _, o := range m.Objects {
		if err := p.Repository.Check(ctx, o); err != nil {
			return err
		}
		contents, err := p.Repository.Open(ctx, o.Name, r.Keys)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, contents)
		if err = errors.Join(err, contents.Close()); err != nil {
			return err
		}
		read += o.Size
		shown.progress(read, m.Size())
	}
	return nil
}

// begin goes on with the restore that is under way in the scratch folder.
func (p *Prover) begin(ctx context.Context, r *restore.Restorer, in ProveInput) (*restore.Run, error) {
	into := p.folder(in.Backup)
	plan, ok, err := restore.Resumable(into)
	if err == nil && ok && plan.Target.Mark.Equal(in.Mark) {
		return r.Begin(plan, into)
	}
	if err := p.clear(in.Backup); err != nil {
		return nil, err
	}
	if plan, err = r.Plan(ctx, restore.Target{Backup: in.Backup, Mark: in.Mark}); err != nil {
		return nil, err
	}
	return r.Begin(plan, into)
}

func (p *Prover) folder(backup string) string { return filepath.Join(p.Scratch, "meai-proof-"+backup) }

func (p *Prover) clear(backup string) error {
	if !repository.ValidID(backup) {
		return fmt.Errorf("backup %q: %w", backup, repository.ErrMissing)
	}
	if err := os.RemoveAll(p.folder(backup)); err != nil {
		return fmt.Errorf("clear the scratch folder: %w", err)
	}
	return nil
}

func (p *Prover) report(ctx context.Context, in ProveInput, o Outcome) error {
	return p.Repository.Report(ctx, repository.Report{
		Backup: o.Backup, State: o.State, At: time.Now().UTC(), Run: in.Run, Seconds: o.Seconds, Found: o.Found, Problems: o.Problems,
	})
}

// damage reports whether an error says that a backup is not as it should be, which no
// other try mends.
func damage(err error) bool {
	for _, kind := range []error{
		repository.ErrMissing, repository.ErrAltered, index.ErrDifferent, index.ErrFailed, repository.ErrKey, repository.ErrForged, restore.ErrNoBackup, restore.ErrUnsound, restore.ErrStale, wal.ErrIncomplete,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
