package region_test

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/fence"
	"meai/internal/pgserver"
)

// unstartable takes a folder away without which no server starts.
func (l *lab) unstartable(name string) {
	l.t.Helper()
	require.NoError(l.t, os.RemoveAll(filepath.Join(l.data(name), "pg_replslot")))
}

// scribble writes over the beginning of a file of a cluster.
func (l *lab) scribble(name, file string) {
	l.t.Helper()
	f, err := os.OpenFile(filepath.Join(l.data(name), file), os.O_RDWR, 0)
	require.NoError(l.t, err)
	_, err = f.WriteAt(make([]byte, 512), 0)
	require.NoError(l.t, err)
	require.NoError(l.t, f.Close())
}

// aside are the clusters that a region's agent has set aside.
func (l *lab) aside(name string) []string {
	l.t.Helper()
	all, err := filepath.Glob(filepath.Join(l.home(name), "diverged", "cluster-*"))
	require.NoError(l.t, err)
	return all
}

// replaced waits until the cluster of a region is another one than that with the file "old".
func (l *lab) replaced(name string) {
	l.t.Helper()
	l.eventually("it is cloned anew", time.Minute, func() bool {
		_, err := os.Stat(filepath.Join(l.data(name), "PG_VERSION"))
		_, gone := os.Stat(filepath.Join(l.data(name), "old"))
		return err == nil && os.IsNotExist(gone)
	})
}

// old leaves a mark in a region's cluster.
func (l *lab) old(name string) {
	l.t.Helper()
	require.NoError(l.t, os.WriteFile(filepath.Join(l.data(name), "old"), nil, 0o644))
}

// handedOver is a lab in which b has taken over from a, which follows it: in a history that
// is not the first one, most of what a standby has is younger than that history.
func handedOver(t *testing.T) *lab {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.say("a", 1)
	l.hears("b", 1)
	l.desire("b", "f2", func(d *fence.Desired) { d.Handover = true })
	l.serves("b", 2)
	l.follows("a", 2)
	l.say("b", 2)
	l.hears("a", 1, 2)
	return l
}

func TestAStandbyOnWhichNoServerStartsIsClonedAnew(t *testing.T) {
	l := handedOver(t)
	for i, damage := range []struct {
		what  string
		does  func()
		aside int // how many clusters are kept whole after it
	}{
		// What it has, the other one gave it: it is replaced.
		{"no server starts", func() { l.unstartable("a") }, 0},
		{"no server lets anybody in", func() { l.scribble("a", "global/pg_filenode.map") }, 0},
		// Nobody can know what it has: it is kept.
		{"it does not say what it is", func() { l.scribble("a", "global/pg_control") }, 1},
		{"it is no cluster", func() { require.NoError(t, os.Remove(filepath.Join(l.data("a"), "PG_VERSION"))) }, 2},
	} {
		t.Log(damage.what)
		l.stop("a")
		l.old("a")
		damage.does()
		l.start("a", "")
		l.replaced("a")
		l.follows("a", 2)
		said := int64(10 + i)
		l.say("b", said)
		l.eventually("it follows", time.Minute, func() bool { ids, err := l.ids("a"); return err == nil && ids[len(ids)-1] == said })
		require.Len(t, l.aside("a"), damage.aside, damage.what)
	}
	l.requireGauges("a", false, 2)
	for _, kept := range l.aside("a") {
		require.FileExists(t, filepath.Join(kept, "old"))
	}
}

// What keeps a server from starting may be none of its cluster's fault.
func TestAStandbyWhosePortIsTakenIsNotReplaced(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.stop("b")
	l.old("b")
	at, err := url.Parse(l.setup.Servers["b"])
	require.NoError(t, err)
	taken, err := net.Listen("tcp", at.Host)
	require.NoError(t, err)
	l.start("b", "")
	l.eventually("it says so", time.Minute, func() bool { return strings.Contains(l.status("b").Message, "its files are sound") })
	require.NoError(t, taken.Close())
	l.follows("b", 1)
	require.FileExists(t, filepath.Join(l.data("b"), "old"))
}

