package wal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/pgserver"
)

func TestPlacesInTheLogAreReadAndWritten(t *testing.T) {
	for text, lsn := range map[string]LSN{"0/0": 0, "0/16B3740": 0x16B3740, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": 1<<64 - 1} {
		got, err := ParseLSN(text)
		require.NoError(t, err)
		require.Equal(t, lsn, got)
		require.Equal(t, text, got.String())
	}
	for _, text := range []string{"", "/", "1", "0/", "/1", "0/1/2", "0/G", "100000000/0", "0/100000000", "-1/0", "0/+1", " 0/1"} {
		_, err := ParseLSN(text)
		require.Error(t, err, text)
	}
	written, err := json.Marshal(Position{Timeline: 2, LSN: 0x2000028})
	require.NoError(t, err)
	require.JSONEq(t, `{"timeline":2,"lsn":"0/2000028"}`, string(written))
	var read Position
	require.NoError(t, json.Unmarshal(written, &read))
	require.Equal(t, Position{2, 0x2000028}, read)
}

func TestSegmentsAreNamedAsPostgreSQLNamesThem(t *testing.T) {
	for _, c := range []struct {
		size int64
		p    Position
		name string
	}{
		{16 << 20, Position{1, 0x1000000}, "000000010000000000000001"},
		{16 << 20, Position{1, 0xFFFFFFFF}, "0000000100000000000000FF"},
		{16 << 20, Position{255, 0x100000000}, "000000FF0000000100000000"},
		{1 << 20, Position{2, 0x1FFFFFFFF}, "000000020000000100000FFF"},
		{1 << 30, Position{2, 0x1FFFFFFFF}, "000000020000000100000003"},
	} {
		s := Source{System: "7", SegmentSize: c.size}
		require.NoError(t, s.check())
		require.Equal(t, c.name, s.name(s.at(c.p)))
		g, ok := s.parse(c.name)
		require.True(t, ok)
		require.Equal(t, s.at(c.p), g)
	}
	s := Source{System: "7", SegmentSize: 16 << 20}
	for _, name := range []string{"", "000000010000000000000100", "00000000000000000000000A", "00000001000000000000000a", "000000010000000000000001.partial"} {
		_, ok := s.parse(name)
		require.False(t, ok, name)
	}
	for _, s := range []Source{{"x", 16 << 20}, {"7", 0}, {"7", 3 << 20}, {"7", 1 << 31}} {
		require.Error(t, s.check())
	}
}

func TestNamesOfObjectsTellWhatTheyHold(t *testing.T) {
	s := Source{System: "7", SegmentSize: 16 << 20}
	g := segment{2, 5}
	for name, want := range map[string]object{
		s.wholeName(g, "0123456789abcdef"):                           {kind: wholeKind, segment: g, end: 0x6000000, sum: "0123456789abcdef"},
		s.partName(g, 0x5000100):                                     {kind: partKind, segment: g, end: 0x5000100},
		s.historyObject(2, origin{1, 0x5000028}, "0123456789abcdef"): {kind: historyKind, segment: segment{timeline: 2}, origin: origin{1, 0x5000028}, sum: "0123456789abcdef"},
	} {
		got, ok := s.object(name)
		want.name = name
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	require.Equal(t, "wal/7/00000002/000000020000000000000005.0000000005000100.partial", s.partName(g, 0x5000100))
	for _, name := range []string{
		"wal/8/00000002/000000020000000000000005.0123456789abcdef", // another system's
		"wal/7/00000001/000000020000000000000005.0123456789abcdef", // on the wrong shelf
		"wal/7/00000002/000000020000000000000005",
		"wal/7/00000002/000000020000000000000005.0000000006000001.partial", // it would reach beyond the segment
		"wal/7/00000002/000000020000000000000005.0000000005000000.partial",
		"wal/7/00000002/00000002.history.00000002.0000000005000028.0123456789abcdef",
	} {
		_, ok := s.object(name)
		require.False(t, ok, name)
	}
}

func TestAHistoryTellsWhereATimelineBegan(t *testing.T) {
	from, err := parseHistory("# a comment\n1\t0/3000000\tno recovery target specified\n\n2\t1/A0\tbefore 2026-11-03 04:05:06+00\n")
	require.NoError(t, err)
	require.Equal(t, origin{2, 0x1000000A0}, from)
	for _, text := range []string{"", "# nothing\n", "1\n", "x\t0/1\n", "1\tx\n"} {
		_, err := parseHistory(text)
		require.Error(t, err, text)
	}
}

// written is a segment that a real server wrote, and where it says that it ends.
func written(t *testing.T) (path string, end LSN) {
	t.Helper()
	b, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "meai-wal-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	data := filepath.Join(dir, "data")
	require.NoError(t, account.MakeFolder(data))
	require.NoError(t, b.Run(t.Context(), account, "initdb", "-D", data, "-U", pgserver.Superuser, "-A", "trust", "--no-sync"))
	server, err := pgserver.Start(t.Context(), b, account, data, map[string]string{"autovacuum": "off", "fsync": "off"})
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), server.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "create table t as select i, repeat('x', 100) from generate_series(1, 20000) i; insert into t values (0, 'last')")
	require.NoError(t, err)
	var name, at string
	require.NoError(t, conn.QueryRow(t.Context(), "select pg_walfile_name(pg_current_wal_flush_lsn()), pg_current_wal_flush_lsn()::text").Scan(&name, &at))
	require.NoError(t, conn.Close(t.Context()))
	server.Kill()
	end, err = ParseLSN(at)
	require.NoError(t, err)
	return filepath.Join(data, "pg_wal", name), end
}

func TestTheEndOfTheLogIsWhereTheServerSaysOrBefore(t *testing.T) {
	t.Parallel()
	path, end := written(t)
	b, err := readBeginning(path)
	require.NoError(t, err)
	require.EqualValues(t, 16<<20, b.source.SegmentSize)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	scanned := func(content []byte) LSN {
		found, err := scan(bytes.NewReader(content), b.start, b.block)
		require.NoError(t, err)
		return found.end(true)
	}
	require.Equal(t, end, scanned(content))
	size := int(end - b.start)
	require.Equal(t, end, scanned(content[:size]), "what follows is assumed to be zeros")
	last, cut := end, size
	for last == end { // a record may end in zeros
		cut--
		last = scanned(content[:cut])
	}
	require.Greater(t, cut, size-24, "the last record is not whole")
	for at := int(last - b.start); at < cut; at++ {
		changed := bytes.Clone(content)
		changed[at] ^= 1
		if got := scanned(changed); got > last {
			t.Fatalf("byte %d of %d was changed, and the log is said to reach %s", at, size, got)
		}
	}
	// In a file that is used again something older follows, which was whole once.
	again := bytes.Clone(content)
	copy(again[size:], content[int(last-b.start):size])
	require.Equal(t, end, scanned(again))
	require.Equal(t, b.start, scanned(make([]byte, len(content))))
	require.Equal(t, b.start, scanned(nil))
}
