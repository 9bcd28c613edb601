package wal_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/custody"
	"meai/internal/enginetest"
	"meai/internal/pgserver"
)

const patience = 40 * time.Second

// role is what archives: no superuser.
const role = "meai_backup"

// site is a PostgreSQL server of its own, with segments of 1 MiB, and a bucket.
type site struct {
	dir      string
	binaries pgserver.Binaries
	account  pgserver.Account
	server   *pgserver.Server
	data     string
	staging  string
	settings map[string]string

	bucket     string
	custodians string // as declared
	proverKey  string
	prover     custody.Identity
	to         custody.Recipients
	repository *repository.Repository
	keys       *repository.Keys
}

func newSite(t *testing.T, settings map[string]string) *site {
	t.Helper()
	t.Parallel() // they wait more than they work
	s := &site{settings: map[string]string{
		"max_wal_size": "8MB", "min_wal_size": "2MB", "checkpoint_timeout": "30s", "wal_keep_size": "0",
		// Commits are acknowledged once they are on the disk: only a crash of the machine needs that.
		"fsync": "off",
	}}
	for name, value := range settings {
		s.settings[name] = value
	}
	var err error
	s.binaries, err = pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	s.account, err = pgserver.Unprivileged()
	require.NoError(t, err)
	s.dir, err = os.MkdirTemp("", "meai-wal-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(s.dir)) })
	require.NoError(t, os.Chmod(s.dir, 0o711))
	s.data, s.staging, s.bucket = s.path("data"), s.path("staging"), s.path("bucket")
	s.makeKeys(t)
	require.NoError(t, os.Mkdir(s.bucket, 0o700))
	s.repository = s.open(t)
	s.keys = s.repository.ProverKeys(s.prover)
	s.cluster(t)
	s.start(t)
	s.exec(t, "create role "+role+" login replication", "grant pg_monitor to "+role, "create table acknowledged (writer int, n int, primary key (writer, n))")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// template is the folder of a new cluster, made once: that takes longer than a copy.
var template = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	binaries, err := pgserver.Find(ctx, 0)
	if err != nil {
		return "", err
	}
	account, err := pgserver.Unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "meai-wal-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err == nil {
		err = account.MakeFolder(filepath.Join(dir, "data"))
	}
	if err == nil {
		err = binaries.Run(ctx, account, "initdb", "-D", filepath.Join(dir, "data"), "-U", pgserver.Superuser, "-A", "trust",
			"-E", "UTF8", "--locale", "C", "--wal-segsize", "1", "--no-sync")
	}
	return dir, err
})

func (s *site) cluster(t *testing.T) {
	t.Helper()
	dir, err := template()
	require.NoError(t, err)
	require.NoError(t, exec.Command("cp", "-a", filepath.Join(dir, "data"), s.data).Run())
}

func (s *site) makeKeys(t *testing.T) {
	var declared [3]string
	for i := range declared {
		private, public, err := custody.NewIdentity()
		require.NoError(t, err)
		declared[i] = public
		s.prover, err = custody.ParseIdentity(private)
		require.NoError(t, err)
	}
	s.custodians, s.proverKey = "anna="+declared[0]+" bo="+declared[1], declared[2]
	var err error
	s.to, err = custody.ParseRecipients(s.custodians, s.proverKey)
	require.NoError(t, err)
}

func (s *site) open(t *testing.T) *repository.Repository {
	t.Helper()
	r, err := repository.Open(t.Context(), "file://"+s.bucket, nil)
	require.NoError(t, err)
	return r
}

// start runs the server on its folder. Its socket is always found at the same place.
func (s *site) start(t *testing.T) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), s.binaries, s.account, s.data, s.settings)
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	s.point(t, server)
}

// point has everybody find a server at the known place.
func (s *site) point(t *testing.T, server *pgserver.Server) {
	t.Helper()
	s.server = server
	parsed, err := url.Parse(server.URL("x", "x"))
	require.NoError(t, err)
	_ = os.Remove(s.path("socket"))
	require.NoError(t, os.Symlink(parsed.Query().Get("host"), s.path("socket")))
}

func (s *site) url(role string) string {
	return "postgres://" + role + "@/postgres?port=5432&host=" + url.QueryEscape(s.path("socket"))
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	return conn
}

func (s *site) exec(t *testing.T, statements ...string) {
	t.Helper()
	conn := connect(t, s.url(pgserver.Superuser))
	defer func() { _ = conn.Close(context.Background()) }()
	// Nobody archives yet, where a test has commits wait for that.
	for _, statement := range append([]string{"set synchronous_commit = local"}, statements...) {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func ask[T any](t *testing.T, url, question string, args ...any) (answer T) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(t, conn.QueryRow(t.Context(), question, args...).Scan(&answer))
	return answer
}

func (s *site) lsn(t *testing.T) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(ask[string](t, s.url(pgserver.Superuser), "select pg_current_wal_flush_lsn()::text"))
	require.NoError(t, err)
	return lsn
}

func (s *site) source(t *testing.T) wal.Source {
	t.Helper()
	return wal.Source{System: ask[string](t, s.url(pgserver.Superuser), "select system_identifier::text from pg_control_system()"), SegmentSize: 1 << 20}
}

