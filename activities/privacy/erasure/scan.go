package erasure

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/privacy/erasure/stores"
	"meai/internal/postgres/queries"
)

// Residue is what deletion leaves behind in the files of databases.
type Residue interface {
	// CleanUp clears it: dead rows, statistics, segments, write-ahead log.
	CleanUp(ctx context.Context, beat func(n int64)) error
	// Scan counts by place where in files the person's id or a sample of what stores held of
	// them is found; searched is false when there are no files to search.
	Scan(ctx context.Context, subject uuid.UUID, samples map[string][][]byte, beat func(n int64)) (found map[string]int64, searched bool, err error)
}

// CleanUp clears what deletion has left in files.
func (a *Activities) CleanUp(ctx context.Context, in Ref) (Standing, error) {
	s, subject, err := a.enter(ctx, in, Cleaning)
	if err != nil || subject == uuid.Nil || a.Residue == nil {
		return s, err
	}
	if err := a.Residue.CleanUp(ctx, func(n int64) { heartbeat(ctx, n) }); err != nil {
		return s, fmt.Errorf("clean up after erasure %s: %w", in.ID, err)
	}
	return s, nil
}

// Scan looks for the person everywhere. What a store holds again is deleted again, and
// what files hold is cleared again: the erasure goes back to that step.
func (a *Activities) Scan(ctx context.Context, in Ref) (Left, error) {
	s, subject, err := a.enter(ctx, in, Scanning)
	if err != nil || subject == uuid.Nil {
		return Left{Standing: s}, err
	}
	left := Left{}
	if left.Stores, err = a.left(ctx, subject); err != nil {
		return Left{}, fmt.Errorf("scan for erasure %s: %w", in.ID, err)
	}
	known, err := a.Store.DB.KnowsSubject(ctx, subject)
	if err != nil {
		return Left{}, err
	}
	if known {
		left.Stores["postgres.subjects"]++
	}
	var searched bool
	kept := []byte("{}")
	if len(left.Stores) == 0 {
		if left.Files, searched, err = a.files(ctx, in, subject); err != nil {
			return Left{}, fmt.Errorf("scan for erasure %s: %w", in.ID, err)
		}
	}
	if left.Nothing() {
		if kept, err = a.kept(ctx, subject); err != nil {
			return Left{}, fmt.Errorf("scan for erasure %s: %w", in.ID, err)
		}
	}
	left.Standing, err = a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		if State(row.State) != Scanning {
			return nil
		}
		if left.Nothing() {
			return q.NoteScanned(ctx, queries.NoteScannedParams{ID: in.ID, At: new(time.Now()), Searched: searched, Kept: kept})
		}
		// What an attempt before this one found to be gone is not.
		if err := q.NoteScanned(ctx, queries.NoteScannedParams{ID: in.ID, Kept: kept}); err != nil {
			return err
		}
		if len(left.Stores) > 0 {
			return move(ctx, q, row, Deleting)
		}
		return move(ctx, q, row, Cleaning)
	})
	return left, err
}

// kept is what places that let nothing go keep of the person, by store, as JSON.
func (a *Activities) kept(ctx context.Context, subject uuid.UUID) ([]byte, error) {
	all, err := a.Store.places(ctx)
	if err != nil {
		return nil, err
	}
	kept := map[string]stores.Kept{}
	for _, store := range all {
		keeper, may := store.(stores.Keeper)
		if !may {
			continue
		}
		k, err := keeper.Kept(ctx, subject)
		if err != nil {
			return nil, err
		}
		if k.Objects > 0 {
			k.Until = k.Until.UTC().Truncate(time.Second)
			kept[store.Name()] = k
		}
		heartbeat(ctx)
	}
	return json.Marshal(kept)
}

// files searches files for the samples and the person's id.
func (a *Activities) files(ctx context.Context, in Ref, subject uuid.UUID) (found map[string]int64, searched bool, err error) {
	if a.Residue == nil {
		return nil, false, nil
	}
	samples, err := a.samples(ctx, in)
	if err != nil {
		return nil, false, err
	}
	found, searched, err = a.Residue.Scan(ctx, subject, samples, func(n int64) { heartbeat(ctx, n) })
	maps.DeleteFunc(found, func(_ string, n int64) bool { return n == 0 })
	logFound(ctx, found)
	return found, searched, err
}

// mostTold bounds how many places the log names.
const mostTold = 20

// logFound logs where something was found: names of files and of what it is, never what it says.
func logFound(ctx context.Context, found map[string]int64) {
	if len(found) == 0 || !activity.IsActivity(ctx) {
		return
	}
	places := slices.Sorted(maps.Keys(found))
	for _, place := range places[:min(len(places), mostTold)] {
		activity.GetLogger(ctx).Warn("a file holds what should be gone", "file", place, "entries", found[place])
	}
}

func (a *Activities) samples(ctx context.Context, in Ref) (samples map[string][][]byte, err error) {
	var sealed []byte
	err = a.Store.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Erasure(ctx, in.ID)
		sealed = row.SamplesSealed
		return err
	})
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := unseal(ctx, a.Store.Keys, in.ID, "samples", sealed)
	if err != nil {
		return nil, fmt.Errorf("open the samples: %w", err)
	}
	return samples, json.Unmarshal(plain, &samples)
}
