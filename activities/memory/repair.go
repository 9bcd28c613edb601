package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

const (
	// pagesPerCall bounds one call: 6,400 memories, which took seconds to compare and,
	// all copied again, less than the timeout of the activity.
	pagesPerCall = 100
	// subjectsPerPage is how many subjects are looked up at once.
	subjectsPerPage = 1000
)

// last is the greatest id there is.
var last = uuid.Max

// Repair compares one subject's index with the rows, page by page in the order of
// the ids, and mends both ways: what the index lacks, holds otherwise or finds no more is
// copied from the rows, what no row stands for is removed. The rows are right. It may run
// beside everything that writes; a second run finds nothing. The tenant of a subject
// who is being erased, or was, is removed. Who does not agree to what the nights do with
// their memories is passed by. [failure.NotFound] for one who is unknown.
func (a *Activities) Repair(ctx context.Context, in RepairInput) (Repaired, error) {
	if in.Subject == uuid.Nil {
		return Repaired{}, failure.New(failure.InvalidInput, "a repair needs a subject", nil)
	}
	state, err := a.subjectStates(ctx, []uuid.UUID{in.Subject})
	if err != nil {
		return Repaired{}, err
	}
	switch state[in.Subject] {
	case active:
		var agreed bool
		if ctx, agreed, err = a.agreed(ctx, in.Subject); err != nil || !agreed {
			return Repaired{}, err
		}
	case "":
		return Repaired{}, failure.New(failure.NotFound, "subject "+in.Subject.String()+" does not exist", nil)
	default:
		removed, err := a.removeTenant(ctx, in.Subject)
		return Repaired{Tenants: removed}, err
	}
	done := Repaired{Next: in.After}
	if activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			return Repaired{}, fmt.Errorf("read where the attempt before stopped: %w", err)
		}
	}
	for range pagesPerCall {
		if err := a.repairPage(ctx, in.Subject, &done); err != nil {
			return Repaired{}, fmt.Errorf("repair the index of %s: %w", in.Subject, err)
		}
		if done.Next == uuid.Nil {
			break
		}
		a.heartbeat(ctx, done)
	}
	return done, nil
}

// repairPage mends the page after done.Next, adds what it did and moves Next on.
func (a *Activities) repairPage(ctx context.Context, subject uuid.UUID, done *Repaired) error {
	page, err := a.compare(ctx, subject, done.Next)
	if err != nil {
		return err
	}
	stray, err := a.removeStrays(ctx, subject, page.strays)
	if err != nil {
		return err
	}
	lost, err := a.removeLost(ctx, subject, page.lost)
	if err != nil {
		return err
	}
	if ids := slices.Concat(page.missing, page.stale, lost); len(ids) > 0 {
		if _, err := a.indexNodes(ctx, subject, ids, alone, func(context.Context, *queries.Queries) error { return nil }); err != nil {
			return err
		}
	}
	done.Compared += page.compared
	done.Missing += len(page.missing)
	done.Stale += len(page.stale)
	done.Lost += len(lost)
	done.Stray += stray
	if done.Next = page.until; page.until == last {
		done.Next = uuid.Nil
	}
	return nil
}

// difference is what was found between an id and until.
type difference struct {
	missing, stale, lost, strays []uuid.UUID
	compared                     int
	until                        uuid.UUID
}

// compare lays the objects and the rows of one range of ids side by side. The objects
// are read first, without a lock: what looks wrong may be only under way. Copying
// reads the rows again, and so does removing, each under the lock of those who write.
func (a *Activities) compare(ctx context.Context, subject, after uuid.UUID) (difference, error) {
	held, err := a.index.List(ctx, subject, after, pageSize)
	if err != nil {
		return difference{}, err
	}
	var ought []wanted
	err = a.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		ought, err = a.wantedAfter(ctx, q, subject, after)
		return err
	})
	if err != nil {
		return difference{}, err
	}
	// Both sides are complete up to where the shorter page ends.
	d := difference{until: last}
	if len(held) == pageSize {
		d.until = held[len(held)-1].ID
	}
	if len(ought) == pageSize && !beyond(ought[len(ought)-1].ID, d.until) {
		d.until = ought[len(ought)-1].ID
	}
	inIndex := make(map[uuid.UUID]vectors.Held, len(held))
	for _, h := range held {
		if !beyond(h.ID, d.until) {
			inIndex[h.ID] = h
		}
	}
	alike := d.lay(inIndex, ought)
	d.lost, err = a.index.Unfound(ctx, subject, a.embedder.Dimensions(), alike...)
	return d, err
}

// lay compares what the index holds with what it ought to, and returns what is as it
// ought to be but for its vector, which the index was not asked for.
func (d *difference) lay(held map[uuid.UUID]vectors.Held, ought []wanted) (alike []uuid.UUID) {
	for _, w := range ought {
		if beyond(w.ID, d.until) {
			break
		}
		d.compared++
		h, found := held[w.ID]
		delete(held, w.ID)
		switch {
		case !found:
			d.missing = append(d.missing, w.ID)
		case !w.given || !h.Matches(w.Object):
			d.stale = append(d.stale, w.ID)
		default:
			alike = append(alike, w.ID)
		}
	}
	d.strays = slices.Collect(maps.Keys(held))
	return alike
}

// beyond reports whether an id comes after another, for Weaviate as for PostgreSQL.
func beyond(id, other uuid.UUID) bool { return slices.Compare(id[:], other[:]) > 0 }

// wanted is an object as the rows want it, without its vector.
type wanted struct {
	vectors.Object
	// given: the row says that the index has it, by the model of today.
	given bool
}