// base takes a base backup without any of the log, and returns where that begins.
func (s *site) base(t *testing.T, name string) wal.Position {
	t.Helper()
	require.NoError(t, s.account.MakeFolder(s.path(name)))
	require.NoError(t, s.binaries.Run(t.Context(), s.account, "pg_basebackup", "-d", s.url(pgserver.Superuser), "-D", s.path(name), "-X", "none", "-c", "fast", "--no-sync"))
	label, err := os.ReadFile(filepath.Join(s.path(name), "backup_label"))
	require.NoError(t, err)
	start := regexp.MustCompile(`START WAL LOCATION: (\S+)`).FindSubmatch(label)
	timeline := regexp.MustCompile(`START TIMELINE: (\d+)`).FindSubmatch(label)
	require.NotNil(t, start)
	require.NotNil(t, timeline)
	lsn, err := wal.ParseLSN(string(start[1]))
	require.NoError(t, err)
	number, err := strconv.Atoi(string(timeline[1]))
	require.NoError(t, err)
	return wal.Position{Timeline: uint32(number), LSN: lsn}
}

// restore starts a server on a base backup with a restore command, and waits for the end
// of recovery.
func (s *site) restore(t *testing.T, base, command string, timeline uint32, more ...string) string {
	t.Helper()
	settings := map[string]string{
		"restore_command": command, "recovery_target_timeline": fmt.Sprint(timeline), "archive_mode": "off", "synchronous_standby_names": "", "fsync": "off",
	}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	signal := filepath.Join(s.path(base), "recovery.signal")
	require.NoError(t, os.WriteFile(signal, nil, 0o600))
	require.NoError(t, s.account.Own(signal))
	server, err := pgserver.Start(t.Context(), s.binaries, s.account, s.path(base), settings)
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, server.AwaitRecovery(ctx))
	return server.URL(pgserver.Superuser, "postgres")
}

// fetched restores a base backup from the bucket alone.
func (s *site) fetched(t *testing.T, source wal.Source, base string, from, to wal.Position, more ...string) string {
	t.Helper()
	folder := s.path(base + "-wal")
	require.NoError(t, wal.Fetch(t.Context(), s.repository, s.keys, source, from, to, folder, s.account, nil))
	return s.restore(t, base, "cp "+folder+"/%f %p", to.Timeline, more...)
}

// copied is a copy of a base backup.
func (s *site) copied(t *testing.T, base, name string) string {
	t.Helper()
	require.NoError(t, exec.Command("cp", "-a", s.path(base), s.path(name)).Run())
	return name
}

func (s *site) options(t *testing.T) wal.Options {
	return wal.Options{
		Repository: s.repository, Recipients: s.to, URL: s.url(role), Binaries: s.binaries, Account: s.account, Staging: s.staging,
		PartialEvery: 2 * time.Second, Logger: enginetest.Logger(t),
	}
}

// archive runs an archiver of this process until it is told to stop.
func (s *site) archive(t *testing.T, o wal.Options) (a *wal.Archiver, stop func()) {
	t.Helper()
	a = wal.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			stopped = true
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

// helper runs an archiver in a process of its own, which can be killed.
func (s *site) helper(t *testing.T, every time.Duration) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "WAL_TEST_ARCHIVER="+strings.Join([]string{s.bucket, s.custodians, s.proverKey, s.url(role), s.staging, every.String()}, "\n"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { kill(cmd) })
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// TestMain is also the program of [site.helper].
func TestMain(m *testing.M) {
	if given := os.Getenv("WAL_TEST_ARCHIVER"); given != "" {
		if err := archiveAs(strings.Split(given, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if given := os.Getenv("WAL_TEST_PUSH"); given != "" {
		if err := pushAs(strings.Split(given, "|"), os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if dir, err := template(); err == nil {
		err = os.RemoveAll(dir)
		if err != nil {
			code = 1
		}
	}
	os.Exit(code)
}

func archiveAs(given []string) error {
	ctx := context.Background()
	r, err := repository.Open(ctx, "file://"+given[0], nil)
	if err != nil {
		return err
	}
	to, err := custody.ParseRecipients(given[1], given[2])
	if err != nil {
		return err
	}
	binaries, err := pgserver.Find(ctx, 0)
	if err != nil {
		return err
	}
	account, err := pgserver.Unprivileged()
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(given[5])
	if err != nil {
		return err
	}
	return wal.New(wal.Options{Repository: r, Recipients: to, URL: given[3], Binaries: binaries, Account: account, Staging: given[4], PartialEvery: every,
		Keep: 1000, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
}

func pushAs(given []string, path, name string) error {
	ctx := context.Background()
	r, err := repository.Open(ctx, "file://"+given[0], nil)
	if err != nil {
		return err
	}
	to, err := custody.ParseRecipients(given[1], given[2])
	if err != nil {
		return err
	}
	return wal.Push(ctx, r, to, path, name)
}

// receivers are the processes of pg_receivewal that write into the staging folder.
func (s *site) receivers(t *testing.T) (found []int) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, process := range processes {
		line, _ := os.ReadFile(process) // it may have ended
		if strings.Contains(string(line), "pg_receivewal") && strings.Contains(string(line), s.staging) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(process)))
			require.NoError(t, err)
			found = append(found, pid)
		}
	}
	return found
}

// streaming waits until pg_receivewal receives.
func (s *site) streaming(t *testing.T) {
	t.Helper()
	conn := connect(t, s.url(pgserver.Superuser))
	defer func() { _ = conn.Close(context.Background()) }()
	require.Eventually(t, func() (streams bool) {
		err := conn.QueryRow(t.Context(), "select exists (select from pg_stat_replication where application_name = $1 and state = 'streaming')", wal.DefaultName).Scan(&streams)
		return err == nil && streams
	}, patience, 20*time.Millisecond)
}

// archived waits until the bucket holds the log up to an LSN.
func archived(t *testing.T, a *wal.Archiver, lsn wal.LSN) {
	t.Helper()
	require.Eventually(t, func() bool { return a.Status().Tip.LSN >= lsn }, patience, 20*time.Millisecond, "%+v", a.Status())
}
