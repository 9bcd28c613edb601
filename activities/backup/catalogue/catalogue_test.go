package catalogue_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/catalogue"
	"meai/activities/backup/repository"
	"meai/internal/enginetest"
	"meai/internal/failure"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// entry is a backup taken so many hours after noon.
func entry(hours int, reports ...repository.Report) repository.Entry {
	at := noon.Add(time.Duration(hours) * time.Hour)
	m := repository.Manifest{
		ID: fmt.Sprintf("%s-postgres-%08x", at.Format("20060102T150405Z"), hours), Kind: repository.Postgres,
		StartedAt: at, EndedAt: at.Add(time.Minute), Objects: []repository.Object{{Size: 3 << 32}, {Size: 7}},
		Cluster: &repository.Cluster{Timeline: 3, Start: "0/4000028", End: "A/FF"},
	}
	return repository.Entry{Manifest: m, Reports: reports}
}

func report(state repository.State, minutes int, problems ...string) repository.Report {
	return repository.Report{State: state, At: noon.Add(time.Duration(minutes) * time.Minute), Problems: problems}
}

func newStore(t *testing.T) (*catalogue.Store, *pgx.Conn) {
	t.Helper()
	db, urls := enginetest.Database(t)
	owner, err := pgx.Connect(t.Context(), urls.Owner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, owner.Close(t.Context())) })
	return &catalogue.Store{DB: db}, owner
}

func list(t *testing.T, s *catalogue.Store, limit int32) (all []catalogue.Backup) {
	t.Helper()
	for before := ""; ; {
		page, err := s.List(t.Context(), before, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), int(limit))
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		before = page[len(page)-1].ID
	}
}

func TestTheCopyTellsWhatTheBucketHolds(t *testing.T) {
	s, _ := newStore(t)
	proven := report(repository.Proven, 9)
	proven.Seconds = map[string]float64{"restore": 12.5, "compare": 3}
	expired := report(repository.Expired, 20)
	e := entry(0, report(repository.Verified, 5, "once", "twice"), proven, report(repository.Held, 10, "not counted"), expired)
	index := entry(1)
	index.Kind, index.Cluster = repository.Weaviate, nil
	require.NoError(t, s.Sync(t.Context(), []repository.Entry{e, index}))

	got, err := s.Get(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, catalogue.Backup{
		ID: e.ID, Kind: repository.Postgres, State: repository.Expired, StartedAt: noon, EndedAt: noon.Add(time.Minute),
		Bytes: 3<<32 + 7, Objects: 2, Timeline: 3, StartLSN: "0/4000028", EndLSN: "A/FF", Held: true,
		VerifiedAt: noon.Add(5 * time.Minute), ProvenAt: proven.At, ExpiredAt: expired.At, Seconds: proven.Seconds,
	}, got)
	got, err = s.Get(t.Context(), index.ID)
	require.NoError(t, err)
	require.Equal(t, catalogue.Backup{
		ID: index.ID, Kind: repository.Weaviate, State: repository.Taken, StartedAt: index.StartedAt, EndedAt: index.EndedAt,
		Bytes: 3<<32 + 7, Objects: 2, Seconds: map[string]float64{},
	}, got)
	_, err = s.Get(t.Context(), "none")
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)
}

func TestTheCopyIsMadeEqualAndWhatDidNotChangeIsNotWritten(t *testing.T) {
	s, owner := newStore(t)
	var entries []repository.Entry
	for hours := range 7 {
		entries = append(entries, entry(hours))
	}
	require.NoError(t, s.Sync(t.Context(), entries))
	written := func() map[string]string {
		rows, err := owner.Query(t.Context(), "select id, xmin::text from backups")
		require.NoError(t, err)
		found := map[string]string{}
		var id, by string
		_, err = pgx.ForEachRow(rows, []any{&id, &by}, func() error { found[id] = by; return nil })
		require.NoError(t, err)
		return found
	}
	before := written()
	entries[3].Reports = []repository.Report{report(repository.Failed, 1, "a segment is missing")}
	gone, kept := entries[5].ID, entries[2].ID
	entries = slices.Delete(entries, 5, 6)
	lacking, err := s.Lacking(t.Context(), entries)
	require.NoError(t, err)
	require.Equal(t, []string{gone}, lacking, "what the bucket does not hold any more")
	require.NoError(t, s.Sync(t.Context(), entries))
	after := written()
	require.NotContains(t, after, gone)
	require.Equal(t, before[kept], after[kept])
	require.NotEqual(t, before[entries[3].ID], after[entries[3].ID])

	all := list(t, s, 4)
	require.Len(t, all, 6)
	for i, b := range all {
		require.Equal(t, entries[5-i].ID, b.ID, "newest first")
	}
	require.Equal(t, repository.Failed, all[2].State)
	require.Equal(t, 1, all[2].Problems)

	require.NoError(t, s.Sync(t.Context(), nil))
	require.Empty(t, list(t, s, 4))
}

func TestNothingButNumbersComesInWithTheSeconds(t *testing.T) {
	_, owner := newStore(t)
	insert := func(seconds string) error {
		_, err := owner.Exec(t.Context(), `insert into backups (id, kind, state, started_at, ended_at, bytes, objects, held, problems, seconds)
			values ('20261127T120000Z-postgres-00000000', 'postgres', 'taken', now(), now(), 1, 1, false, 0, $1)`, seconds)
		return err
	}
	for _, seconds := range []string{`{"restore": "words"}`, `{"restore": {"a": 1}}`, `[1]`, `null`} {
		require.ErrorContains(t, insert(seconds), "backups_seconds_check", seconds)
	}
	require.NoError(t, insert(`{"restore": 1.5}`))
}
