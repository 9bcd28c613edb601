package erasure_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/catalogue"
	"meai/activities/backup/copies"
	"meai/activities/backup/repository"
	"meai/activities/privacy/datamap"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
)

// vault is a store on a medium that lets nothing go.
type vault struct{ kept stores.Kept }

func (vault) Name() string                                                  { return "backups.archive" }
func (vault) Count(context.Context, uuid.UUID) (int64, error)               { return 0, nil }
func (vault) Sample(context.Context, uuid.UUID, int) ([][]byte, error)      { return nil, nil }
func (v vault) Kept(context.Context, uuid.UUID) (stores.Kept, error)        { return v.kept, nil }
func (vault) Delete(context.Context, uuid.UUID, func(int64)) (int64, error) { return 0, nil }

func TestACertificateSaysWhatAMediumDoesNotLetGo(t *testing.T) {
	s := newScene(t)
	until := time.Date(2033, 5, 6, 7, 8, 9, 0, time.UTC)
	s.Store.Stores = append(s.Store.Stores, vault{stores.Kept{Objects: 2, Until: until}})
	ref := s.erase(t, s.newPerson(t))
	_, issued, err := s.Store.Certificates(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Contains(t, issued[0].Note, "\nfound backups.archive 0 left 2\n")
	require.Contains(t, issued[0].Note, "\nkept backups.archive 2 unreadable 2033-05-06T07:08:09Z\n")
	require.Contains(t, issued[0].Note, "\nfound postgres.sessions 3 left 0\n")
	key, err := s.Store.CertificateKey(t.Context())
	require.NoError(t, err)
	c, err := erasure.OpenCertificate(key, []byte(issued[0].Note))
	require.NoError(t, err)
	require.Equal(t, map[string]stores.Kept{"backups.archive": {Objects: 2, Until: until}}, c.Kept)

	c.Kept["backups.archive"] = stores.Kept{Objects: 1}
	require.Contains(t, c.Text(), "\nkept backups.archive 1 unreadable unknown\n")
	again, err := erasure.ParseCertificate(c.Text())
	require.NoError(t, err)
	require.Equal(t, c, again)
	refused(t, change(t, s, ref, "kept = '{}'"), checkViolation)
}

func change(t *testing.T, s *scene, ref erasure.Ref, what string) error {
	t.Helper()
	_, err := connect(t, s.urls.App).Exec(t.Context(), "update erasures set "+what+" where id = $1", ref.ID)
	return err
}

func TestOneThatCannotBeSettledKeepsNoOtherWaiting(t *testing.T) {
	s := newScene(t)
	bad, good := s.erase(t, s.newPerson(t)), s.erase(t, s.newPerson(t))
	owner := connect(t, s.urls.Owner)
	exec(t, owner, "alter table erasures disable trigger erasure_changes")
	exec(t, owner, "update erasures set counts = '[]' where id = $1", bad.ID)
	s.Store.Retained = erasure.Retained{}
	_, err := try(s, s.Settle, struct{}{})
	require.ErrorContains(t, err, bad.ID.String())
	_, issued, err := s.Store.Certificates(t.Context(), good.ID)
	require.NoError(t, err)
	require.Len(t, issued, 3)
}

func TestWhatStaffHaveApprovedIsTheSameErasureAlsoAfterItsEnd(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	n := erasure.New{Subject: subject, Law: erasure.GDPR, Approval: uuid.New()}
	e, err := s.Store.Request(t.Context(), n)
	require.NoError(t, err)
	ref := erasure.Ref{ID: e.ID}
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.empty(t, ref)
	s.finish(t, ref)
	again, err := s.Store.Request(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, []any{e.ID, erasure.Certified}, []any{again.ID, again.State})
	require.Zero(t, s.registered(t, ref).Subject)
}

func TestThePreviewTellsTheTimesOfTheDataMap(t *testing.T) {
	m, err := datamap.Load()
	require.NoError(t, err)
	r := erasure.RetainedBy(m)
	require.Equal(t, 30*24*time.Hour, r.Logs)
	s := newScene(t)
	s.Store.Retained = r
	p, err := s.Store.Preview(t.Context(), s.newPerson(t))
	require.NoError(t, err)
	kept := map[string]time.Duration{}
	for _, stay := range p.Stays {
		kept[stay.What] = stay.For
	}
	require.Equal(t, map[string]time.Duration{
		"application_logs": 30 * 24 * time.Hour, "audit_log": 0, "ledger": 0, "register_of_requests": 1096 * 24 * time.Hour, "certificates": 0,
	}, kept)
}

// shelf is a catalogue of backups.
type shelf []catalogue.Backup

func (s shelf) List(_ context.Context, before string, limit int32) ([]catalogue.Backup, error) {
	from := 0
	if before != "" {
		from = slices.IndexFunc(s, func(b catalogue.Backup) bool { return b.ID == before }) + 1
	}
	return s[from:min(len(s), from+int(limit))], nil
}

func TestABackupIsThereUntilItsPartsAndCopiesAreGone(t *testing.T) {
	erased := time.Now().AddDate(0, 0, -200)
	expired := func(ago time.Duration) catalogue.Backup {
		return catalogue.Backup{State: repository.Expired, StartedAt: erased.Add(-time.Hour), ExpiredAt: time.Now().Add(-ago)}
	}
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		backup      catalogue.Backup
		here, there bool // without and with a second place
	}{
		"a later one":            {catalogue.Backup{State: repository.Proven, StartedAt: erased.Add(time.Hour)}, false, false},
		"one that is kept":       {catalogue.Backup{State: repository.Proven, StartedAt: erased.Add(-time.Hour)}, true, true},
		"its parts may be there": {expired(6 * day), true, true},
		"its copies are":         {expired(copies.KeptFor), false, true},
		"all is gone":            {expired(copies.KeptFor + 2*day), false, false},
	} {
		for second, want := range map[bool]bool{false: c.here, true: c.there} {
			left, err := erasure.BackupsIn(shelf{c.backup}, second)(t.Context(), erased)
			require.NoError(t, err)
			require.Equal(t, want, left, "%s, second place: %v", name, second)
		}
	}
}
