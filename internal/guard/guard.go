// Package guard keeps a dependency that is slow or down from holding anybody up:
// a time limit, a bulkhead and a breaker around each call.
package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/timeout"
)

var (
	// ErrBusy: too many calls are under way.
	ErrBusy = errors.New("too many calls are under way")
	// ErrResting: the dependency failed a moment ago and is left alone for a while.
	ErrResting = errors.New("it failed a moment ago")
	// ErrTimeout: there was no answer in time.
	ErrTimeout = errors.New("no answer in time")
)

// Options says how much of a dependency may be used.
type Options struct {
	// Concurrency is how many calls may be under way; one more is refused at once.
	Concurrency int
	// After Failures in a row calls are refused for Delay, then one may try.
	Failures int
	Delay    time.Duration
	// Spare is how long before its context's deadline a call ends: time for the
	// caller to do without and still be in time.
	Spare time.Duration
	// Outage tells the failures that speak against the dependency, besides being too
	// slow, from those that one question brought about.
	Outage func(error) bool
	// OnRest and OnReturn are told when the breaker opens and closes; nil for nobody.
	OnRest, OnReturn func()
}

// Guard makes calls that return an R. It is safe for concurrent use.
type Guard[R any] struct {
	spare    time.Duration
	bulkhead bulkhead.Bulkhead[R]
	breaker  circuitbreaker.CircuitBreaker[R]
}

// New returns a guard of one dependency.
func New[R any](o Options) Guard[R] {
	tell := func(f func()) func(circuitbreaker.StateChangedEvent) {
		return func(circuitbreaker.StateChangedEvent) {
			if f != nil {
				f()
			}
		}
	}
	return Guard[R]{
		spare:    o.Spare,
		bulkhead: bulkhead.New[R](uint(o.Concurrency)),
		breaker: circuitbreaker.NewBuilder[R]().
			WithFailureThreshold(uint(o.Failures)).WithDelay(o.Delay).
			HandleIf(func(_ R, err error) bool {
				return err != nil && (errors.Is(err, timeout.ErrExceeded) || o.Outage(err))
			}).
			OnOpen(tell(o.OnRest)).OnClose(tell(o.OnReturn)).
			Build(),
	}
}

// Call makes a call that may take so long. Errors are those of ask, or one of this
// package's, wrapped.
func (g Guard[R]) Call(ctx context.Context, limit time.Duration, ask func(context.Context) (R, error)) (R, error) {
	var none R
	if deadline, ok := ctx.Deadline(); ok {
		if limit = min(limit, time.Until(deadline)-g.spare); limit <= 0 {
			return none, fmt.Errorf("%w: none is left", ErrTimeout)
		}
	}
	answer, err := failsafe.With[R](g.bulkhead, g.breaker, timeout.New[R](limit)).
		WithContext(ctx).
		GetWithExecution(func(e failsafe.Execution[R]) (R, error) { return ask(e.Context()) })
	switch {
	case errors.Is(err, bulkhead.ErrFull):
		return answer, ErrBusy
	case errors.Is(err, circuitbreaker.ErrOpen):
		return answer, ErrResting
	case errors.Is(err, timeout.ErrExceeded):
		return answer, fmt.Errorf("%w: it had %s", ErrTimeout, limit.Round(time.Millisecond))
	case ctx.Err() != nil:
		return answer, fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	default:
		return answer, err
	}
}
