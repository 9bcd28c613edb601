package region_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
	"meai/internal/pgserver"
	"meai/internal/region"
)

// The test's program is also the agent and its watchdog: both have to be killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "watchdog":
		if err := region.Watch(os.Stdin, os.Stdout, os.Args[2], timings, fence.BootClock); err != nil {
			fmt.Fprintln(os.Stderr, "watchdog:", err)
			os.Exit(1)
		}
	case os.Getenv(agentVariable) != "":
		if err := runAgent(os.Getenv(agentVariable)); err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			os.Exit(1)
		}
	default:
		code := m.Run()
		if template.dir != "" {
			_ = os.RemoveAll(template.dir)
		}
		os.Exit(code)
	}
}

const agentVariable = "MEAI_TEST_REGION_AGENT"

var timings = fence.NewTimings(4 * time.Second)

// setup is what an agent's process is told.
type setup struct {
	Region, Home, Cluster string
	Servers               map[string]string
	Etcd                  []string
	Mode                  fence.Replication
	Patience              time.Duration
	KillAt                string // a step at which it kills itself
}

func runAgent(text string) error {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	register, err := fence.OpenEtcd(fence.EtcdOptions{Endpoints: s.Etcd, Cluster: s.Cluster, Timeout: timings.Renew() / 2})
	if err != nil {
		return err
	}
	account, err := pgserver.Unprivileged()
	if err != nil {
		return err
	}
	binaries, err := pgserver.Find(ctx, 0)
	if err != nil {
		return err
	}
	agent, err := region.New(region.Options{
		Region: s.Region, Servers: s.Servers, Home: s.Home, Binaries: binaries, Account: account,
		Register: register, Timings: timings, Clock: fence.BootClock, Mode: s.Mode, Patience: s.Patience,
		Trusted: []string{"meai_owner"}, Database: "meai", BeginEpoch: beginEpoch, BeginQuarantine: beginQuarantine,
		Watchdog: func(data string) *exec.Cmd { return exec.Command("/proc/self/exe", "watchdog", data) },
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, nil)).With("region", s.Region), Log: os.Stderr,
		Reached: func(step string) {
			if step == s.KillAt {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		},
	})
	if err != nil {
		return err
	}
	if err := tellGauges(ctx, agent, s.Home); err != nil {
		return err
	}
	go func() {
		ended := make(chan os.Signal, 1)
		notify(ended)
		<-ended
		stop()
	}()
	return agent.Run(ctx)
}

// What the product does there takes its time, so that somebody could get in before.
func begin(ctx context.Context, at, what, failover string) error {
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "insert into begun (what, failover) select $1, $2 from pg_sleep(0.3) on conflict do nothing", what, failover)
	return err
}

func beginEpoch(ctx context.Context, at string, epoch int64, failover string) error {
	return begin(ctx, at, fmt.Sprintf("epoch %d", epoch), failover)
}

func beginQuarantine(ctx context.Context, at, failover string, lsn fence.LSN, _ time.Time) error {
	if lsn == 0 {
		return fmt.Errorf("the position of the fork is not known")
	}
	return begin(ctx, at, "quarantine", failover)
}

// template is a cluster with the product's database, made once for all tests.
var template = struct {
	sync.Once
	dir string
}{}

const prepare = `alter role postgres password 'secret'; create role meai_owner login password 'secret';
	create role meai_app login password 'secret'; create database meai owner meai_owner`

const schema = `create table interactions (id bigint primary key, said_sealed text not null);
	create table begun (what text, failover text, primary key (what, failover));
	grant select on begun to meai_app; grant select, insert on interactions to meai_app`

