// Package drill plants what can go wrong with backups and looks whether it is detected:
// a verifier that never sees anything wrong cannot be told from one that looks at
// nothing. It works on a cluster, a bucket and keys of its own, which it makes and
// throws away, and never touches what is real.
package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/backup"
	"meai/activities/backup/marks"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/activities/backup/wal"
	"meai/internal/audit"
	"meai/internal/custody"
	"meai/internal/objects"
	"meai/internal/pgserver"
	"meai/internal/postgres"
	"meai/internal/signing"
)

// Scene is an installation in small: a cluster with the product's schema and somebody
// who writes, a bucket, custodians, a prover, and the archive of the log.
type Scene struct {
	Dir        string
	Binaries   pgserver.Binaries
	Account    pgserver.Account
	Server     *pgserver.Server
	Repository *repository.Repository
	Custodians []custody.Identity
	Prover     custody.Identity
	Recipients custody.Recipients

	declared string // the custodians, as a configuration does
	signer   *signing.Key
	log      *slog.Logger

	archiver *wal.Archiver
	stop     func() // the archiver, and waits for it
}

// database is the product's in a scene.
const database = "meai"

// NewScene makes a scene in a folder that must not exist. Its server and its archiver
// run until [Scene.Close].
func NewScene(ctx context.Context, dir string, signer *signing.Key, log *slog.Logger) (_ *Scene, err error) {
	s := &Scene{Dir: dir, signer: signer, log: log, stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// PostgreSQL's account has to get through it.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make the scene's folder: %w", err)
	}
	if s.Binaries, err = pgserver.Find(ctx, 0); err != nil {
		return nil, err
	}
	if s.Account, err = pgserver.Unprivileged(); err != nil {
		return nil, err
	}
	if err := s.people(); err != nil {
		return nil, err
	}
	if err := s.cluster(ctx); err != nil {
		return nil, err
	}
	if s.Repository, err = repository.Open(ctx, s.BucketURL(), signer); err != nil {
		return nil, err
	}
	s.Archive(ctx)
	return s, nil
}

// people makes three custodians and a prover.
func (s *Scene) people() error {
	var prover string
	for _, name := range []string{"anna", "bo", "chi", ""} {
		private, public, err := custody.NewIdentity()
		if err != nil {
			return err
		}
		identity, err := custody.ParseIdentity(private)
		if err != nil {
			return err
		}
		if name == "" {
			s.Prover, prover = identity, public
			break
		}
		s.Custodians = append(s.Custodians, identity)
		s.declared += name + "=" + public + " "
	}
	var err error
	s.Recipients, err = custody.ParseRecipients(s.declared, prover)
	return err
}

// BucketURL is the scene's bucket, a folder.
func (s *Scene) BucketURL() string { return "file://" + s.Bucket() + "?create_dir=true" }

// Bucket is the folder of the bucket.
func (s *Scene) Bucket() string { return filepath.Join(s.Dir, "bucket") }

// Data is the cluster's folder.
func (s *Scene) Data() string { return filepath.Join(s.Dir, "data") }

// URL connects to the product's database as the role for backups.
func (s *Scene) URL() string { return s.Server.URL("meai_backup", database) }

func (s *Scene) cluster(ctx context.Context) error {
	if err := s.Binaries.Init(ctx, s.Account, s.Data()); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	if err := s.Exec(ctx, "postgres", roles, "create database "+database+" owner meai_owner"); err != nil {
		return err
	}
	if err := postgres.Migrate(ctx, s.Server.URL("meai_owner", database), s.log); err != nil {
		return err
	}
	if err := s.Write(ctx, 50); err != nil {
		return err
	}
	return s.promote(ctx)
}

// promote gives the cluster a second timeline, as one has that was ever restored: its
// history is a kind of object of its own.
func (s *Scene) promote(ctx context.Context) error {
	if err := s.Server.Stop(); err != nil {
		return err
	}
	signal := filepath.Join(s.Data(), "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return fmt.Errorf("promote the scene's cluster: %w", err)
	}
	if err := s.Account.Own(signal); err != nil {
		return fmt.Errorf("promote the scene's cluster: %w", err)
	}
	return s.start(ctx, map[string]string{"restore_command": "false"})
}

// roles are the product's, as deploy/local makes them, without passwords.
const roles = `
create role meai_owner login createdb;
create role meai_app login;
create role meai_reader login;
create role meai_backup login replication bypassrls;
grant pg_read_all_data, pg_monitor to meai_backup`

// Start starts the scene's server.
func (s *Scene) Start(ctx context.Context) error { return s.start(ctx, nil) }

func (s *Scene) start(ctx context.Context, more map[string]string) error {
	settings := map[string]string{
		"wal_level": "replica", "max_wal_senders": "10", "max_locks_per_transaction": "256", "max_slot_wal_keep_size": "1GB",
	}
	maps.Copy(settings, more)
	server, err := pgserver.Start(ctx, s.Binaries, s.Account, s.Data(), settings)
	if err != nil {
		return err
	}
	s.Server = server
	return server.AwaitRecovery(ctx)
}

