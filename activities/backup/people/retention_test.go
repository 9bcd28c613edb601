package people_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/activities/backup/repository"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

func errorsIsAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// changed goes through all pages of those who changed.
func (s *scene) changed(t *testing.T, at time.Time) []uuid.UUID {
	t.Helper()
	var all []uuid.UUID
	for in := (people.PageInput{Run: at, Limit: 2}); ; {
		page := run(t, s, s.activities.ListChanged, in)
		require.Zero(t, page.Failed)
		all = append(all, page.Subjects...)
		if page.Ended {
			return all
		}
		in.After = page.Next
	}
}

// turnOf is a night in which somebody is, or is not, compared row by row.
func turnOf(subject uuid.UUID, its bool) time.Time {
	night := time.Now().Unix() / 86400
	for (int64(subject[15])%people.Rota == night%people.Rota) != its {
		night++
	}
	return time.Unix(night*86400+60, 0)
}

func TestWhoChangedIsArchivedAgainAndNobodyElse(t *testing.T) {
	s := newSceneAlone(t)
	alice, bob, carol := s.newPerson(t, before()), s.newPerson(t, before()), s.newPerson(t, before())
	silent := uuid.New()
	require.NoError(t, s.DB.EnsureSubject(t.Context(), silent))
	everybody := []uuid.UUID{alice.subject, bob.subject, carol.subject}
	require.Equal(t, people.Page{Subjects: nil, Seen: 4, Next: last(everybody, silent), Ended: true}, withoutSubjects(run(t, s, s.activities.ListChanged, people.PageInput{Run: time.Now()})))
	require.ElementsMatch(t, everybody, s.changed(t, time.Now()), "who has never been archived and has said anything")
	run(t, s, s.activities.Archive, people.Input{Run: time.Now(), Subjects: everybody})
	for its := range 7 {
		require.Empty(t, s.changed(t, time.Now().Add(time.Duration(its)*24*time.Hour)), "in no night of the rota")
	}

	exec(t, bob.conn, "insert into memory_vault_accesses (subject_id, id, at, act) values ($1, $2, now(), 'listed')", bob.subject, uuid.New())
	require.Equal(t, []uuid.UUID{bob.subject}, s.changed(t, turnOf(alice.subject, false)), "the next night")
	// A pin leaves no trace that an index finds.
	exec(t, alice.conn, "update memory_nodes set pinned_at = now() where id = $1", alice.turn)
	require.NotContains(t, s.changed(t, turnOf(alice.subject, false)), alice.subject)
	require.Contains(t, s.changed(t, turnOf(alice.subject, true)), alice.subject, "within a week")
	s.write(t, alice.subject)
	exec(t, alice.conn, "delete from memory_evidence where turn_id = $1", alice.turn)
	require.Contains(t, s.changed(t, turnOf(alice.subject, true)), alice.subject, "what is gone has changed, too")

	require.NotContains(t, s.changed(t, turnOf(carol.subject, true)), carol.subject)
	require.ElementsMatch(t, everybody, s.changed(t, time.Now().Add(people.Refresh+time.Hour)), "after a year all are")
	require.NoError(t, s.DB.Freeze(t.Context(), carol.subject))
	require.NotContains(t, s.changed(t, time.Now().Add(people.Refresh+time.Hour)), carol.subject, "whoever is being erased is not")
}

func withoutSubjects(p people.Page) people.Page {
	p.Subjects = nil
	return p
}

