package erasure_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/erasure"
	"meai/internal/failure"
	"meai/internal/signing"
)

// An older copy of the database, as a backup has it, learns from the ledger what became of
// people since.
func TestARestoredDatabaseErasesAgain(t *testing.T) {
	w := newWorld(t)
	today := w.scene(t)
	erased, waiting, back, other := today.newPerson(t), today.newPerson(t), today.newPerson(t), today.newPerson(t)
	restored := w.scene(t) // from before all of it
	people := []uuid.UUID{erased, waiting, back, other}
	for _, subject := range people {
		require.NoError(t, restored.Store.DB.EnsureSubject(t.Context(), subject))
		restored.addRows(t, subject)
	}
	ref := today.erase(t, erased)
	asked, err := today.Store.Request(t.Context(), erasure.New{Subject: waiting, Law: erasure.GDPR})
	require.NoError(t, err)
	taken, err := today.Store.Request(t.Context(), erasure.New{Subject: back, Law: erasure.GDPR})
	require.NoError(t, err)
	_, err = today.Store.Cancel(t.Context(), back, taken.ID)
	require.NoError(t, err)

	for range 2 {
		_, err = restored.acts.Replay(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, erasure.Destroying, restored.state(t, ref))
	require.Equal(t, erasure.Requested, restored.state(t, erasure.Ref{ID: asked.ID}))
	require.Equal(t, erasure.Cancelled, restored.state(t, erasure.Ref{ID: taken.ID}), "who took it back is not erased")
	require.True(t, failure.Is(restored.Store.DB.CheckActive(t.Context(), erased), failure.SubjectInactive))
	require.Positive(t, restored.rows(t, erased))

	n, err := restored.EraseAgain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Zero(t, restored.rows(t, erased))
	for _, subject := range people[1:] {
		require.EqualValues(t, 4, restored.rows(t, subject))
		require.NoError(t, restored.Store.DB.CheckActive(t.Context(), subject))
	}
	_, issued, err := restored.Store.Certificates(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Empty(t, issued, "nobody has looked whether nothing is left")
	swept := do(t, restored, restored.Sweep, struct{}{})
	require.Equal(t, erasure.Swept{Open: 3}, swept)
	require.ElementsMatch(t, []uuid.UUID{ref.ID, asked.ID, taken.ID}, restored.begun, "all three go on")
	restored.destroy(t, ref)
	restored.empty(t, ref)
	restored.finish(t, ref)
}

func TestWhoeverReappearsIsErasedAgain(t *testing.T) {
	s := newScene(t)
	erased, registered, other := s.newPerson(t), s.newPerson(t), s.newPerson(t)
	s.erase(t, erased)
	s.erase(t, registered)
	require.Equal(t, erasure.Swept{}, do(t, s, s.Sweep, struct{}{}))
	s.lateWrite(t, erased)
	require.NoError(t, s.Store.DB.EnsureSubject(t.Context(), registered))
	stranger := uuid.New()
	s.lateWrite(t, stranger)

	for range 2 {
		s.begun = nil
		swept := do(t, s, s.Sweep, struct{}{})
		require.Equal(t, []int{2, 1}, []int{swept.Open, swept.Unknown})
		require.Len(t, s.begun, 2)
	}
	for _, id := range s.begun {
		e, err := s.Store.Erasure(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, erasure.BySweep, e.By)
		ref := erasure.Ref{ID: id}
		require.Equal(t, erasure.Destroying, do(t, s, s.Look, ref).State)
		s.destroy(t, ref)
		s.empty(t, ref)
		s.finish(t, ref)
	}
	require.Zero(t, s.rows(t, erased)+s.rows(t, registered))
	require.EqualValues(t, 1, s.rows(t, stranger), "nobody has asked for that")
	require.NoError(t, s.Store.DB.CheckActive(t.Context(), other))
	require.Equal(t, erasure.Swept{Unknown: 1}, do(t, s, s.Sweep, struct{}{}))
}

// A crash may come between the ledger and the database.
func TestARequestThatTheLedgerHasIsCarriedOut(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	dead := *s.Store
	dead.Ledger = dying{s}
	_, err := dead.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.GDPR})
	require.ErrorIs(t, err, errKilled)
	n, err := s.acts.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, do(t, s, s.Sweep, struct{}{}).Open)
	require.Len(t, s.begun, 1)
}

