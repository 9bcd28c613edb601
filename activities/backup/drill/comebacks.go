package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/restore"
	"meai/internal/pgserver"
)

// comebacks are drills with a cluster that comes back otherwise than it was.
func (s *stage) comebacks() []drill {
	return []drill{
		{"row changed in what came back", "Change a row of the restored cluster before it is compared with the mark.", changedRow},
		{"recovery that ended too early", "Replay the log without a target, and without its last pieces, as if that were all.", tooEarly},
		{"log lost before recovery", "Remove a piece of the log after it was fetched.", lostLater},
		{"file changed after it was laid out", "Change a file of the cluster before PostgreSQL's tool compares it.", changedFile},
	}
}

// resumed does the rest of a restore that was done up to a step.
func (b *bucket) resumed(ctx context.Context, run *restore.Run) sighting {
	return b.carriedOut(ctx, b.restorer(b.Custodians[:2]...), run.Plan())
}

// recovered starts the cluster that was laid out, with settings for one start, and stops
// it when it can be written to.
func (b *bucket) recovered(ctx context.Context, settings map[string]string, do func(*pgserver.Server) error) error {
	all := map[string]string{"max_locks_per_transaction": "256", "max_wal_senders": "10", "archive_mode": "off"}
	for name, value := range settings {
		all[name] = value
	}
	server, err := pgserver.Start(ctx, b.Binaries, b.Account, filepath.Join(b.into(), "data"), all)
	if err != nil {
		return err
	}
	err = server.AwaitRecovery(ctx)
	if err == nil && do != nil {
		err = do(server)
	}
	return errors.Join(err, server.Stop())
}

func changedRow(ctx context.Context, s *stage) (sighting, error) {
	b, run, err := s.halfway(ctx, "check")
	if err != nil {
		return sighting{}, err
	}
	err = b.recovered(ctx, nil, func(server *pgserver.Server) error {
		conn, err := pgx.Connect(ctx, server.URL(pgserver.Superuser, database))
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "update subjects set created_at = created_at + interval '1 second' where id = (select id from subjects limit 1)")
		return errors.Join(err, conn.Close(ctx))
	})
	return b.resumed(ctx, run).naming("subjects"), err
}

// halfway restores a copy of the bucket up to a step.
func (s *stage) halfway(ctx context.Context, step string) (*bucket, *restore.Run, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return nil, nil, err
	}
	run, err := b.until(ctx, step)
	return b, run, err
}

// fetched is a piece of the log where recovery gets it from.
func (b *bucket) fetched(object string) string {
	return filepath.Join(b.into(), "wal", segmentOf(object))
}

func tooEarly(ctx context.Context, s *stage) (sighting, error) {
	b, run, err := s.halfway(ctx, "recover")
	if err != nil {
		return sighting{}, err
	}
	last := slices.Concat(s.objects.segments[len(s.objects.segments)-1:], []string{s.objects.partial})
	for _, object := range last {
		if err := os.Remove(b.fetched(object)); err != nil {
			return sighting{}, err
		}
	}
	signal := filepath.Join(b.into(), "data", "recovery.signal")
	if err := errors.Join(os.WriteFile(signal, nil, 0o600), s.Account.Own(signal)); err != nil {
		return sighting{}, err
	}
	err = b.recovered(ctx, map[string]string{"restore_command": fmt.Sprintf("cp '%s/%%f' '%%p'", filepath.Join(b.into(), "wal"))}, nil)
	if err != nil {
		return sighting{}, err
	}
	return b.resumed(ctx, run).naming("the log was replayed to", run.Plan().To.LSN.String()), nil
}

func lostLater(ctx context.Context, s *stage) (sighting, error) {
	b, run, err := s.halfway(ctx, "recover")
	if err != nil {
		return sighting{}, err
	}
	if err := os.Remove(b.fetched(s.objects.partial)); err != nil {
		return sighting{}, err
	}
	return b.resumed(ctx, run).naming("recovery ended before configured recovery target was reached"), nil
}

func changedFile(ctx context.Context, s *stage) (sighting, error) {
	b, run, err := s.halfway(ctx, "verify")
	if err != nil {
		return sighting{}, err
	}
	const name = "global/pg_filenode.map"
	path := filepath.Join(b.into(), "data", filepath.FromSlash(name))
	contents, err := os.ReadFile(path)
	if err != nil {
		return sighting{}, err
	}
	if err := os.WriteFile(path, flipped(1, 2)(contents), 0o600); err != nil {
		return sighting{}, err
	}
	return b.resumed(ctx, run).naming("pg_verifybackup", name), nil
}