// wantedAfter reads the page of objects after an id.
func (a *Activities) wantedAfter(ctx context.Context, q *queries.Queries, subject, after uuid.UUID) ([]wanted, error) {
	rows, err := q.MemoriesToCompare(ctx, subject, after, pageSize)
	if err != nil {
		return nil, fmt.Errorf("read what is to be compared: %w", err)
	}
	model := a.embedder.Model()
	objects := make([]vectors.Object, len(rows))
	for i, row := range rows {
		objects[i] = vectors.Object{ID: row.ID, Kind: row.Kind, SaidAt: row.SaidAt, Model: model, Turn: termsOf(row.Terms)}
	}
	if err := addNeighbours(ctx, q, subject, objects); err != nil {
		return nil, err
	}
	ought := make([]wanted, len(rows))
	for i, row := range rows {
		ought[i] = wanted{
			Object: objects[i],
			given:  row.IndexedAt != nil && row.Model != nil && *row.Model == model,
		}
	}
	return ought, nil
}

// removeStrays removes objects that no row stands for, also now that nobody writes,
// and returns how many they were. A memory that was committed after the listing keeps
// its vector.
func (a *Activities) removeStrays(ctx context.Context, subject uuid.UUID, ids []uuid.UUID) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var strays []uuid.UUID
	err := a.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		kept, err := q.MemoriesToHold(ctx, subject, ids)
		if err != nil {
			return fmt.Errorf("look for the memories of %d objects: %w", len(ids), err)
		}
		strays = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return slices.Contains(kept, id) })
		return a.index.Delete(ctx, subject, strays...)
	})
	return len(strays), err
}

// removeLost removes objects that no search by vector finds, also now that nobody writes,
// and returns which: put again as they are, the index would not look at their vectors.
func (a *Activities) removeLost(ctx context.Context, subject uuid.UUID, ids []uuid.UUID) (lost []uuid.UUID, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = a.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		if lost, err = a.index.Unfound(ctx, subject, a.embedder.Dimensions(), ids...); err != nil {
			return err
		}
		return a.index.Delete(ctx, subject, lost...)
	})
	return lost, err
}

// active is the state of subjects who are not being erased.
const active = "active"

// SweepTenants removes the tenants of subjects who are being erased, or were: those whom
// a row of this database says so of, and those whose keys are destroyed, of whom no row
// need be left, as when an older index was restored. Tenants of nobody are counted and
// left: another database may share the Weaviate, and one that was restored does not know
// who came since.
func (a *Activities) SweepTenants(ctx context.Context, _ struct{}) (SweptTenants, error) {
	names, err := a.index.Tenants(ctx)
	if err != nil {
		return SweptTenants{}, err
	}
	var done SweptTenants
	strange := make(map[string]bool, len(names))
	for _, name := range names {
		strange[name] = true
	}
	for after := uuid.Nil; ; {
		var page []queries.SubjectsAfterRow
		err := a.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			page, err = q.SubjectsAfter(ctx, after, subjectsPerPage)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("list the subjects: %w", err)
		}
		for _, subject := range page {
			if err := a.sweepTenant(ctx, subject, strange, &done); err != nil {
				return done, err
			}
		}
		if len(page) < subjectsPerPage {
			return done, a.sweepBuried(ctx, strange, &done)
		}
		after = page[len(page)-1].ID
		a.heartbeat(ctx)
	}
}

// sweepTenant takes a known subject's tenant from the strange ones, and removes it unless
// the subject is active.
func (a *Activities) sweepTenant(ctx context.Context, subject queries.SubjectsAfterRow, strange map[string]bool, done *SweptTenants) error {
	name := vectors.TenantOf(subject.ID)
	if !strange[name] {
		return nil
	}
	delete(strange, name)
	if subject.State == active {
		return nil
	}
	removed, err := a.removeTenant(ctx, subject.ID)
	done.Removed += removed
	a.heartbeat(ctx)
	return err
}

// sweepBuried removes the tenants of strangers whose keys are destroyed, and counts the others.
func (a *Activities) sweepBuried(ctx context.Context, strange map[string]bool, done *SweptTenants) error {
	if len(strange) == 0 {
		return nil
	}
	tombstones, err := a.keys.Tombstones(ctx)
	if err != nil {
		return err
	}
	for _, digest := range tombstones {
		name := vectors.TenantOfDigest(digest)
		if !strange[name] {
			continue
		}
		delete(strange, name)
		if err := a.index.DeleteTenantNamed(ctx, name); err != nil {
			return err
		}
		done.Removed++
		a.heartbeat(ctx)
	}
	done.Unknown = len(strange)
	return nil
}

func (a *Activities) subjectStates(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID]string, error) {
	states := make(map[uuid.UUID]string, len(subjects))
	err := a.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.SubjectStates(ctx, subjects)
		if err != nil {
			return fmt.Errorf("look up %d subjects: %w", len(subjects), err)
		}
		for _, row := range rows {
			states[row.ID] = row.State
		}
		return nil
	})
	return states, err
}

// removeTenant removes the tenant of a subject who is not active, and returns 1 when
// it did. The state is held meanwhile: nobody becomes active, and gets a memory, in
// between.
func (a *Activities) removeTenant(ctx context.Context, subject uuid.UUID) (int, error) {
	removed := 0
	err := a.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		state, err := q.HoldSubjectState(ctx, subject)
		if err != nil {
			return fmt.Errorf("look up subject %s: %w", subject, err)
		}
		if state == active {
			return nil
		}
		removed = 1
		return a.index.DeleteTenant(ctx, subject)
	})
	return removed, err
}
