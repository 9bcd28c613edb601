package erasure

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meai/activities/privacy/erasure/stores"
	"meai/internal/alias"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

const (
	// sampleOf is how many samples are taken of a store.
	sampleOf = 20
	// sideBySide bounds how many stores are asked at once.
	sideBySide = 4
	// large is from how many entries on a store is emptied by a step of its own. A step
	// costs as much as the deletion of some hundred rows.
	large = 1000
)

// Inventory is what there is to erase.
type Inventory struct {
	Standing
	Stores []StoreName `json:"stores"`
	Found  int64       `json:"found"`
}

// StoreName names a store to a workflow.
type StoreName struct {
	Name string `json:"name"`
	// Early: it goes before the others, which it reads.
	Early bool `json:"early,omitempty"`
	// Large: it held so much when it was counted that it is emptied by a step of its own.
	Large bool `json:"large,omitempty"`
}

// Count counts what every store holds of the person and takes samples, which the scan at
// the end looks for.
func (a *Activities) Count(ctx context.Context, in Ref) (Inventory, error) {
	s, subject, err := a.enter(ctx, in, Counting)
	if err != nil || subject == uuid.Nil {
		return Inventory{Standing: s}, err
	}
	return a.inventory(ctx, in, subject, s)
}

// Plan names the stores to be emptied. An erasure that begins with the destruction, because
// something was found of a person who is erased, is counted here.
func (a *Activities) Plan(ctx context.Context, in Ref) (Inventory, error) {
	s, subject, err := a.enter(ctx, in, Deleting)
	if err != nil || subject == uuid.Nil {
		return Inventory{Standing: s}, err
	}
	if err := a.markErased(ctx, subject); err != nil {
		return Inventory{}, err
	}
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil {
		return Inventory{}, err
	}
	if len(e.Counts) == 0 {
		return a.inventory(ctx, in, subject, s)
	}
	all, err := a.Store.places(ctx)
	if err != nil {
		return Inventory{}, err
	}
	found := Inventory{Standing: s, Stores: names(all, e.Counts)}
	for _, n := range e.Counts {
		found.Found += n
	}
	return found, nil
}

// markErased has the registry know a person as erased, whatever it says of them: what is
// deleted goes by that.
func (a *Activities) markErased(ctx context.Context, subject uuid.UUID) error {
	return a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if err := q.CreateSubject(ctx, subject); err != nil {
			return err
		}
		if _, err := alias.Ensure(ctx, q, a.Store.Keys, subject); err != nil {
			return err
		}
		if err := q.FreezeSubject(ctx, subject); err != nil {
			return err
		}
		_, err := q.MarkSubjectErased(ctx, subject)
		return err
	})
}

func names(all []stores.Store, counts map[string]int64) []StoreName {
	names := make([]StoreName, len(all))
	for i, s := range all {
		early, ok := s.(stores.Early)
		names[i] = StoreName{Name: s.Name(), Early: ok && early.Early(), Large: counts[s.Name()] >= large}
	}
	return names
}

func (a *Activities) inventory(ctx context.Context, in Ref, subject uuid.UUID, s Standing) (Inventory, error) {
	all, err := a.Store.places(ctx)
	if err != nil {
		return Inventory{}, err
	}
	counts, err := countAll(ctx, all, subject, func() { heartbeat(ctx) })
	if err != nil {
		return Inventory{}, fmt.Errorf("count what erasure %s takes: %w", in.ID, err)
	}
	samples := map[string][][]byte{}
	for _, store := range all {
		some, err := store.Sample(ctx, subject, sampleOf)
		if err != nil {
			return Inventory{}, fmt.Errorf("take samples of %s: %w", store.Name(), err)
		}
		samples[store.Name()] = some
		heartbeat(ctx)
	}
	found := Inventory{Standing: s, Stores: names(all, counts)}
	for _, n := range counts {
		found.Found += n
	}
	return found, a.note(ctx, in, counts, samples)
}

