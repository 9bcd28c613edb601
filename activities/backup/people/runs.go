package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meai/internal/objects"
)

// A run that went through everybody is noted as the empty object
//
//	runs/<UTC time at which it began>
//
// in the archives' bucket: whatever was stored of anybody before is in an archive, but for
// those of whom an operator was told.
const (
	runsPrefix = "runs/"
	keptRuns   = 30
)

// conclude notes that a run has gone through everybody.
func (a *Archives) conclude(ctx context.Context, run time.Time) error {
	err := a.Store.Create(ctx, runsPrefix+run.UTC().Format(timeForm), nil)
	if err != nil && !errors.Is(err, objects.ErrExists) {
		return fmt.Errorf("note that a run of archives is complete: %w", err)
	}
	names, err := objects.Names(ctx, a.Store, runsPrefix)
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-keptRuns)] {
		if err := a.Store.Remove(ctx, name); err != nil && !errors.Is(err, objects.ErrKept) {
			return fmt.Errorf("remove the note of an old run: %w", err)
		}
	}
	return nil
}

// Complete is when the newest run began that went through everybody, zero without one.
func (a *Archives) Complete(ctx context.Context) (time.Time, error) {
	names, err := objects.Names(ctx, a.Store, runsPrefix)
	if err != nil || len(names) == 0 {
		return time.Time{}, err
	}
	at, err := time.Parse(timeForm, strings.TrimPrefix(names[len(names)-1], runsPrefix))
	if err != nil {
		return time.Time{}, fmt.Errorf("the note of a run of archives has no time for a name: %w", err)
	}
	return at, nil
}
