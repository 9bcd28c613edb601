package audit_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"meai/internal/audit"
	"meai/internal/ledger"
)

// what is a finding without its words.
type what struct {
	fault       audit.Fault
	first, last int64
}

func faults(r *audit.Report) []what {
	var found []what
	for _, f := range r.Findings {
		found = append(found, what{f.Fault, f.First, f.Last})
	}
	return found
}

// TestTamperingAsSuperuserIsFound does what somebody can do who owns the database,
// and expects the place to be named.
func TestTamperingAsSuperuserIsFound(t *testing.T) {
	s := newSite(t)
	s.record(t, 22, 5)
	conn := s.superuser(t)
	exec(t, conn, "create temporary table log_before as select * from audit_log")
	exec(t, conn, "create temporary table checkpoints_before as select * from audit_checkpoints")
	for name, c := range map[string]struct {
		tamper func(t *testing.T, conn *pgx.Conn)
		found  []what
	}{
		"an entry is changed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set leaf = set_byte(leaf, 85, 88) where leaf_index = 7")
		}, []what{{audit.Changed, 7, 7}}},
		"the last entry is changed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set leaf = set_byte(leaf, 85, 88) where leaf_index = 21")
		}, []what{{audit.Changed, 21, 21}}},
		"an entry is changed, and its own hash with it": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set leaf = set_byte(leaf, 85, 88) where leaf_index = 6")
			exec(t, conn, `update audit_log set hashes = sha256('\x00'::bytea || leaf) || substring(hashes from 33) where leaf_index = 6`)
		}, []what{{audit.HashChanged, 6, 7}}},
		"a hash is changed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1) where leaf_index = 7")
		}, []what{{audit.HashChanged, 0, 7}, {audit.HashChanged, 4, 7}}},
		"hashes are cut off": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set hashes = substring(hashes for 64) where leaf_index = 7")
		}, []what{{audit.HashChanged, 0, 7}, {audit.HashChanged, 4, 7}}},
		"an entry is removed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log where leaf_index = 9")
		}, []what{{audit.Removed, 9, 9}}},
		"the first entries are removed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log where leaf_index < 3")
		}, []what{{audit.Removed, 0, 2}}},
		"the tail is cut off": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log where leaf_index >= 17")
		}, []what{{audit.Removed, 17, 19}}},
		"the tail and its checkpoints are cut off": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log where leaf_index >= 8")
			exec(t, conn, "delete from audit_checkpoints where size > 8")
		}, []what{{audit.Removed, 8, 19}}},
		"everything is removed": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log")
			exec(t, conn, "delete from audit_checkpoints")
		}, []what{{audit.Removed, 0, 19}}},
		"two entries are swapped": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log a set leaf = b.leaf from audit_log b where a.leaf_index + b.leaf_index = 13 and a.leaf_index in (5, 8)")
		}, []what{{audit.Reordered, 5, 5}, {audit.Reordered, 8, 8}}},
		"two rows are swapped": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_log set leaf_index = 1000 where leaf_index = 2")
			exec(t, conn, "update audit_log set leaf_index = 2 where leaf_index = 4")
			exec(t, conn, "update audit_log set leaf_index = 4 where leaf_index = 1000")
		}, []what{{audit.Rewritten, 0, 4}, {audit.Reordered, 2, 2}, {audit.HashChanged, 2, 3}, {audit.Reordered, 4, 4}, {audit.HashChanged, 4, 5}}},
		"an entry is removed and the rest moved up": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "delete from audit_log where leaf_index = 18")
			exec(t, conn, "update audit_log set leaf_index = leaf_index - 1 where leaf_index > 18")
		}, []what{{audit.Rewritten, 15, 19}, {audit.Reordered, 18, 18}, {audit.Reordered, 19, 19}, {audit.Reordered, 20, 20}}},
		"an entry is put in far away": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "insert into audit_log select 1::bigint << 60, leaf, hashes from audit_log where leaf_index = 0")
		}, []what{{audit.Removed, 22, 1<<60 - 1}}},
		"history is rewritten with all its hashes": {func(t *testing.T, conn *pgx.Conn) {
			rewrite(t, conn, 12)
		}, []what{{audit.Rewritten, 10, 14}}},
		"history is rewritten and its checkpoints removed": {func(t *testing.T, conn *pgx.Conn) {
			rewrite(t, conn, 3)
			exec(t, conn, "delete from audit_checkpoints")
		}, []what{{audit.Rewritten, 0, 4}}},
		"a checkpoint is forged": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_checkpoints set note = replace(note, E'\\n10\\n', E'\\n11\\n') where size = 10")
		}, []what{{audit.Forged, 0, 9}}},
		"a checkpoint is put under another size": {func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update audit_checkpoints set size = 12 where size = 10")
		}, []what{{audit.Forged, 0, 11}}},
	} {
		t.Run(name, func(t *testing.T) {
			undo(t, conn)
			clean := s.verify(t)
			require.Empty(t, clean.Findings)
			require.Equal(t, map[string]int{"database": 4, "ledger": 4}, clean.Checkpoints)
			require.EqualValues(t, 20, clean.Signed)

			c.tamper(t, conn)
			report := s.verify(t)
			require.False(t, report.Intact())
			require.Equal(t, c.found, faults(report), "%v", report.Findings)

			var file bytes.Buffer
			c, err := audit.InDatabase(t.Context(), s.db)
			require.NoError(t, err)
			inLedger, err := audit.InLedger(t.Context(), s.ledger)
			require.NoError(t, err)
			c.Statements = append(c.Statements, inLedger...)
			_, err = audit.Export(&file, c)
			require.NoError(t, err)
			c, err = audit.InExport(&file)
			require.NoError(t, err)
			offline, err := audit.Verify(&s.key.Public, c.Records, c.Statements)
			require.NoError(t, err)
			require.Equal(t, faults(report), faults(offline), "an export shows the same")
		})
	}
}

