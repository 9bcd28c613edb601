package audit_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// goBack makes the log what it was with so many entries, as a restore does, and begins
// an epoch as the end of its quarantine does.
func (s *site) goBack(t *testing.T, kept, epoch int64) {
	t.Helper()
	conn := s.superuser(t)
	for _, statement := range []string{
		"delete from audit_log where leaf_index >= $1", "delete from audit_checkpoints where size > $1",
	} {
		_, err := conn.Exec(t.Context(), statement, kept)
		require.NoError(t, err)
	}
	_, err := conn.Exec(t.Context(), "delete from ledger_applied where number > (select count(*) from audit_checkpoints) + (select count(*) from audit_losses)")
	require.NoError(t, err)
	_, err = s.to.Replay(t.Context())
	require.NoError(t, err)
	loss, err := s.log.Lose(t.Context(), epoch, kept)
	require.NoError(t, err)
	_, err = s.to.Commit(t.Context(), ledger.Act{Kind: ledger.EpochBegun, ID: fmt.Sprint("epoch/", epoch), Fields: map[string]string{
		"epoch": fmt.Sprint(epoch), "note": base64.StdEncoding.EncodeToString([]byte(loss.Note)),
	}})
	require.NoError(t, err)
}

// newRestorable is a site that knows epochs, and works in all of them.
func newRestorable(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	var err error
	s.db, err = postgres.Open(t.Context(), postgres.Options{URL: s.urls.App, Quarantine: true})
	require.NoError(t, err)
	t.Cleanup(s.db.Close)
	s.log = audit.New(audit.Options{DB: s.db, Keys: s.keys, Logger: enginetest.Logger(t)})
	s.to = ledger.NewCommitter(s.ledger, s.db, map[ledger.Kind]ledger.Applier{
		ledger.AuditCheckpoint: s.log.ApplyCheckpoint,
		ledger.EpochBegun: func(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
			note, err := base64.StdEncoding.DecodeString(e.Fields["note"])
			require.NoError(t, err)
			loss, err := s.log.ApplyLoss(ctx, q, string(note))
			require.NoError(t, err)
			return q.ApplyEpoch(ctx, loss.Epoch, e.ID[len("epoch/"):], loss.Kept)
		},
	})
	return s
}

func TestARestoredLogGoesOnAndSaysWhatWasLost(t *testing.T) {
	s := newRestorable(t)
	s.record(t, 12, 5) // checkpoints of 5 and 10 entries
	s.goBack(t, 7, 2)
	s.record(t, 1, 0)
	c := s.checkpoint(t)
	require.EqualValues(t, 8, c.Size, "a smaller one than what was signed before")

	report := s.verify(t)
	require.True(t, report.Intact(), "%v", report.Findings)
	require.Empty(t, report.Notes)
	require.Equal(t, []audit.Lost{{Epoch: 2, First: 7, Last: 9}}, report.Lost)
	require.Equal(t, "epoch 2 goes on from entry 7 of the log before; entries 7 to 9, which were signed, and what came after them was lost with the restore", report.Lost[0].String())
	require.Equal(t, map[string]int{"database": 2, "ledger": 2}, report.Checkpoints)
	require.EqualValues(t, 8, report.Signed)

	// The rest is guarded as before.
	conn := s.superuser(t)
	exec(t, conn, "delete from audit_log where leaf_index = 7")
	require.Equal(t, []what{{audit.Removed, 7, 7}}, faults(s.verify(t)), "what was signed in the new epoch")
	_, err := s.log.Checkpoint(t.Context(), s.to)
	require.ErrorIs(t, err, audit.ErrDiverged)
}

func TestALogThatWentBackTwiceIsStillHeldToWhatWasSigned(t *testing.T) {
	s := newRestorable(t)
	s.record(t, 12, 5)
	s.goBack(t, 7, 2)
	s.record(t, 6, 3)
	s.goBack(t, 9, 3)
	report := s.verify(t)
	require.True(t, report.Intact(), "%v", report.Findings)
	require.Equal(t, []audit.Lost{{Epoch: 2, First: 7, Last: 9}, {Epoch: 3, First: 9, Last: 12}}, report.Lost)
}

func TestALossIsBelievedOnlyWhenItIsSigned(t *testing.T) {
	s := newRestorable(t)
	s.record(t, 12, 5)
	loss, err := s.log.Lose(t.Context(), 2, 7)
	require.NoError(t, err)
	opened, err := audit.OpenLoss(&s.key.Public, loss.Note)
	require.NoError(t, err)
	require.Equal(t, loss, opened)

	conn := s.superuser(t)
	exec(t, conn, "delete from audit_log where leaf_index >= 7")
	for name, forged := range map[string]string{
		"changed": string(bytes.Replace([]byte(loss.Note), []byte("kept 7"), []byte("kept 3"), 1)),
		"none":    "hello",
	} {
		t.Run(name, func(t *testing.T) {
			_, err = conn.Exec(t.Context(), "delete from audit_losses")
			require.NoError(t, err)
			exec(t, conn, "insert into audit_losses (epoch, kept, note) values (2, 3, $1)", forged)
			require.Contains(t, faults(s.verify(t)), what{audit.Removed, 7, 9})
			_, err = s.log.Checkpoint(t.Context(), s.to)
			require.ErrorIs(t, err, audit.ErrDiverged)
		})
	}
	_, err = audit.OpenCheckpoint(&s.key.Public, loss.Note)
	require.Error(t, err, "a loss is no checkpoint")
	_, err = audit.OpenLoss(&s.key.Public, s.checkpointNote(t))
	require.Error(t, err, "nor the other way round")
}

func (s *site) checkpointNote(t *testing.T) (note string) {
	t.Helper()
	require.NoError(t, s.connect(t, s.urls.Reader).QueryRow(t.Context(), "select note from audit_checkpoints limit 1").Scan(&note))
	return note
}
