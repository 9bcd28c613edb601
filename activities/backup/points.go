package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/activities/backup/copies"
	"meai/activities/backup/marks"
	"meai/activities/backup/people"
	"meai/activities/backup/repository"
)

// The stores of which recovery points are measured, as metrics and reports name them.
const (
	StorePostgres = "postgres"
	StoreWeaviate = "weaviate"
	StoreObjects  = "objects" // the bucket whose copy is the oldest
	StoreArchives = "archives"
)

// Objectives are how old a store's recovery point may be: the Recovery Point Objective of
// the requirements' table Backup and Recovery. Memory is in PostgreSQL, whose point counts
// for it; what Weaviate lacks after a restore is copied from there.
var Objectives = map[string]time.Duration{
	StorePostgres: 5 * time.Minute,
	StoreWeaviate: 24 * time.Hour,
	StoreObjects:  time.Hour,
	StoreArchives: 24 * time.Hour,
}

// Points find recovery points: the newest moment of each store of which everything can be
// restored. Each is read from where a restore would read it, not from a schedule.
type Points struct {
	Repository *repository.Repository
	// Index: Weaviate is backed up as well.
	Index bool
	// Copies and Archives are nil where there are none.
	Copies   *copies.Copies
	Archives *people.Archives
}

// sources are how the point of each store that is looked for is found.
func (p *Points) sources() map[string]func(context.Context) (time.Time, error) {
	sources := map[string]func(context.Context) (time.Time, error){}
	if p.Index {
		sources[StoreWeaviate] = p.index
	}
	if p.Copies != nil {
		sources[StoreObjects] = p.Copies.Complete
	}
	if p.Archives != nil {
		sources[StoreArchives] = p.Archives.Complete
	}
	return sources
}

// Find returns the point of each store that is kept in buckets, zero for one that was never
// backed up. That of PostgreSQL, whose log goes on, is a [Watch]'s. The points of stores
// that can be read are there beside an error as well.
func (p *Points) Find(ctx context.Context) (map[string]time.Time, error) {
	found := map[string]time.Time{}
	var failed error
	for store, point := range p.sources() {
		at, err := point(ctx)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("find the recovery point of %s: %w", store, err))
			continue
		}
		found[store] = at
	}
	return found, failed
}

// index is when the newest backup was begun that can be restored.
func (p *Points) index(ctx context.Context) (point time.Time, err error) {
	entries, err := p.Repository.Catalogue(ctx)
	for _, e := range entries {
		if usable := e.State() != repository.Failed && e.State() != repository.Expired; e.Kind == repository.Weaviate && usable {
			point = e.StartedAt
		}
	}
	return point, err
}

// add finds the points of all stores, and what is wrong with them.
func (s *Status) add(ctx context.Context, p *Points) {
	found, err := p.Find(ctx)
	if err != nil {
		s.problem("%v", err)
	}
	for store, at := range found {
		switch age := time.Since(at); {
		case at.IsZero() && store == StoreWeaviate:
			// All of it is made anew from PostgreSQL; a backup makes that faster.
		case at.IsZero():
			s.problem("of %s nothing was ever backed up", store)
		case age > Objectives[store]:
			s.problem("of %s what was stored in the last %s cannot be restored", store, age.Round(time.Second))
		}
		if !at.IsZero() {
			s.Points[store] = at.UTC()
		}
	}
}

// postgres finds the newest heartbeat that is in the archive, which reaches to an LSN.
func (s *Status) postgres(ctx context.Context, url, reach string) {
	beat, behind, err := marks.Lag(ctx, url, reach)
	switch {
	case errors.Is(err, marks.ErrNoHeartbeat):
		s.problem("the archive holds no heartbeat of the last day: does 'meai backup archive' run?")
		return
	case err != nil:
		s.problem("the database does not say how far the archive is behind: %v", err)
		return
	case behind > Objectives[StorePostgres]:
		s.problem("commits of the last %s are not in the bucket", behind.Round(time.Second))
	}
	s.Behind, s.Points[StorePostgres] = behind.Seconds(), beat.At
}
