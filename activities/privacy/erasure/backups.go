package erasure

import (
	"context"
	"time"

	"meai/activities/backup/catalogue"
	"meai/activities/backup/copies"
	"meai/activities/backup/repository"
)

// Catalogue lists backups, in the order of their ids, from before one of them on; "" begins.
type Catalogue interface {
	List(ctx context.Context, before string, limit int32) ([]catalogue.Backup, error)
}

// partsGone is how long after a backup has expired the last of its parts is gone: as long as
// they are deleted again and again.
const partsGone = 7 * 24 * time.Hour

// catalogued is how many backups are listed at once.
const catalogued = 500

// BackupsIn reports whether anything of a backup from before a time is there still: the
// backup, or its parts or, where there is a second place, its copies, which stay for longer
// than the backup.
func BackupsIn(known Catalogue, second bool) func(ctx context.Context, before time.Time) (bool, error) {
	gone := partsGone
	if second {
		gone = copies.KeptFor + 24*time.Hour // they go in the night
	}
	return func(ctx context.Context, before time.Time) (bool, error) {
		for last := ""; ; {
			list, err := known.List(ctx, last, catalogued)
			if err != nil {
				return false, err
			}
			for _, b := range list {
				if b.StartedAt.Before(before) && (b.State != repository.Expired || time.Since(b.ExpiredAt) < gone) {
					return true, nil
				}
			}
			if len(list) < catalogued {
				return false, nil
			}
			last = list[len(list)-1].ID
		}
	}
}
