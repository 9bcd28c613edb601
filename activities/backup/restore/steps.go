package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"meai/activities/backup/base"
	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/pgserver"
)

func (run *Run) data() string    { return filepath.Join(run.into, "data") }
func (run *Run) archive() string { return filepath.Join(run.into, "wal") }

// space looks whether the disk has room, before anything is fetched.
func (run *Run) space(context.Context, Progress) (Done, error) {
	free, err := freeSpace(run.into)
	if err != nil {
		return Done{}, fmt.Errorf("look for free space: %w", err)
	}
	if need := run.Plan().Space; free < need {
		return Done{}, fmt.Errorf("%s has %d MB free and %d MB are needed", run.into, free>>20, need>>20)
	}
	return Done{Found: map[string]string{"free_bytes": strconv.FormatInt(free, 10)}}, nil
}

// present looks whether every part of the backup is there in its size, and opens its key.
func (run *Run) present(ctx context.Context, progress Progress) (Done, error) {
	return run.each(ctx, progress, run.r.Repository.Present)
}

// objects reads every part of the backup and compares it with what is recorded, and
// opens its key.
func (run *Run) objects(ctx context.Context, progress Progress) (Done, error) {
	return run.each(ctx, progress, run.r.Repository.Check)
}

// each looks at every part of the backups, and opens its key.
func (run *Run) each(ctx context.Context, progress Progress, look func(context.Context, repository.Object) error) (Done, error) {
	var seen, total int64
	var count int
	for _, id := range run.backups() {
		manifest, err := run.r.Repository.Manifest(ctx, id)
		if err != nil {
			return Done{}, err
		}
		total += manifest.Size()
		for _, o := range manifest.Objects {
			if _, err := run.r.Keys.Key(ctx, o.Key); err != nil {
				return Done{}, err
			}
			if err := look(ctx, o); err != nil {
				return Done{}, err
			}
			seen += o.Size
			count++
			progress(seen, total)
		}
	}
	return Done{Found: map[string]string{"objects": strconv.Itoa(count), "bytes": strconv.FormatInt(seen, 10)}}, nil
}

func (run *Run) backups() []string {
	if run.Plan().IndexBackup == "" {
		return []string{run.Plan().Backup}
	}
	return []string{run.Plan().Backup, run.Plan().IndexBackup}
}

// fetch brings the write-ahead log, first of all: it names what is missing.
func (run *Run) fetch(ctx context.Context, progress Progress) (Done, error) {
	manifest, err := run.r.Repository.Manifest(ctx, run.Plan().Backup)
	if err != nil {
		return Done{}, err
	}
	if err := run.empty(run.archive()); err != nil {
		return Done{}, err
	}
	source := wal.Source{System: manifest.Cluster.System, SegmentSize: manifest.Cluster.SegmentSize}
	err = wal.Fetch(ctx, run.r.Repository, run.r.Keys, source, run.Plan().From, run.Plan().To, run.archive(), run.r.Account,
		func(done, of int) { progress(int64(done), int64(of)) })
	if errors.Is(err, wal.ErrIncomplete) {
		err = fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	return Done{Found: map[string]string{"segments": strconv.Itoa(run.Plan().Segments)}}, err
}

// empty makes an empty folder of PostgreSQL's, over what an earlier attempt left.
func (run *Run) empty(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("clear an earlier attempt: %w", err)
	}
	return run.r.Account.MakeFolder(path)
}

func (run *Run) extract(ctx context.Context, progress Progress) (Done, error) {
	manifest, err := run.r.Repository.Manifest(ctx, run.Plan().Backup)
	if err != nil {
		return Done{}, err
	}
	if err := os.RemoveAll(run.data()); err != nil {
		return Done{}, fmt.Errorf("clear an earlier attempt: %w", err)
	}
	return Done{}, base.Extract(ctx, run.r.Repository, manifest, run.r.Keys, run.r.Account, run.data(), progress)
}