// note keeps counts and samples.
func (a *Activities) note(ctx context.Context, in Ref, counts map[string]int64, samples map[string][][]byte) error {
	encoded, err := json.Marshal(counts)
	if err != nil {
		return fmt.Errorf("encode counts: %w", err)
	}
	plain, err := json.Marshal(samples)
	if err != nil {
		return fmt.Errorf("encode samples: %w", err)
	}
	sealed, err := seal(ctx, a.Store.Keys, in.ID, "samples", plain)
	if err != nil {
		return err
	}
	return a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return q.NoteInventory(ctx, encoded, sealed, in.ID)
	})
}

// countAll asks all stores.
func countAll(ctx context.Context, all []stores.Store, subject uuid.UUID, alive func()) (map[string]int64, error) {
	counts := make([]int64, len(all))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(sideBySide)
	for i, store := range all {
		asking.Go(func() (err error) {
			if counts[i], err = store.Count(ctx, subject); err != nil {
				return fmt.Errorf("count in %s: %w", store.Name(), err)
			}
			alive()
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	byName := make(map[string]int64, len(all))
	for i, store := range all {
		byName[store.Name()] += counts[i]
	}
	return byName, nil
}

// StoresInput names stores of an erasure.
type StoresInput struct {
	Ref
	Stores []string `json:"stores"`
}

// Deleted is what was deleted from some stores.
type Deleted struct {
	Standing
	Deleted int64 `json:"deleted"`
}

// DeleteStores empties stores of the person, one after the other. A repeat deletes what is
// left.
func (a *Activities) DeleteStores(ctx context.Context, in StoresInput) (Deleted, error) {
	s, subject, err := a.enter(ctx, in.Ref, Deleting)
	if err != nil || subject == uuid.Nil {
		return Deleted{Standing: s}, err
	}
	all, err := a.Store.places(ctx)
	if err != nil {
		return Deleted{}, err
	}
	deleted := Deleted{Standing: s}
	for _, name := range in.Stores {
		i := slices.IndexFunc(all, func(s stores.Store) bool { return s.Name() == name })
		if i < 0 {
			return Deleted{}, failure.New(failure.NotFound, "this process knows no store "+name, nil)
		}
		n, err := all[i].Delete(ctx, subject, func(done int64) { heartbeat(ctx, deleted.Deleted+done) })
		if err != nil {
			return Deleted{}, fmt.Errorf("delete what %s holds: %w", name, err)
		}
		deleted.Deleted += n
		heartbeat(ctx, deleted.Deleted)
	}
	return deleted, nil
}

// Left is what is left of a person.
type Left struct {
	Standing
	// Stores are those that hold something still, with how much.
	Stores map[string]int64 `json:"stores,omitempty"`
	// Files are pieces of the person that were found in files, by where.
	Files map[string]int64 `json:"files,omitempty"`
}

// Nothing reports whether nothing is left.
func (l Left) Nothing() bool { return len(l.Stores)+len(l.Files) == 0 }

// Remove counts what is left in every store and, once that is nothing, takes the person out
// of the registry of people and of requests.
func (a *Activities) Remove(ctx context.Context, in Ref) (Left, error) {
	s, subject, err := a.enter(ctx, in, Deleting)
	if err != nil || subject == uuid.Nil {
		return Left{Standing: s}, err
	}
	left, err := a.left(ctx, subject)
	if err != nil || len(left) > 0 {
		return Left{Standing: s, Stores: left}, err
	}
	s, err = a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		if State(row.State) != Deleting {
			return nil
		}
		if a.Store.Register.Detach != nil {
			if err := a.Store.Register.Detach(ctx, q, subject); err != nil {
				return err
			}
		}
		if _, err := q.RemovePerson(ctx, subject); err != nil {
			return fmt.Errorf("take the person out of the registry: %w", err)
		}
		if err := q.NoteErased(ctx, time.Now(), in.ID); err != nil {
			return err
		}
		return move(ctx, q, row, Cleaning)
	})
	return Left{Standing: s}, err
}

// left are the stores that hold something of a person.
func (a *Activities) left(ctx context.Context, subject uuid.UUID) (map[string]int64, error) {
	all, err := a.Store.places(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := countAll(ctx, all, subject, func() { heartbeat(ctx) })
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(counts, func(_ string, n int64) bool { return n == 0 })
	return counts, nil
}
