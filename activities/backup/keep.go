package backup

import (
	"cmp"
	"slices"
	"time"

	"meai/activities/backup/repository"
)

// decision says what may go. Nothing in it is deleted yet.
type decision struct {
	// expire are backups in the order in which they are to go, oldest first.
	expire []string
	// held would expire, were they not held.
	held []string
	// floor is the oldest PostgreSQL backup that stays, by system: write-ahead log before
	// it and marks from before it serve no restore any more.
	floor map[string]repository.Entry
}

// again is how long after a backup was said to expire its parts are deleted once more.
const again = 7 * 24 * time.Hour

// decide says which backups may expire. One may when a later one of its kind is proven
// and itself as old as backups have to be kept: any moment since then can still be
// restored. What is not proven replaces nothing, however new it is.
func decide(entries []repository.Entry, keep time.Duration, now time.Time) decision {
	d := decision{floor: map[string]repository.Entry{}}
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b repository.Entry) int { return cmp.Compare(a.ID, b.ID) })
	for i, e := range sorted {
		switch {
		case e.State() == repository.Expired:
			// Its parts may be there still: a crash can have come between.
			if now.Sub(e.Reported(repository.Expired)) < again {
				d.expire = append(d.expire, e.ID)
			}
		case !replaced(e, sorted[i+1:], now.Add(-keep)):
			d.keep(e)
		case e.Held():
			d.held = append(d.held, e.ID)
			d.keep(e)
		default:
			d.expire = append(d.expire, e.ID)
		}
	}
	return d
}

func replaced(e repository.Entry, later []repository.Entry, before time.Time) bool {
	return slices.ContainsFunc(later, func(l repository.Entry) bool {
		return l.Kind == e.Kind && l.State() == repository.Proven && l.EndedAt.Before(before) && sameSystem(e, l)
	})
}

// sameSystem: a cluster that was made anew does not replace the backups of the one
// before by being backed up.
func sameSystem(a, b repository.Entry) bool {
	return a.Cluster == nil || b.Cluster == nil || a.Cluster.System == b.Cluster.System
}

func (d *decision) keep(e repository.Entry) {
	if e.Cluster == nil {
		return
	}
	if _, has := d.floor[e.Cluster.System]; !has {
		d.floor[e.Cluster.System] = e
	}
}