// verify compares every file with the backup's own manifest.
func (run *Run) verify(ctx context.Context, _ Progress) (Done, error) {
	binaries, err := run.binaries(ctx)
	if err != nil {
		return Done{}, err
	}
	err = base.Verify(ctx, binaries, run.r.Account, run.data())
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	return Done{Found: map[string]string{"server": binaries.Version}}, err
}

// binaries are those of the backup's major version: no other opens the files.
func (run *Run) binaries(ctx context.Context) (pgserver.Binaries, error) {
	text, err := os.ReadFile(filepath.Join(run.data(), "PG_VERSION"))
	if err != nil {
		return pgserver.Binaries{}, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return pgserver.Binaries{}, fmt.Errorf("read the cluster's version: %w", err)
	}
	return pgserver.Find(ctx, major)
}

// recover replays the write-ahead log to the point of the plan, never just as far as
// it reaches: without a target PostgreSQL takes a gap for the end and calls it success.
func (run *Run) recover(ctx context.Context, progress Progress) (Done, error) {
	binaries, err := run.binaries(ctx)
	if err != nil {
		return Done{}, err
	}
	switch done, err := run.recovered(ctx, binaries); {
	case err != nil:
		return Done{}, err
	case done == whole:
		return Done{}, nil // the journal's line was lost, or a server came up since
	case done == torn:
		if err := run.layOutAgain(ctx, progress); err != nil {
			return Done{}, err
		}
	}
	signal := filepath.Join(run.data(), "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return Done{}, fmt.Errorf("ask for recovery: %w", err)
	}
	if err := run.r.Account.Own(signal); err != nil {
		return Done{}, err
	}
	settings, err := run.replaying(ctx, binaries)
	if err != nil {
		return Done{}, err
	}
	server, err := pgserver.Start(ctx, binaries, run.r.Account, run.data(), settings)
	if err != nil {
		return Done{}, err
	}
	run.server = server
	if err := server.AwaitRecovery(ctx); err != nil {
		return Done{}, errors.Join(err, run.Close())
	}
	return Done{}, nil
}

// recovery is how far replaying the log has come.
type recovery int

const (
	unfinished recovery = iota // it was not begun, or was broken off and can go on
	torn                       // it was broken off at its very end, and cannot
	whole
)

// recovered tells how far an earlier attempt came. PostgreSQL removes the signal when it
// has reached the target, and only later writes down that recovery is over. A server that
// was killed in between takes the log for its own when it is started, and replays it
// beyond the target.
func (run *Run) recovered(ctx context.Context, b pgserver.Binaries) (recovery, error) {
	for _, name := range []string{"backup_label", "recovery.signal"} {
		_, err := os.Stat(filepath.Join(run.data(), name))
		if err == nil {
			return unfinished, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return unfinished, fmt.Errorf("look how far recovery came: %w", err)
		}
	}
	control, err := run.control(ctx, b)
	if err != nil {
		return unfinished, err
	}
	switch control["Database cluster state"] {
	case "in archive recovery", "shut down in recovery":
		return torn, nil
	default:
		return whole, nil
	}
}

// layOutAgain begins with the files of the backup once more.
func (run *Run) layOutAgain(ctx context.Context, progress Progress) error {
	if _, err := run.extract(ctx, progress); err != nil {
		return err
	}
	_, err := run.verify(ctx, progress)
	return err
}

// started is the restored server, started for the checks when it does not run.
func (run *Run) started(ctx context.Context) (*pgserver.Server, error) {
	if run.server != nil {
		return run.server, nil
	}
	binaries, err := run.binaries(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := run.own(ctx, binaries)
	if err != nil {
		return nil, err
	}
	server, err := pgserver.Start(ctx, binaries, run.r.Account, run.data(), settings)
	if err != nil {
		return nil, err
	}
	run.server = server
	return server, server.AwaitRecovery(ctx)
}
