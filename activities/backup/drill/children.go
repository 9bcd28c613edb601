package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
)

// kills are drills in which a child of the product's is killed.
func (s *stage) kills() []drill {
	return []drill{
		{"kill -9 of pg_receivewal", "Kill the receiver while the log is archived; nothing of the log may be missing after it.", killedReceiver},
		{"kill -9 of the scratch server in recovery", "Kill the server that a proof replays the log in; the next attempt goes on.", killedRecovery},
	}
}

// process is one of this machine, as Linux shows it below /proc.
type process struct {
	id, parent int
	command    string // its arguments, or what it calls itself, separated by spaces
}

func processes() (all []process) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // it fails for malformed patterns only
	for _, path := range paths {
		line, _ := os.ReadFile(path) // it may have ended
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(line) > 0 {
			all = append(all, process{id, parentOf(filepath.Dir(path)), string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))})
		}
	}
	return all
}

// parentOf reads the second field after the name, which is in brackets and may hold anything.
func parentOf(dir string) int {
	stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}

// running finds the process of a program that was given a folder.
func running(program, folder string) int {
	for _, p := range processes() {
		if name, args, _ := strings.Cut(p.command, " "); filepath.Base(name) == program && strings.Contains(args, folder) {
			return p.id
		}
	}
	return 0
}

// recovering reports whether a server is replaying the log, which a process of its own does.
func recovering(server int) bool {
	for _, p := range processes() {
		if p.parent == server && strings.HasPrefix(p.command, "postgres: startup") {
			return true
		}
	}
	return false
}

func kill(pid int) error {
	if pid == 0 {
		return errors.New("there is no process to be killed")
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// killedReceiver kills pg_receivewal while somebody writes, and looks whether all that
// was written is archived.
func killedReceiver(ctx context.Context, s *stage) (sighting, error) {
	staging := filepath.Join(s.Dir, "staging")
	s.Archive(ctx)
	archiver := s.archiver
	if err := await(ctx, "receiver", func() bool { return running("pg_receivewal", staging) != 0 && archiver.Status().Receiving }); err != nil {
		return sighting{}, err
	}
	if err := errors.Join(s.Write(ctx, 50), kill(running("pg_receivewal", staging)), s.Write(ctx, 50)); err != nil {
		return sighting{}, err
	}
	written, err := s.written(ctx)
	if err != nil {
		return sighting{}, err
	}
	if err := await(ctx, "archive of what was written", func() bool { return archiver.Status().Tip.LSN >= written }); err != nil {
		return sighting{}.heard(errors.New(archiver.Status().LastError)), err
	}
	status := archiver.Status()
	s.StopArchive()
	seen := sighting{said: []string{status.LastError}, good: status.Restarts == 0 || status.Gap != nil}
	return seen.naming("pg_receivewal", "killed"), s.unbroken(ctx, written)
}

// written is how far the log of the scene's server goes.
func (s *stage) written(ctx context.Context) (wal.LSN, error) {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return 0, err
	}
	var lsn string
	err = conn.QueryRow(ctx, "select pg_current_wal_flush_lsn()::text").Scan(&lsn)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	return wal.ParseLSN(lsn)
}

// unbroken fails when the log from the backup to a position is not archived.
func (s *stage) unbroken(ctx context.Context, to wal.LSN) error {
	m, err := s.Repository.Manifest(ctx, s.taken.Backup)
	if err != nil {
		return err
	}
	from, err := wal.ParseLSN(m.Cluster.Start)
	if err != nil {
		return err
	}
	source := wal.Source{System: m.Cluster.System, SegmentSize: m.Cluster.SegmentSize}
	_, err = wal.Check(ctx, s.Repository, source, wal.Position{Timeline: m.Cluster.Timeline, LSN: from}, wal.Position{Timeline: m.Cluster.Timeline, LSN: to}, wal.CheckOptions{Deep: true})
	return err
}

// killedRecovery kills the scratch server of a proof. The proof fails, and the backup
// stays at what was found out before; the next attempt proves it.
func killedRecovery(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	p, in := b.prover(), backup.ProveInput{Backup: s.taken.Backup, Mark: s.marked.At}
	if verified, err := p.Verify(ctx, in); err != nil || len(verified.Problems) > 0 {
		return sighting{}, errors.Join(err, errors.New(strings.Join(verified.Problems, "; ")))
	}
	killed := make(chan error, 1)
	go func() {
		var server int
		killed <- errors.Join(await(ctx, "recovery", func() bool {
			if server == 0 {
				server = running("postgres", p.Scratch)
			}
			return server != 0 && recovering(server)
		}), kill(server))
	}()
	outcome, err := p.Prove(ctx, in)
	entry, reading := b.repository.Entry(ctx, in.Backup)
	if err := errors.Join(<-killed, reading); err != nil {
		return sighting{}, err
	}
	seen := sighting{said: outcome.Problems, good: err == nil || entry.State() == repository.Proven}.heard(err).naming("PostgreSQL ended", "killed")
	outcome, err = p.Prove(ctx, in)
	if err == nil && outcome.State != repository.Proven {
		err = fmt.Errorf("the next attempt: %s", strings.Join(outcome.Problems, "; "))
	}
	return seen, err
}

// runningIn finds the process of a program that works in or below a folder.
func runningIn(folder, program string) int {
	for _, p := range processes() {
		dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.id), "cwd"))
		if name, _, _ := strings.Cut(p.command, " "); err == nil && filepath.Base(name) == filepath.Base(program) && strings.HasPrefix(dir, folder) {
			return p.id
		}
	}
	return 0
}
