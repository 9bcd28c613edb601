package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const superuser = "postgres"

// settings is the part of the configuration that MeAi decides; it is written anew at every start. Durability is
// never traded for speed, and the write-ahead log is ready for base backups and standbys. What a replication slot
// holds back is bounded: an archiver that is gone must not fill the disk. Old segments of the log are removed and not
// renamed to future ones, in which what was erased would lie on.
const settings = `# Written by meai-local at every start; changes here are lost. Put your own into postgresql.conf below the include.
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
password_encryption = scram-sha-256
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = 4GB
wal_log_hints = on
wal_recycle = off
checkpoint_timeout = 15min
max_wal_size = 1GB
min_wal_size = 160MB
log_min_messages = warning
log_line_prefix = '%m [%p] %q%u@%d '
log_statement = none
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
timezone = 'UTC'
`

const settingsFile = "meai.conf"

// Major reads which major version made the cluster in dir; zero means that there is none yet.
func Major(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	return major, nil
}

// initialise creates the cluster: checksums, UTF8, locale C, passwords for every connection. It works beside the
// final folder and moves the result in at the end, so an interrupted run leaves no half-made cluster.
func (s *Server) initialise(ctx context.Context) error {
	making := filepath.Join(s.home, "making")
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("clear an interrupted initialisation: %w", err)
	}
	password := filepath.Join(s.home, "superuser-password")
	if err := os.WriteFile(password, []byte(s.config.Passwords.Superuser+"\n"), 0o600); err != nil {
		return fmt.Errorf("pass the superuser's password on: %w", err)
	}
	// What a failing removal leaves is private to the cluster's owner, who may read the same in the cluster.
	defer func() { _ = os.Remove(password) }()
	if err := s.account.own(password); err != nil {
		return fmt.Errorf("pass the superuser's password on: %w", err)
	}
	initdb := s.account.command(ctx, s.home, s.binaries.path("initdb"), "--pgdata", making, "--username", superuser,
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--data-checksums")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise the cluster: %w:\n%s", err, out)
	}
	if err := appendLine(filepath.Join(making, "postgresql.conf"), "include_if_exists '"+settingsFile+"'"); err != nil {
		return err
	}
	if s.config.Host != "" { // the file that initdb writes knows 127.0.0.1 alone
		if err := appendLine(filepath.Join(making, "pg_hba.conf"), "host all all samehost scram-sha-256"); err != nil {
			return err
		}
	}
	if err := os.Rename(making, s.data); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("extend the configuration: %w", err)
	}
	_, err = fmt.Fprintln(file, line)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("extend the configuration: %w", err)
	}
	return nil
}

// writeSettings replaces the include file; the cluster's owner must be able to read it.
func (s *Server) writeSettings() error {
	path := filepath.Join(s.data, settingsFile)
	if err := os.WriteFile(path, []byte(settings+"listen_addresses = '"+cmp.Or(s.config.Host, loopback)+"'\n"), 0o600); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	if err := s.account.own(path); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	return nil
}

// clearStale deals with the postmaster.pid of a server that was killed. A postmaster that is still alive is an
// orphan (the caller holds the data folder's lock) and is ended; a mere leftover file is removed, because the id
// in it may by now be that of an unrelated process, at which PostgreSQL would refuse to start.
func (s *Server) clearStale(ctx context.Context) error {
	path := filepath.Join(s.data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && isPostmaster(ctx, pid, s.data) {
		if err := endOrphan(ctx, pid, s.data); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a stale postmaster.pid: %w", err)
	}
	return nil
}

// isPostmaster reports whether pid runs a postmaster on the data folder. ps serves Linux and macOS alike.
func isPostmaster(ctx context.Context, pid int, data string) bool {
	out, err := exec.CommandContext(ctx, "ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}

func endOrphan(ctx context.Context, pid int, data string) error {
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end the orphaned server %d: %w", pid, err)
	}
	for isPostmaster(ctx, pid, data) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the orphaned server %d does not end: %w", pid, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
