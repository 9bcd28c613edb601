package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/index"
	"meai/activities/backup/marks"
	"meai/activities/backup/quarantine"
	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/pgserver"
	"meai/internal/weaviateserver"
)

// defaultDatabase is the product's.
const defaultDatabase = "meai"

func (run *Run) database() string {
	if mark := run.Plan().Mark; mark != nil && mark.Database != "" {
		return mark.Database
	}
	if run.r.Database == "" {
		return defaultDatabase
	}
	return run.r.Database
}

// check looks at what came back: how far the log was replayed, whether pages and indexes
// are sound, whether the graph and the histories are whole, and whether the rows are
// those of the mark.
func (run *Run) check(ctx context.Context, _ Progress) (done Done, err error) {
	done.Found = map[string]string{}
	if err := run.replayed(&done); err != nil {
		return done, err
	}
	server, err := run.started(ctx)
	if err != nil {
		return done, err
	}
	binaries, err := run.binaries(ctx)
	if err != nil {
		return done, err
	}
	url := server.URL(pgserver.Superuser, run.database())
	if run.Plan().Mark != nil {
		differences, err := marks.Compare(ctx, url, *run.Plan().Mark)
		if err != nil {
			return done, err
		}
		done.Problems = append(done.Problems, differences...)
		done.Found["tables"] = strconv.Itoa(len(run.Plan().Mark.Tables))
	}
	found, problems, err := marks.Check(ctx, marks.Restored{
		URL: func(database string) string { return server.URL(pgserver.Superuser, database) }, Binaries: binaries, Account: run.r.Account,
		Product: run.database(), Temporal: run.r.Temporal, MayLack: run.r.Temporal == "",
	})
	if err != nil {
		return done, err
	}
	for name, value := range found {
		done.Found[name] = value
	}
	done.Problems = append(done.Problems, problems...)
	return done, run.measure(ctx, url, &done)
}

// replayed looks in the history that PostgreSQL wrote when recovery ended how far it had
// come. Without an LSN as target it would call a gap the end of the log, and succeed.
func (run *Run) replayed(done *Done) error {
	end, err := switched(run.data(), run.Plan().To.Timeline)
	if err != nil {
		return err
	}
	done.Found["replayed_to"] = end.String()
	if run.Plan().Target.Time.IsZero() && end < run.Plan().To.LSN {
		done.Problems = append(done.Problems, fmt.Sprintf("the log was replayed to %s only, it is archived to %s", end, run.Plan().To.LSN))
	}
	return nil
}

// switched is where the cluster left a timeline for a new one.
func switched(data string, timeline uint32) (wal.LSN, error) {
	histories, err := filepath.Glob(filepath.Join(data, "pg_wal", "*.history"))
	if err != nil {
		return 0, err
	}
	slices.Sort(histories)
	for _, path := range slices.Backward(histories) {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, fmt.Errorf("read how far recovery came: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > 1 && fields[0] == strconv.FormatUint(uint64(timeline), 10) {
				return wal.ParseLSN(fields[1])
			}
		}
	}
	return 0, fmt.Errorf("%w: recovery did not begin a new timeline", ErrUnsound)
}

// measure finds the newest heartbeat that came back, which tells how much was lost.
func (run *Run) measure(ctx context.Context, url string, done *Done) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("look for the newest heartbeat: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var newest *time.Time
	if err := conn.QueryRow(ctx, "select max(at) from backup_heartbeats").Scan(&newest); err != nil {
		return fmt.Errorf("look for the newest heartbeat: %w", err)
	}
	if newest == nil {
		return nil // of a time before the first
	}
	done.Found["newest_heartbeat"] = newest.UTC().Format(time.RFC3339Nano)
	if known := run.Plan().Newest; known.After(*newest) {
		done.Found["lost"] = known.Sub(*newest).Round(time.Millisecond).String()
	} else {
		done.Found["lost"] = "0s"
	}
	return nil
}

// index restores Weaviate into a folder of its own, with a scratch server, and compares
// what it holds with the manifest.
func (run *Run) index(ctx context.Context, progress Progress) (done Done, err error) {
	if run.Plan().IndexBackup == "" {
		return Done{}, nil
	}
	manifest, err := run.r.Repository.Manifest(ctx, run.Plan().IndexBackup)
	if err != nil {
		return Done{}, err
	}
	folder := filepath.Join(run.into, "weaviate")
	if err := os.RemoveAll(folder); err != nil {
		return Done{}, fmt.Errorf("clear an earlier attempt: %w", err)
	}
	return RestoreIndex(ctx, run.r, manifest, folder, progress)
}

// RestoreIndex restores a backup of Weaviate into a folder that must not exist.
func RestoreIndex(ctx context.Context, r *Restorer, m repository.Manifest, folder string, progress Progress) (done Done, err error) {
	if r.Weaviate == "" {
		return Done{}, errors.New("backup.weaviate_binary is not set: there is no server to restore the index with")
	}
	server, err := weaviateserver.Start(ctx, weaviateserver.Options{Binary: r.Weaviate, Data: folder, Node: m.Index.Node})
	if err != nil {
		return Done{}, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	err = index.Restore(ctx, r.Repository, m, r.Keys, index.Options{
		URL: server.URL(), APIKey: server.APIKey(), Staging: "file://" + filepath.ToSlash(server.Backups()),
		Progress: func(p index.Progress) { progress(p.Done, p.Total) },
	})
	tenants, held := 0, 0
	for _, c := range m.Index.Collections {
		tenants += len(c.Tenants)
		for _, n := range c.Tenants {
			held += n
		}
	}
	return Done{Found: map[string]string{"tenants": strconv.Itoa(tenants), "objects": strconv.Itoa(held)}}, err
}

// quarantine keeps everything of MeAi off the cluster until the ledger was replayed.
// Nobody but this process has reached it so far.
func (run *Run) quarantine(ctx context.Context, _ Progress) (Done, error) {
	server, err := run.started(ctx)
	if err != nil {
		return Done{}, err
	}
	_, err = quarantine.Begin(ctx, server.URL(pgserver.Superuser, run.database()), quarantine.Facts{
		Reason: quarantine.Restored, Restore: run.Plan().ID.String(), Approval: run.Plan().Approval,
		LSN: run.Plan().To.LSN.String(), Time: run.Plan().Target.Time,
	})
	return Done{}, errors.Join(err, run.Close())
}

// freeSpace is how many bytes an unprivileged process may still write below a path.
func freeSpace(path string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(path, &disk); err != nil {
		return 0, err
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil
}