// Exec runs statements as the superuser.
func (s *Scene) Exec(ctx context.Context, database string, statements ...string) (err error) {
	conn, err := pgx.Connect(ctx, s.Server.URL(pgserver.Superuser, database))
	if err != nil {
		return fmt.Errorf("connect to the scene's server: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("prepare the scene: %w", err)
		}
	}
	return nil
}

// Write writes so many people, one commit each.
func (s *Scene) Write(ctx context.Context, people int) (err error) {
	conn, err := pgx.Connect(ctx, s.Server.URL(pgserver.Superuser, database))
	if err != nil {
		return fmt.Errorf("connect to the scene's server: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for range people {
		if _, err := conn.Exec(ctx, "insert into subjects (id) values ($1)", uuid.New()); err != nil {
			return fmt.Errorf("write to the scene's database: %w", err)
		}
	}
	return nil
}

// Archive begins to archive the log.
func (s *Scene) Archive(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.archiver = wal.New(wal.Options{
		Repository: s.Repository, Recipients: s.Recipients, URL: s.URL(), Binaries: s.Binaries, Account: s.Account,
		Staging: filepath.Join(s.Dir, "staging"), PartialEvery: time.Second, Logger: s.log,
	})
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.archiver.Run(ctx); err != nil {
			s.log.Error("the scene's archive ended", "error", err)
		}
	})
	s.stop = func() { cancel(); running.Wait() }
}

// StopArchive ends the archiver, after it has brought what it received to the bucket.
func (s *Scene) StopArchive() {
	s.stop()
	s.stop = func() {}
}

// Activities take and keep backups of the scene.
func (s *Scene) Activities() *backup.Activities {
	return &backup.Activities{
		Repository: s.Repository, Recipients: s.Recipients, URL: s.URL(), Age: 30 * 24 * time.Hour, Trail: nobody{}, Logger: s.log,
	}
}

// Provers prove backups of the scene.
func (s *Scene) Provers() *backup.Prover {
	return &backup.Prover{
		Repository: s.Repository, Identity: s.Prover, Scratch: filepath.Join(s.Dir, "scratch"), Account: s.Account,
		Database: database, Trail: nobody{}, Logger: s.log,
	}
}

// Restorer restores the scene with two custodians' keys.
func (s *Scene) Restorer() *restore.Restorer {
	return &restore.Restorer{
		Repository: s.Repository, Keys: s.Repository.CustodiansKeys(s.Custodians[:2]...), Account: s.Account, Database: database, Logger: s.log,
	}
}

// nobody keeps no record: what is done with a scene is nobody's.
type nobody struct{}

func (nobody) Record(context.Context, audit.Act, string) error { return nil }

// Taken takes a backup, marks the database, and waits until both are in the bucket.
func (s *Scene) Taken(ctx context.Context) (backup.Taken, backup.Marked, error) {
	a := s.Activities()
	taken, err := a.Take(ctx, backup.TakeInput{Kind: repository.Postgres})
	if err != nil {
		return backup.Taken{}, backup.Marked{}, err
	}
	for range 2 { // pieces of log that are complete
		if err := errors.Join(s.Write(ctx, 10), s.Exec(ctx, database, "select pg_switch_wal()")); err != nil {
			return taken, backup.Marked{}, err
		}
	}
	marked, err := a.Mark(ctx, struct{}{})
	if err != nil {
		return taken, marked, err
	}
	// Recovery to a mark needs a piece of log after it.
	if _, err := marks.Heartbeat(ctx, s.URL()); err != nil {
		return taken, marked, err
	}
	_, err = a.CheckArchive(ctx, backup.ArchiveInput{Until: marked.LSN})
	return taken, marked, err
}

// Proven verifies and proves a backup, and answers with what was found out.
func (s *Scene) Proven(ctx context.Context, taken backup.Taken, marked backup.Marked) (verified, proven backup.Outcome, err error) {
	p, in := s.Provers(), backup.ProveInput{Backup: taken.Backup, Mark: marked.At}
	if verified, err = p.Verify(ctx, in); err != nil || len(verified.Problems) > 0 {
		return verified, backup.Outcome{}, err
	}
	proven, err = p.Prove(ctx, in)
	return verified, proven, err
}

// Store is the bucket, for what is done to it.
func (s *Scene) Store() objects.Erasable { return s.Repository.Store() }

// Close ends everything and removes the scene.
func (s *Scene) Close() error {
	s.stop()
	if s.Server != nil {
		s.Server.Kill()
	}
	var err error
	if s.Repository != nil {
		err = s.Repository.Close()
	}
	return errors.Join(err, os.RemoveAll(s.Dir))
}