func undo(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	exec(t, conn, "truncate audit_log, audit_checkpoints")
	exec(t, conn, "insert into audit_log select * from log_before")
	exec(t, conn, "insert into audit_checkpoints select * from checkpoints_before")
}

// rewrite changes an entry and makes every hash anew, as a patient attacker would.
func rewrite(t *testing.T, conn *pgx.Conn, index int64) {
	t.Helper()
	exec(t, conn, "update audit_log set leaf = set_byte(leaf, 85, 88) where leaf_index = $1", index)
	rows, err := conn.Query(t.Context(), "select leaf from audit_log order by leaf_index")
	require.NoError(t, err)
	leaves, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(t, err)
	var stored []tlog.Hash
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), leaf, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			var found []tlog.Hash
			for _, at := range indexes {
				found = append(found, stored[at])
			}
			return found, nil
		}))
		require.NoError(t, err)
		stored = append(stored, hashes...)
		var row []byte
		for _, h := range hashes {
			row = append(row, h[:]...)
		}
		exec(t, conn, "update audit_log set hashes = $1 where leaf_index = $2", row, i)
	}
}

func TestNothingIsSignedOverATamperedPast(t *testing.T) {
	s := newSite(t)
	s.record(t, 10, 5)
	conn := s.superuser(t)
	rewrite(t, conn, 3)
	_, err := s.log.Record(t.Context(), entry(99))
	require.NoError(t, err)
	_, err = s.log.Checkpoint(t.Context(), s.to)
	require.ErrorIs(t, err, audit.ErrDiverged)

	cut := newSite(t)
	cut.record(t, 10, 5)
	exec(t, cut.superuser(t), "delete from audit_log where leaf_index > 7")
	_, err = cut.log.Checkpoint(t.Context(), cut.to)
	require.ErrorIs(t, err, audit.ErrDiverged)
}

func TestADamagedLogTakesNoEntryThatNeedsWhatIsGone(t *testing.T) {
	s := newSite(t)
	s.record(t, 3, 0)
	exec(t, s.superuser(t), "delete from audit_log where leaf_index = 1")
	_, err := s.log.Record(t.Context(), entry(3))
	require.ErrorContains(t, err, "run meai audit verify")
}

func TestACheckpointIsMadeOnceAndSurvivesAKill(t *testing.T) {
	s := newSite(t)
	s.record(t, 4, 0)
	c := s.checkpoint(t)
	require.Equal(t, c, s.checkpoint(t), "nothing was added since")
	head, err := s.ledger.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Number)

	// Killed after the ledger has it: the database learns of it by the replay.
	s.record(t, 2, 0)
	_, err = s.log.Checkpoint(t.Context(), onlyLedger{s.ledger})
	require.NoError(t, err)
	last, err := s.log.LastCheckpoint(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, last.Size)
	require.True(t, s.verify(t).Intact())
	_, err = s.to.Replay(t.Context())
	require.NoError(t, err)
	last, err = s.log.LastCheckpoint(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 6, last.Size)
}

// onlyLedger is a process that dies before the database has the act.
type onlyLedger struct{ *ledger.Ledger }

func (o onlyLedger) Commit(ctx context.Context, act ledger.Act) (ledger.Entry, error) {
	return o.Append(ctx, act)
}

func TestCheckpointsAreKeptUp(t *testing.T) {
	s := newSite(t)
	s.record(t, 3, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	log := audit.New(audit.Options{DB: s.db, Keys: s.keys, Interval: 10 * time.Millisecond})
	go func() { defer close(done); log.KeepCheckpoints(ctx, s.to) }()
	require.Eventually(t, func() bool {
		c, err := s.log.LastCheckpoint(t.Context())
		return err == nil && c.Size == 3
	}, 20*time.Second, 20*time.Millisecond)
	cancel()
	<-done
}

func TestAStrangersExportIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "hello", "no entry": "{\"index\":0}\n{\"checkpoint\":null}\n",
	} {
		c, err := audit.InExport(strings.NewReader(text))
		if err == nil {
			s := newSite(t)
			_, err = audit.Verify(&s.key.Public, c.Records, c.Statements)
		}
		require.ErrorIs(t, err, audit.ErrExport, name)
	}
}