// last is the greatest id.
func last(some []uuid.UUID, more ...uuid.UUID) uuid.UUID {
	return slices.MaxFunc(append(slices.Clone(some), more...), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// plant puts an object of any content into the bucket.
func (s *scene) plant(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, s.Store.Create(t.Context(), name, []byte("x")))
	return name
}

func (s *scene) expire(t *testing.T) (sum people.Expired) {
	t.Helper()
	for in := (people.ExpireInput{Limit: 2}); ; {
		page := run(t, s, s.activities.Expire, in)
		sum.Seen += page.Seen
		sum.Aged += page.Aged
		sum.Unreadable += page.Unreadable
		sum.Kept += page.Kept
		sum.Strange += page.Strange
		if page.Ended {
			return sum
		}
		in.Token = page.Next
	}
}

func (s *scene) names(t *testing.T) []string {
	t.Helper()
	names, _, err := s.Store.List(t.Context(), "", nil, 1000)
	require.NoError(t, err)
	return names
}

func nameAt(subject uuid.UUID, at time.Time) string {
	return fmt.Sprintf("people/%s/%s-1.mar", keyring.Digest(subject), at.UTC().Format("20060102T150405Z"))
}

// locked is a bucket that keeps what it was given, as one with a retention lock does.
type locked struct{ objects.Erasable }

func (locked) Remove(context.Context, string) error { return objects.ErrKept }

func TestOnlyAgeAndDestroyedKeysRemoveAnArchive(t *testing.T) {
	s := newScene(t)
	alice, bob, lost := s.newPerson(t, before()), s.newPerson(t, before()), uuid.New()
	now := time.Now()
	keep := []string{
		s.plant(t, nameAt(alice.subject, now.AddDate(-people.Years, 0, 1))), s.plant(t, nameAt(lost, now.AddDate(-1, 0, 0))),
		s.plant(t, "people/readme"), s.plant(t, "people/"+keyring.Digest(alice.subject)+"/20260101T000000Z-01.mar"), s.plant(t, "elsewhere/x"),
		s.write(t, alice.subject).Name,
	}
	s.plant(t, nameAt(alice.subject, now.AddDate(-people.Years, 0, -1)))
	s.plant(t, nameAt(lost, now.AddDate(-people.Years-1, 0, 0)))
	s.write(t, bob.subject)
	s.plant(t, nameAt(bob.subject, now.AddDate(-3, 0, 0)))
	require.NoError(t, s.Keyring.Bury(t.Context(), bob.subject))
	require.NoError(t, s.Keyring.Clear(t.Context(), bob.subject))
	s.Keyring = s.process(t)

	bucket := s.Store
	s.Store = locked{bucket}
	all := s.names(t)
	require.Equal(t, people.Expired{Seen: 9, Kept: 4, Strange: 2}, s.expire(t), "a bucket that keeps its objects is no failure")
	require.Equal(t, all, s.names(t))
	s.Store = bucket
	require.Equal(t, people.Expired{Seen: 9, Aged: 2, Unreadable: 2, Strange: 2}, s.expire(t))
	require.ElementsMatch(t, keep, s.names(t))
	for _, name := range all {
		for _, subject := range []uuid.UUID{alice.subject, bob.subject, lost} {
			require.NotContains(t, name, subject.String(), "a bucket that keeps its objects keeps their names")
		}
	}
	require.Equal(t, people.Expired{Seen: 5, Strange: 2, Ended: true}, run(t, s, s.activities.Expire, people.ExpireInput{}))
}

// rekey gives somebody a new key version, and says which is the old one.
func (s *scene) rekey(t *testing.T, p *person) keyring.VersionInfo {
	t.Helper()
	k := s.process(t)
	_, err := k.Publish(t.Context(), p.subject, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, k.Promote(t.Context(), p.subject))
	s.Keyring = s.process(t)
	for _, v := range s.versionsOf(t, p) {
		if !v.Primary {
			return v
		}
	}
	t.Fatal("no old version")
	return keyring.VersionInfo{}
}

func (s *scene) versionsOf(t *testing.T, p *person) []keyring.VersionInfo {
	t.Helper()
	versions, err := s.Keyring.Versions(t.Context(), p.subject)
	require.NoError(t, err)
	return versions
}

// reseal brings all rows of somebody under the new version.
func (s *scene) reseal(t *testing.T, p *person) {
	t.Helper()
	keys, err := s.Keyring.Keys(t.Context(), p.subject)
	require.NoError(t, err)
	for _, c := range postgres.SealedColumns {
		_, _, err := s.DB.Reseal(t.Context(), p.subject, c, keyring.Prefix(keys.Version()), uuid.Nil, 100, func(row uuid.UUID, sealed []byte) ([]byte, error) {
			at := keyring.Location{Table: c.Table, Column: c.As, Row: row}
			plain, err := keys.Open(sealed, at)
			if err != nil {
				return nil, err
			}
			return keys.Seal(plain, at)
		})
		require.NoError(t, err)
	}
}

func (s *scene) needs(t *testing.T, p *person, v keyring.VersionInfo) bool {
	t.Helper()
	needs, err := s.Needs(t.Context(), p.subject, v)
	require.NoError(t, err)
	return needs
}

func TestAnArchiveNeedsTheVersionsThatItAndItsRowsAreSealedUnder(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	first := s.write(t, alice.subject)
	old := s.rekey(t, alice)
	require.True(t, s.needs(t, alice, old))
	require.NoError(t, s.Store.Remove(t.Context(), first.Name))
	require.False(t, s.needs(t, alice, old))

	mixed := s.write(t, alice.subject)
	require.Len(t, mixed.Header.Versions, 2, "the rows are under the old one still")
	require.True(t, s.needs(t, alice, old))
	s.reseal(t, alice)
	fresh := s.write(t, alice.subject)
	require.Len(t, fresh.Header.Versions, 1)
	require.True(t, s.needs(t, alice, old))

	whole := read(t, s.file(mixed.Name))
	require.NoError(t, os.WriteFile(s.file(mixed.Name), append([]byte("?"), whole[1:]...), 0o600))
	require.True(t, s.needs(t, alice, old), "who knows what a damaged one needs? a copy may be whole")
	require.NoError(t, os.WriteFile(s.file(mixed.Name), whole, 0o600))

	_, err := s.Keyring.Retire(t.Context(), alice.subject, old.ID)
	require.NoError(t, err)
	s.Keyring = s.process(t)
	require.ErrorIs(t, s.Export(t.Context(), alice.subject, mixed.Name, io.Discard), repository.ErrKey)
	require.NoError(t, s.Export(t.Context(), alice.subject, fresh.Name, io.Discard))
}

// meanwhile is a bucket during whose first write something else happens.
type meanwhile struct {
	objects.Erasable
	happens func()
}

func (m *meanwhile) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	err := m.Erasable.Write(ctx, name, fill)
	if m.happens != nil {
		m.happens()
		m.happens = nil
	}
	return err
}