// What an old primary alone has, and nobody can read, is not thrown away.
func TestAnOldPrimaryOnWhichNoServerStartsIsKeptWhole(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.say("a", 1, 2)
	l.start("b", "")
	l.follows("b", 1)
	l.hears("b", 1, 2)
	l.stop("b")
	l.say("a", 3, 4)
	l.stop("a")
	l.start("b", "")
	l.desire("b", "f2", nil)
	l.serves("b", 2)

	l.old("a")
	l.unstartable("a")
	for _, step := range []string{"rejoin: clone complete", "rejoin: clone in place"} {
		l.start("a", step)
		l.gone("a")
	}
	l.start("a", "")
	l.follows("a", 2)
	l.hears("a", 1, 2)
	require.Len(t, l.aside("a"), 1)
	kept := l.aside("a")[0]
	require.FileExists(t, filepath.Join(kept, "old"))
	require.Contains(t, l.status("a").Message, "kept whole in "+kept)
	l.requireGauges("a", false, 1)

	// It is all there: with what was missing, a server starts on it and shows the rows.
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	require.NoError(t, account.MakeFolder(filepath.Join(kept, "pg_replslot")))
	binaries, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	server, err := pgserver.Start(t.Context(), binaries, account, kept, nil)
	require.NoError(t, err)
	defer server.Kill()
	require.NoError(t, server.AwaitRecovery(t.Context()))
	conn, err := pgx.Connect(t.Context(), server.URL(pgserver.Superuser, "meai"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var rows string
	require.NoError(t, conn.QueryRow(t.Context(), "select string_agg(id::text, ' ' order by id) from interactions").Scan(&rows))
	require.Equal(t, "1 2 3 4", rows)
}

// A region that is to serve and does not come up says so, and what it has is not replaced.
// What the runbook says helps then.
func TestARegionThatDoesNotComeUpSaysSoAndIsHelpedByACopy(t *testing.T) {
	for what, damage := range map[string]func(*lab){
		"no server starts":  func(l *lab) { l.unstartable("b") },
		"pages have rotted": func(l *lab) { l.scribble("b", l.fileOf("begun")) },
	} {
		t.Run(what, func(t *testing.T) { testDoesNotComeUp(t, damage) })
	}
}

func testDoesNotComeUp(t *testing.T, damage func(*lab)) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	execute(t, l.url("a", "postgres"), "insert into begun values ('something', 'before')")
	l.start("b", "")
	l.follows("b", 1)
	l.say("a", 1, 2)
	l.hears("b", 1, 2)
	l.stop("b")
	l.say("a", 3)
	l.old("b")
	damage(l)
	l.desire("b", "f2", nil)
	l.start("b", "")
	l.eventually("it says so", time.Minute, func() bool {
		return strings.Contains(l.status("b").Message, "docs/runbooks/failover.md, The new region does not come up")
	})
	require.FileExists(t, filepath.Join(l.data("b"), "old"))
	require.Empty(t, l.aside("b"))
	require.Error(t, try(t.Context(), l.url("a", "meai_app"), "select"), "the other one does not serve beside it")

	l.stop("a")
	l.stop("b")
	for _, name := range []string{"data", "agent.json"} {
		require.NoError(t, os.Rename(filepath.Join(l.home("b"), name), filepath.Join(l.home("b"), "damaged-"+name)))
	}
	for _, command := range [][]string{
		{"cp", "-a", l.data("a"), l.data("b")},
		{"cp", "-a", "--attributes-only", filepath.Join(l.data("a"), "PG_VERSION"), filepath.Join(l.data("b"), "standby.signal")},
	} {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	l.start("b", "")
	l.serves("b", 2)
	l.hears("b", 1, 2, 3)
	l.start("a", "")
	l.follows("a", 2)
	l.say("b", 4)
	l.hears("a", 1, 2, 3, 4)
}

// fileOf is a table's file in a cluster, the same in both regions.
func (l *lab) fileOf(table string) (file string) {
	l.t.Helper()
	l.one("a", "select pg_relation_filepath('"+table+"')", &file)
	return file
}