func makeTemplate(t *testing.T, b pgserver.Binaries, account pgserver.Account) string {
	t.Helper()
	template.Do(func() {
		dir, err := os.MkdirTemp("", "meai-region-template-")
		require.NoError(t, err)
		require.NoError(t, os.Chmod(dir, 0o711))
		require.NoError(t, b.Init(t.Context(), account, filepath.Join(dir, "data")))
		s, err := pgserver.Start(t.Context(), b, account, filepath.Join(dir, "data"), nil)
		require.NoError(t, err)
		for _, statement := range strings.Split(prepare, ";") {
			execute(t, s.URL(pgserver.Superuser, "postgres"), statement)
		}
		execute(t, s.URL(pgserver.Superuser, "meai"), schema)
		require.NoError(t, s.Stop())
		template.dir = dir
	})
	require.NotEmpty(t, template.dir)
	return filepath.Join(template.dir, "data")
}

func execute(t *testing.T, at, sql string, args ...any) {
	t.Helper()
	require.NoError(t, try(t.Context(), at, sql, args...))
}

func try(ctx context.Context, at, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql, args...)
	return err
}

// lab is two regions and a register.
type lab struct {
	t        *testing.T
	etcd     *exec.Cmd
	register *fence.Etcd
	dir      string
	setup    setup
	agents   map[string]*process
}

// process is an agent that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// newLab starts the register, and makes region a the one that serves first.
func newLab(t *testing.T, mode fence.Replication) *lab {
	t.Helper()
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	from := makeTemplate(t, b, account)
	l := &lab{t: t, agents: map[string]*process{}}
	l.dir, err = os.MkdirTemp("", "meai-region-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(l.dir, 0o711))
	t.Cleanup(l.close)
	l.setup = setup{
		Cluster: "test", Mode: mode, Patience: 3 * time.Second,
		Servers: map[string]string{"a": serverURL(t), "b": serverURL(t)}, Etcd: l.startEtcd(),
	}
	require.NoError(t, os.Mkdir(l.home("a"), 0o711))
	require.NoError(t, exec.CommandContext(t.Context(), "cp", "-a", from, l.data("a")).Run())
	l.register, err = fence.OpenEtcd(fence.EtcdOptions{Endpoints: l.setup.Etcd, Cluster: l.setup.Cluster})
	require.NoError(t, err)
	require.NoError(t, l.register.Begin(t.Context(), "a", fence.Async))
	return l
}

func serverURL(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return "postgres://postgres:secret@" + listener.Addr().String() + "/postgres?sslmode=disable"
}

func (l *lab) home(name string) string { return filepath.Join(l.dir, name) }
func (l *lab) data(name string) string { return filepath.Join(l.dir, name, "data") }

// url connects to a region's database of the product.
func (l *lab) url(name, role string) string {
	u, err := url.Parse(l.setup.Servers[name])
	require.NoError(l.t, err)
	u.User, u.Path = url.UserPassword(role, "secret"), "/meai"
	return u.String()
}

// start starts a region's agent, which kills itself at the step, if one is given.
func (l *lab) start(name, killAt string) *process {
	l.t.Helper()
	s := l.setup
	s.Region, s.Home, s.KillAt = name, l.home(name), killAt
	text, err := json.Marshal(s)
	require.NoError(l.t, err)
	p := &process{cmd: exec.Command("/proc/self/exe"), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), agentVariable+"="+string(text))
	p.cmd.Stderr = l.logFile(name)
	require.NoError(l.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	l.agents[name] = p
	return p
}

func (l *lab) logFile(name string) *os.File {
	file, err := os.OpenFile(filepath.Join(l.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = file.Close() })
	return file
}

func (p *process) signal(signal syscall.Signal) { _ = p.cmd.Process.Signal(signal) }

// stop has the agent shut PostgreSQL down.
func (l *lab) stop(name string) {
	l.t.Helper()
	l.agents[name].signal(syscall.SIGTERM)
	l.gone(name)
}

// gone waits until the agent's process has ended.
func (l *lab) gone(name string) {
	l.t.Helper()
	select {
	case <-l.agents[name].ended:
	case <-time.After(time.Minute):
		require.Fail(l.t, "the agent does not end: "+name)
	}
}

func (l *lab) close() {
	for _, p := range l.agents {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
	if l.register != nil {
		_ = l.register.Close()
	}
	if l.etcd != nil {
		_ = l.etcd.Process.Signal(syscall.SIGCONT)
		_ = l.etcd.Process.Kill()
		_ = l.etcd.Wait()
	}
	for _, name := range []string{"a", "b"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_ = pgserver.End(ctx, l.data(name), time.Second)
		cancel()
		if l.t.Failed() {
			text, _ := os.ReadFile(filepath.Join(l.dir, name+".log"))
			l.t.Logf("agent %s:\n%s", name, tail(string(text)))
		}
	}
	_ = os.RemoveAll(l.dir)
}

func tail(s string) string { return s[max(0, len(s)-12000):] }

// startEtcd runs a register of its own, which a test may stop.
func (l *lab) startEtcd() (endpoints []string) {
	l.t.Helper()
	program, err := filepath.Abs("../../.local/bin/meai-local")
	require.NoError(l.t, err)
	ready := filepath.Join(l.dir, "etcd.json")
	l.etcd = exec.Command(program, "etcd", "--data", filepath.Join(l.dir, "etcd"), "--ready-file", ready)
	l.etcd.Stderr = l.logFile("etcd")
	require.NoError(l.t, l.etcd.Start(), "make build-stack makes it")
	require.Eventually(l.t, func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &endpoints) == nil
	}, time.Minute, 50*time.Millisecond, "the register serves")
	return endpoints
}