func TestCertificatesComeInStagesAndAreOfThisSystem(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	ref := s.erase(t, subject)
	key, err := s.Store.CertificateKey(t.Context())
	require.NoError(t, err)
	state, issued, err := s.Store.Certificates(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Equal(t, erasure.Certified, state)
	require.Len(t, issued, 1)
	c, err := erasure.OpenCertificate(key, []byte(issued[0].Note))
	require.NoError(t, err)
	require.Equal(t, []any{ref.ID, s.alias(t, subject), erasure.Live, erasure.GDPR, false}, []any{c.Erasure, c.Alias, c.Stage, c.Law, c.Files})
	require.EqualValues(t, 3, c.Found["postgres.sessions"])
	require.Equal(t, 30*24*time.Hour, c.Until[erasure.Logs].Sub(c.Erased))
	require.False(t, c.Scanned.Before(c.Erased) || c.Erased.Before(c.Unreadable))
	require.NotContains(t, issued[0].Note, subject.String())

	for name, forged := range map[string]string{
		"another count": strings.Replace(issued[0].Note, "sessions 3 left 0", "sessions 2 left 0", 1),
		"no signature":  strings.Split(issued[0].Note, "\n\n")[0] + "\n",
	} {
		_, err := erasure.OpenCertificate(key, []byte(forged))
		require.ErrorIs(t, err, signing.ErrSignature, name)
	}
	for _, text := range []string{"", "meai-erasure/1\n", strings.Replace(c.Text(), "law gdpr\n", "law gdpr\nlaw gdpr\n", 1), c.Text() + "more\n"} {
		_, err := erasure.ParseCertificate(text)
		require.Error(t, err)
	}
	_, _, err = s.Store.Certificates(t.Context(), uuid.New())
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)

	kept := true
	s.Backups = func(_ context.Context, before time.Time) (bool, error) {
		require.WithinDuration(t, time.Now(), before, time.Minute)
		return kept, nil
	}
	require.Equal(t, erasure.Settled{Open: 1}, do(t, s, s.Settle, struct{}{}), "neither time has come")
	s.Store.Retained = erasure.Retained{}
	require.Equal(t, erasure.Settled{Issued: 1, Open: 1}, do(t, s, s.Settle, struct{}{}), "a backup is held")
	kept = false
	require.Equal(t, erasure.Settled{Issued: 1}, do(t, s, s.Settle, struct{}{}))
	require.Equal(t, erasure.Settled{}, do(t, s, s.Settle, struct{}{}))
	_, issued, err = s.Store.Certificates(t.Context(), ref.ID)
	require.NoError(t, err)
	var stages []erasure.Stage
	for _, i := range issued {
		c, err := erasure.OpenCertificate(key, []byte(i.Note))
		require.NoError(t, err)
		stages = append(stages, c.Stage)
	}
	require.Equal(t, []erasure.Stage{erasure.Live, erasure.Logs, erasure.Backups}, stages)
}

// residue stands for files that hold pieces of people for a while.
type residue struct {
	left    int64
	samples map[string][][]byte
	subject uuid.UUID
}

func (r *residue) CleanUp(context.Context, func(int64)) error { r.left--; return nil }

func (r *residue) Scan(_ context.Context, subject uuid.UUID, samples map[string][][]byte, _ func(int64)) (map[string]int64, bool, error) {
	r.subject, r.samples = subject, samples
	return map[string]int64{"pg_wal": max(r.left, 0)}, true, nil
}

func TestFilesAreSearchedForWhatWasNotedDownBefore(t *testing.T) {
	s := newScene(t)
	files := &residue{left: 2}
	s.Residue = files
	subject := s.newPerson(t)
	ref := s.request(t, subject)
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.empty(t, ref)
	do(t, s, s.CleanUp, ref)
	left := do(t, s, s.Scan, ref)
	require.Equal(t, map[string]int64{"pg_wal": 1}, left.Files)
	require.Equal(t, erasure.Cleaning, left.State)
	require.Equal(t, subject, files.subject)
	require.Len(t, files.samples["postgres.sessions"], 3, "the ids of the sessions")
	require.NotEmpty(t, files.samples["postgres.memory_writes"])
	s.finish(t, ref)
	_, issued, err := s.Store.Certificates(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Contains(t, issued[0].Note, "\nfiles true\n")
}