func TestAnArchiveWhoseVersionRetiresMeanwhileIsMadeAgain(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	old := s.rekey(t, alice)
	s.Store = &meanwhile{s.Store, func() {
		s.reseal(t, alice)
		_, err := s.Keyring.Retire(t.Context(), alice.subject, old.ID)
		require.NoError(t, err)
	}}
	w := s.write(t, alice.subject)
	require.Len(t, w.Header.Versions, 1)
	require.NoError(t, s.Export(t.Context(), alice.subject, w.Name, io.Discard))
	kept, err := s.List(t.Context(), alice.subject)
	require.NoError(t, err)
	require.Len(t, kept, 2, "what was written stays")
	require.Equal(t, w.Kept, kept[1])
}

func TestAnArchiveOfManyRowsIsWrittenAndReadRowByRow(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	exec(t, alice.conn, `insert into sessions (subject_id, id, created_at, expires_at, device_sealed)
		select $1, gen_random_uuid(), now(), now(), null from generate_series(1, 20000)`, alice.subject)
	beats := 0
	w, err := s.Write(t.Context(), alice.subject, func() { beats++ })
	require.NoError(t, err)
	require.Greater(t, beats, 20)
	r, err := s.Read(t.Context(), alice.subject, w.Name)
	require.NoError(t, err)
	n := int64(0)
	for row, err := range r.Rows() {
		require.NoError(t, err)
		require.False(t, bytes.Contains(row.Row, []byte("\n")))
		n++
	}
	require.NoError(t, r.Close())
	require.Equal(t, w.Header.Rows(), n)
	require.Greater(t, n, int64(20000))
	files, err := os.ReadDir(filepath.Dir(s.file(w.Name)))
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestWhoDoesNotAgreeIsNotArchived(t *testing.T) {
	s := newSceneAlone(t)
	alice, bob := s.newPerson(t, before()), s.newPerson(t, before())
	everybody := []uuid.UUID{alice.subject, bob.subject}
	refusal := failure.New(failure.ConsentMissing, "no", nil)
	s.activities.Permit = func(_ context.Context, subject uuid.UUID) error {
		if subject == alice.subject {
			return refusal
		}
		return nil
	}
	for _, refusal = range []error{refusal, failure.New(failure.ProcessingRestricted, "no", nil)} {
		require.Equal(t, []uuid.UUID{bob.subject}, s.changed(t, time.Now()))
	}
	counts := run(t, s, s.activities.Archive, people.Input{Run: time.Now(), Subjects: everybody})
	require.Equal(t, 1, counts.Archived)
	require.Equal(t, 1, counts.Inactive, "who has taken the consent back since they were listed")
	kept, err := s.List(t.Context(), alice.subject)
	require.NoError(t, err)
	require.Empty(t, kept)

	s.activities.Permit = func(context.Context, uuid.UUID) error { return errors.New("nobody knows") }
	_, err = s.env.ExecuteActivity(s.activities.ListChanged, people.PageInput{Run: time.Now()})
	require.Error(t, err)
}
