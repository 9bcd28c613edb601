package backup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/activities/backup/repository"
	"meai/internal/enginetest"
	"meai/internal/objects"
	"meai/internal/signing"
)

func newPoints(t *testing.T) *Points {
	t.Helper()
	signer, err := signing.Derive(t.Context(), enginetest.Keyring(t), "meai-backups", "backup-descriptions")
	require.NoError(t, err)
	r, err := repository.Open(t.Context(), "file://"+t.TempDir(), signer)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	store, err := objects.OpenErasable(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &Points{Repository: r, Index: true, Archives: &people.Archives{Store: store}}
}

// take commits a backup of Weaviate that was begun at a time.
func (p *Points) take(t *testing.T, at time.Time) string {
	t.Helper()
	id, err := repository.NewID(repository.Weaviate, at)
	require.NoError(t, err)
	require.NoError(t, p.Repository.Commit(t.Context(), repository.Manifest{ID: id, Kind: repository.Weaviate, StartedAt: at, EndedAt: at.Add(time.Hour)}))
	return id
}

func (p *Points) report(t *testing.T, id string, state repository.State) {
	t.Helper()
	require.NoError(t, p.Repository.Report(t.Context(), repository.Report{Backup: id, State: state, At: time.Now().UTC()}))
}

func TestTheIndexCanBeRestoredAsOfWhenItsNewestUsableBackupBegan(t *testing.T) {
	p := newPoints(t)
	found, err := p.Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{StoreWeaviate: {}, StoreArchives: {}}, found, "what is not kept is not looked for")
	begun := time.Now().UTC().Add(-5 * time.Hour).Truncate(time.Second)
	p.report(t, p.take(t, begun), repository.Proven)
	newer := p.take(t, begun.Add(2*time.Hour))
	point := func() time.Time {
		found, err := p.Find(t.Context())
		require.NoError(t, err)
		return found[StoreWeaviate]
	}
	require.Equal(t, begun.Add(2*time.Hour), point())
	p.report(t, newer, repository.Failed)
	require.Equal(t, begun, point(), "what has failed brings nothing back")
}

func TestAWatchShowsHowOldRecoveryPointsAre(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	p := newPoints(t)
	w := &Watch{Points: p}
	w.begin()
	require.Contains(t, w.Ages(), StoreArchives, "before anything was found, and where nothing can be")
	w.show(map[string]time.Time{StoreArchives: at, StoreWeaviate: {}})
	require.InDelta(t, time.Hour, w.Ages()[StoreArchives], float64(10*time.Second))
	require.InDelta(t, 0, w.Ages()[StoreWeaviate], float64(10*time.Second), "never backed up, as far as is known")
	require.NotContains(t, w.Ages(), StorePostgres, "nothing is known of it")
	w.show(map[string]time.Time{StoreArchives: {}})
	require.GreaterOrEqual(t, w.Ages()[StoreArchives], time.Hour, "a look that failed makes nothing younger")
}

func TestAStatusNamesStoresThatAreBehind(t *testing.T) {
	p := newPoints(t)
	p.take(t, time.Now().UTC().Add(-25*time.Hour))
	s := Status{Points: map[string]time.Time{}}
	s.add(t.Context(), p)
	require.Len(t, s.Problems, 2)
	require.Contains(t, s.Problems, "of archives nothing was ever backed up")
	require.Regexp(t, `(?m)^of weaviate what was stored in the last 25h0m\ds cannot be restored$`, s.Problems[0]+"\n"+s.Problems[1])
	require.Contains(t, s.Points, StoreWeaviate)
	require.NotContains(t, s.Points, StoreArchives)
}
