package base_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/base"
)

// Both benchmarks measure beside what an administrator would type, in turns, on a
// cluster of about 1 GB. It takes minutes, and needs zstd and bash:
//
//	go test -vet=off -run '^$' -bench . -benchtime 5x ./activities/backup/base
//
// Take and Extract return when all is durable. A command does not care, so it is
// measured with and without a sync of what it wrote.

// bigCluster has 1 GB of rows, of which 60 % is text and 30 % is encrypted.
func bigCluster(b *testing.B) *cluster {
	b.Helper()
	c := newCluster(b, "max_wal_size", "4GB", "shared_buffers", "128MB")
	c.exec(b, "create table bodies as select n, (select string_agg(substr(md5(floor(power(random(), 3) * 5000)::text), 1, 2 + floor(random() * 8)::int + (w + n) * 0), ' ')"+
		" from generate_series(1, 90) w) as body from generate_series(0, 19999) n",
		"create table memories (id bigserial primary key, at timestamptz not null default now(), body text not null, sealed bytea not null)",
		"insert into memories (at, body, sealed) select now() + n * interval '7 s', body, (select string_agg(sha512((random() + (w + r) * 0)::text::bytea), '') from generate_series(1, 5) w)"+
			" from generate_series(1, 930000) r, lateral (select (r * 7919::bigint) % 20000) as k(n) join bodies using (n)",
		"create index on memories (at)", "vacuum analyze", "checkpoint")
	b.Logf("the cluster has %s", ask(b, c.Server, "select pg_size_pretty(sum(pg_database_size(oid))) from pg_database"))
	return c
}

// bench measures steps in turns.
type bench struct {
	b     *testing.B
	names []string
	took  map[string][]time.Duration
	rss   int
}

func (m *bench) measure(name string, step func()) {
	require.NoError(m.b, exec.Command("sync").Run()) // of what came before
	awaitQuiet(m.b)
	if m.took[name] == nil {
		m.names = append(m.names, name)
	}
	began := time.Now()
	step()
	m.took[name] = append(m.took[name], time.Since(began))
}

// awaitQuiet waits until the processors were idle for three quarters of half a second,
// for two minutes at most: others may work on the machine.
func awaitQuiet(b *testing.B) {
	b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		busy, idle := processors(b)
		time.Sleep(500 * time.Millisecond)
		busyThen, idleThen := processors(b)
		if idleThen-idle > 3*(busyThen-busy) {
			return
		}
	}
	b.Log("the machine was never quiet")
}

// processors are the ticks that they spent so far.
func processors(b *testing.B) (busy, idle int) {
	b.Helper()
	stat, err := os.ReadFile("/proc/stat")
	require.NoError(b, err)
	for i, field := range strings.Fields(string(stat))[1:9] {
		ticks, err := strconv.Atoi(field)
		require.NoError(b, err)
		if i == 3 || i == 4 { // idle, and waiting for a disk
			idle += ticks
		} else {
			busy += ticks
		}
	}
	return busy, idle
}

// own measures a step of this process, with its peak memory.
func (m *bench) own(name string, step func()) {
	require.NoError(m.b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600))
	m.measure(name, step)
	m.rss = max(m.rss, peak(m.b))
}

var peakForm = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that was resident since it was last reset, in KiB.
func peak(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	kib, err := strconv.Atoi(peakForm.FindStringSubmatch(string(status))[1])
	require.NoError(b, err)
	return kib
}

func (m *bench) run(command string) {
	m.b.Helper()
	out, err := exec.Command("bash", "-c", "set -o pipefail; "+command).CombinedOutput()
	require.NoError(m.b, err, string(out))
}

// report compares the others with ours, the first one: the best of all turns, and the
// middle one.
func (m *bench) report(what string) {
	ours := slices.Sorted(slices.Values(m.took[m.names[0]]))
	middle := len(ours) / 2
	for _, name := range m.names {
		took := slices.Sorted(slices.Values(m.took[name]))
		fmt.Printf("%-8s %-40s best %6.2f s, middle %6.2f s: ours has %.2f and %.2f of its speed\n", what, name,
			took[0].Seconds(), took[middle].Seconds(), took[0].Seconds()/ours[0].Seconds(), took[middle].Seconds()/ours[middle].Seconds())
	}
	fmt.Printf("%-8s peak memory of this process %d MiB\n", what, m.rss>>10)
	m.b.ReportMetric(float64(m.rss>>10), "MiB-peak")
}

// command has PostgreSQL's own tool write a backup to its output.
func (c *cluster) command() string {
	return c.binaries.Dir + "/pg_basebackup -d '" + c.URL(role, "postgres") + "' -D - -Ft -X none -c fast"
}

func BenchmarkTake(b *testing.B) {
	c := bigCluster(b)
	m := &bench{b: b, took: map[string][]time.Duration{}}
	command := c.command()
	for b.Loop() {
		s := newShelf(b, nil)
		m.own("take, sealed and durable", func() { s.take(b, c.options()) })
		require.NoError(b, os.RemoveAll(s.dir))
		to := filepath.Join(b.TempDir(), "base.tar.zst")
		m.measure("pg_basebackup | zstd -3", func() { m.run(command + " | zstd -3 -q -o " + to) })
		require.NoError(b, os.Remove(to))
		m.measure("pg_basebackup | zstd -3, durable", func() { m.run(command + " | zstd -3 -q -o " + to + " && sync " + to) })
		require.NoError(b, os.Remove(to))
		m.measure("pg_basebackup --compress=server-zstd", func() { m.run(command + " --no-manifest --compress=server-zstd:level=3 > " + to) })
		require.NoError(b, os.Remove(to))
	}
	m.report("take")
}

func BenchmarkExtract(b *testing.B) {
	c := bigCluster(b)
	m := &bench{b: b, took: map[string][]time.Duration{}}
	s := newShelf(b, nil)
	backup := s.take(b, c.options())
	plain := filepath.Join(b.TempDir(), "base.tar.zst")
	m.run(c.command() + " | zstd -3 -q -o " + plain)
	dir := filepath.Join(c.dir, "restored")
	unpack := "mkdir " + dir + " && zstd -dcq " + plain + " | tar -x -C " + dir
	for b.Loop() {
		m.own("extract, opened, checked and durable", func() {
			require.NoError(b, base.Extract(b.Context(), s.Repository, backup, s.keys, c.account, dir, nil))
		})
		require.NoError(b, os.RemoveAll(dir))
		m.measure("zstd -d | tar -x", func() { m.run(unpack) })
		require.NoError(b, os.RemoveAll(dir))
		m.measure("zstd -d | tar -x, durable", func() { m.run(unpack + " && sync -f " + dir) })
		require.NoError(b, os.RemoveAll(dir))
	}
	m.report("extract")
}
