package backup

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 27, 5, 0, 0, 0, time.UTC)

// entry is a backup of so many days ago in a state.
func entry(days int, kind repository.Kind, states ...repository.State) repository.Entry {
	at := now.Add(-time.Duration(days) * day)
	e := repository.Entry{Manifest: repository.Manifest{
		ID: fmt.Sprintf("%s-%s-%08x", at.Format("20060102T150405Z"), kind, days), Kind: kind, StartedAt: at, EndedAt: at.Add(time.Minute),
	}}
	if kind == repository.Postgres {
		e.Cluster = &repository.Cluster{System: "7"}
	}
	for i, s := range states {
		e.Reports = append(e.Reports, repository.Report{State: s, At: at.Add(time.Duration(i+1) * time.Hour)})
	}
	return e
}

func ids(entries ...repository.Entry) (ids []string) {
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestABackupExpiresOnlyWhenAnyMomentOfTheTimeToKeepCanBeRestoredWithoutIt(t *testing.T) {
	const keep = 30 * day
	pg, wv := repository.Postgres, repository.Weaviate
	proven, taken, failed, held := repository.Proven, repository.Taken, repository.Failed, repository.Held
	old := entry(40, pg, proven)
	for name, c := range map[string]struct {
		entries []repository.Entry
		expire  []string
		held    []string
		floor   string
	}{
		"a later one is proven and old enough itself": {
			entries: []repository.Entry{old, entry(31, pg, proven)}, expire: ids(old), floor: entry(31, pg).ID,
		},
		"the later one is needed for the first days of the time": {
			entries: []repository.Entry{old, entry(29, pg, proven), entry(1, pg, proven)}, floor: old.ID,
		},
		"the later one was never proven": {
			entries: []repository.Entry{old, entry(31, pg, taken)}, floor: old.ID,
		},
		"the later one was proven and has failed since": {
			entries: []repository.Entry{old, entry(31, pg, proven, failed)}, floor: old.ID,
		},
		"the later one is of something else": {
			entries: []repository.Entry{old, entry(31, wv, proven)}, floor: old.ID,
		},
		"oldest first, the failed as well": {
			entries: []repository.Entry{entry(31, pg, proven), entry(50, pg, failed), entry(60, pg, proven)},
			expire:  ids(entry(60, pg), entry(50, pg)), floor: entry(31, pg).ID,
		},
		"it is held": {
			entries: []repository.Entry{entry(40, pg, proven, held), entry(31, pg, proven)}, held: ids(old), floor: old.ID,
		},
		"it was released": {
			entries: []repository.Entry{entry(40, pg, proven, held, repository.Released), entry(31, pg, proven)}, expire: ids(old), floor: entry(31, pg).ID,
		},
		"a crash came between saying so and deleting": {
			entries: []repository.Entry{entry(2, pg, proven, repository.Expired), entry(1, pg, proven)}, expire: ids(entry(2, pg)), floor: entry(1, pg).ID,
		},
		"it expired long ago": {
			entries: []repository.Entry{entry(40, pg, proven, repository.Expired), entry(1, pg, proven)}, floor: entry(1, pg).ID,
		},
		"the only one, however old": {entries: []repository.Entry{old}, floor: old.ID},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(c.entries, keep, now)
			require.Equal(t, c.expire, d.expire)
			require.Equal(t, c.held, d.held)
			require.Equal(t, c.floor, d.floor["7"].ID)
		})
	}
}

func TestACopyOfAnotherClusterReplacesNothing(t *testing.T) {
	old, other := entry(40, repository.Postgres, repository.Proven), entry(31, repository.Postgres, repository.Proven)
	other.Cluster = &repository.Cluster{System: "8"}
	d := decide([]repository.Entry{old, other}, 30*day, now)
	require.Empty(t, d.expire)
	require.Len(t, d.floor, 2)
}