// status is what a region's agent says of itself.
func (l *lab) status(name string) fence.AgentStatus {
	agents, err := l.register.Agents(l.t.Context())
	if err != nil {
		return fence.AgentStatus{Message: err.Error()}
	}
	return agents[name]
}

func (l *lab) eventually(what string, within time.Duration, holds func() bool) {
	l.t.Helper()
	require.Eventually(l.t, holds, within, 50*time.Millisecond, what)
}

// serves waits until a region serves in an epoch.
func (l *lab) serves(name string, epoch int64) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%s serves in epoch %d", name, epoch), time.Minute, func() bool {
		s := l.status(name)
		return s.Role == fence.RolePrimary && s.Open && s.Epoch == epoch
	})
}

// follows waits until a region is a standby in an epoch.
func (l *lab) follows(name string, epoch int64) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%s follows in epoch %d", name, epoch), time.Minute, func() bool {
		s := l.status(name)
		return s.Role == fence.RoleStandby && s.Epoch == epoch
	})
}

// desire says that another region serves.
func (l *lab) desire(name, failover string, change func(*fence.Desired)) {
	l.t.Helper()
	read, err := l.register.Read(l.t.Context())
	require.NoError(l.t, err)
	to := read.Desired.Value.Next(name, failover, time.Now())
	if change != nil {
		change(&to)
	}
	require.NoError(l.t, l.register.Change(l.t.Context(), read, to))
}

// say writes interactions as the product does.
func (l *lab) say(name string, ids ...int64) {
	l.t.Helper()
	for _, id := range ids {
		execute(l.t, l.url(name, "meai_app"), "insert into interactions values ($1, 'sealed')", id)
	}
}

// heard are the interactions that a region has.
func (l *lab) heard(name string) (ids []int64) {
	l.t.Helper()
	ids, err := l.ids(name)
	require.NoError(l.t, err)
	return ids
}

func (l *lab) ids(name string) (ids []int64, err error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, l.url(name, "postgres"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "select id from interactions order by id")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// hears waits until a region has exactly these.
func (l *lab) hears(name string, want ...int64) {
	l.t.Helper()
	var got []int64
	require.Eventually(l.t, func() bool {
		got, _ = l.ids(name)
		return fmt.Sprint(got) == fmt.Sprint(want)
	}, 30*time.Second, 50*time.Millisecond, "%s has %v", name, want)
}

// one asks a question with one answer.
func (l *lab) one(name, sql string, into any) {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), l.url(name, "postgres"))
	require.NoError(l.t, err)
	defer func() { require.NoError(l.t, conn.Close(l.t.Context())) }()
	require.NoError(l.t, conn.QueryRow(l.t.Context(), sql).Scan(into))
}
