package copies

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
)

// Activities are the steps of the copies' workflows. Every exported method is an activity
// that can run twice, and be killed anywhere, without harm.
type Activities struct{ Copies *Copies }

// Input names a bucket.
type Input struct {
	Source string `json:"source"`
	// Deep has every object read; only Reconcile looks at it.
	Deep bool `json:"deep,omitempty"`
}

// State is how far a step is, in its heartbeats.
type State struct {
	Seen  int   `json:"seen"`
	Bytes int64 `json:"bytes"`
}

// errNone is the answer of processes in which nothing is configured: another may be.
var errNone = errors.New("no copies are configured in this process (backup.second, backup.copy)")

// List names the buckets that are copied.
func (a *Activities) List(context.Context, struct{}) ([]string, error) {
	if a.Copies == nil {
		return nil, errNone
	}
	return slices.Sorted(maps.Keys(a.Copies.byName)), nil
}

// Copy is [Copier.Copy].
func (a *Activities) Copy(ctx context.Context, in Input) (Copied, error) {
	return step(a, in, func(c *Copier) (Copied, error) { return c.Copy(ctx, beating(ctx)) })
}

// Reconcile is [Copier.Reconcile].
func (a *Activities) Reconcile(ctx context.Context, in Input) (Report, error) {
	return step(a, in, func(c *Copier) (Report, error) { return c.Reconcile(ctx, in.Deep, beating(ctx)) })
}

// Expire is [Copier.Expire].
func (a *Activities) Expire(ctx context.Context, in Input) (Expired, error) {
	return step(a, in, func(c *Copier) (Expired, error) { return c.Expire(ctx, time.Now(), beating(ctx)) })
}

func step[Out any](a *Activities, in Input, run func(*Copier) (Out, error)) (out Out, err error) {
	if a.Copies == nil {
		return out, errNone
	}
	c, ok := a.Copies.Copier(in.Source)
	if !ok {
		return out, failure.New(failure.InvalidInput, "no bucket of this name is copied", nil)
	}
	out, err = run(c)
	if errors.Is(err, ErrKeyring) {
		err = failure.New(failure.NotAllowed, "a bucket that is to be copied holds keys", err)
	}
	return out, err
}

func beating(ctx context.Context) Progress {
	return func(seen int, bytes int64) { activity.RecordHeartbeat(ctx, State{seen, bytes}) }
}
