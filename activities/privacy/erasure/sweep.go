package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/privacy/erasure/stores"
	"meai/internal/alias"
	"meai/internal/postgres/queries"
)

// Swept is what [Activities.Sweep] found.
type Swept struct {
	// Open are erasures that are under way; those that nobody carried on are begun anew.
	Open int `json:"open"`
	// Reappeared are people who are erased and of whom something was found again.
	Reappeared int `json:"reappeared"`
	// Unknown are people of whom a store holds something, whom the registry does not know
	// and nobody has erased: another installation may share the store.
	Unknown int `json:"unknown"`
}

// Sweep begins to erase again whoever is erased and of whom something is there: after a
// restore, or by a late write. It begins anew as well what is under way and was stopped.
func (a *Activities) Sweep(ctx context.Context, _ struct{}) (Swept, error) {
	done, _, err := a.reappeared(ctx)
	if err != nil {
		return done, err
	}
	open, err := a.unended(ctx)
	if err != nil {
		return done, err
	}
	done.Open = len(open)
	var failed []error
	for _, id := range open {
		failed = append(failed, a.Begin(ctx, id)) // one that fails keeps no other waiting
		heartbeat(ctx)
	}
	return done, errors.Join(failed...)
}

func (a *Activities) unended(ctx context.Context) (open []uuid.UUID, err error) {
	err = a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		open, err = q.UnendedErasures(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list erasures that are under way: %w", err)
	}
	return open, nil
}

// reappeared finds people who are erased and of whom something is there, and makes an
// erasure of each, unless one is under way.
func (a *Activities) reappeared(ctx context.Context) (done Swept, people []uuid.UUID, err error) {
	if err := a.nameAll(ctx); err != nil {
		return done, nil, err
	}
	seen := map[uuid.UUID]bool{}
	look := func(subject uuid.UUID) error {
		if seen[subject] {
			return nil
		}
		seen[subject] = true
		heartbeat(ctx)
		again, known, err := a.again(ctx, subject)
		switch {
		case err != nil:
			return err
		case again:
			people = append(people, subject)
		case !known:
			done.Unknown++
		}
		return nil
	}
	all, err := a.Store.places(ctx)
	if err != nil {
		return done, nil, err
	}
	for _, find := range a.finders(all) {
		if err := find(ctx, look); err != nil {
			return done, nil, fmt.Errorf("look for people who are erased: %w", err)
		}
	}
	if done.Reappeared = len(people); done.Reappeared > 0 {
		a.Log.WarnContext(ctx, "people who are erased were found again, and are erased again", "entries", done.Reappeared)
	}
	return done, people, nil
}

// page is how many people are looked at at a time.
const page = 1000

// nameAll gives everybody their alias who has none: it tells who is erased.
func (a *Activities) nameAll(ctx context.Context) error {
	for {
		var nameless []uuid.UUID
		err := a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			if nameless, err = q.SubjectsWithoutAlias(ctx, page); err != nil {
				return err
			}
			for _, subject := range nameless {
				if _, err := alias.Ensure(ctx, q, a.Store.Keys, subject); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(nameless) == 0 {
			return err
		}
		heartbeat(ctx)
	}
}

// finders are all that can say whom something is held of: the registry and the stores.
func (a *Activities) finders(places []stores.Store) []func(context.Context, func(uuid.UUID) error) error {
	all := []func(context.Context, func(uuid.UUID) error) error{func(ctx context.Context, found func(uuid.UUID) error) error {
		var people []uuid.UUID
		err := a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			people, err = q.ReappearedPeople(ctx, page) // more come in the next run
			return err
		})
		for _, subject := range people {
			err = errors.Join(err, found(subject))
		}
		return err
	}}
	for _, s := range places {
		if f, can := s.(stores.Finder); can {
			all = append(all, f.Find)
		}
	}
	return all
}

// again makes an erasure of a person who is erased, and reports whether they are; known is
// false for who is neither erased nor registered.
func (a *Activities) again(ctx context.Context, subject uuid.UUID) (again, known bool, err error) {
	who, err := alias.Of(ctx, a.Store.Keys, subject)
	if err != nil {
		return false, false, err
	}
	now := time.Now()
	e := Erasure{ID: uuid.New(), Alias: who, State: Destroying, Law: GDPR, By: BySweep, RequestedAt: now, CoolingUntil: now}
	err = a.Store.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		state, err := q.SubjectState(ctx, subject)
		if known = err == nil; err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err = q.ErasedPerson(ctx, who[:]); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if again = err == nil || state == "erased"; !again {
			return nil
		}
		// A version before kept no list of who is erased.
		if err := q.RecordErasedPerson(ctx, who[:], e.ID, now); err != nil {
			return err
		}
		return insert(ctx, q, a.Store.Keys, a.Store.Audit, e, subject)
	})
	return again, known, err
}

// EraseAgain empties all stores of everybody who is erased, before a database that was
// restored is taken into service, and returns how many people that were. Their erasures go
// on from there once it serves: until then no certificate says that nothing is left.
func (a *Activities) EraseAgain(ctx context.Context) (int, error) {
	if _, _, err := a.reappeared(ctx); err != nil {
		return 0, err
	}
	open, err := a.unended(ctx)
	if err != nil {
		return 0, err
	}
	people := 0
	for _, id := range open {
		e, err := a.Store.Erasure(ctx, id)
		if err != nil {
			return people, err
		}
		if e.State.before(Destroying) || e.State == Cancelled {
			continue
		}
		subject, err := a.subject(ctx, Ref{id})
		if err != nil {
			return people, err
		}
		if err := a.empty(ctx, subject); err != nil {
			return people, fmt.Errorf("erasure %s: %w", id, err)
		}
		people++
	}
	return people, nil
}

// empty deletes what all stores hold of a person.
func (a *Activities) empty(ctx context.Context, subject uuid.UUID) error {
	if subject == uuid.Nil {
		return nil
	}
	if err := a.markErased(ctx, subject); err != nil {
		return err
	}
	all, err := a.Store.places(ctx)
	if err != nil {
		return err
	}
	for _, early := range []bool{true, false} {
		for i, name := range names(all, nil) {
			if name.Early != early {
				continue
			}
			if _, err := all[i].Delete(ctx, subject, func(int64) { heartbeat(ctx) }); err != nil {
				return fmt.Errorf("delete what %s holds: %w", name.Name, err)
			}
		}
	}
	return nil
}
