package language

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

// spare is how long before its context's deadline a call ends: time for the
// caller to do without and still be in time.
const spare = 500 * time.Millisecond

// guard keeps a provider that is slow or down from holding anybody up.
type guard struct {
	bulkhead bulkhead.Bulkhead[Response]
	breaker  circuitbreaker.CircuitBreaker[Response]
}

func newGuard(o OpenAIOptions) guard {
	log := o.Logger.With("dependency", "language_model", "use", o.Use)
	return guard{
		bulkhead: bulkhead.New[Response](uint(o.Concurrency)),
		breaker: circuitbreaker.NewBuilder[Response]().
			WithFailureThreshold(uint(o.BreakerFailures)).WithDelay(o.BreakerDelay).
			HandleIf(func(_ Response, err error) bool { return isOutage(err) }).
			OnOpen(func(circuitbreaker.StateChangedEvent) { log.Warn("the language model is left alone for a while") }).
			OnClose(func(circuitbreaker.StateChangedEvent) { log.Info("the language model answers again") }).
			Build(),
	}
}

// isOutage tells the failures of a provider from those that a person's words can
// bring about: nobody may switch the model off for others with what they write.
func isOutage(err error) bool {
	return errors.Is(err, timeout.ErrExceeded) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded)
}

// call makes a call that may take so long, unless too many are under way or the
// provider failed a moment ago.
func (g guard) call(ctx context.Context, limit time.Duration, ask func(context.Context) (Response, error)) (Response, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if limit = min(limit, time.Until(deadline)-spare); limit <= 0 {
			return Response{}, fmt.Errorf("%w: no time is left", ErrTimeout)
		}
	}
	response, err := failsafe.With[Response](g.bulkhead, g.breaker, timeout.New[Response](limit)).
		WithContext(ctx).
		GetWithExecution(func(e failsafe.Execution[Response]) (Response, error) { return ask(e.Context()) })
	switch {
	case errors.Is(err, bulkhead.ErrFull):
		return response, fmt.Errorf("%w: too many calls are under way", ErrOverloaded)
	case errors.Is(err, circuitbreaker.ErrOpen):
		return response, fmt.Errorf("%w: it failed a moment ago", ErrUnavailable)
	case errors.Is(err, timeout.ErrExceeded):
		return response, fmt.Errorf("%w: no answer within %s", ErrTimeout, limit.Round(time.Millisecond))
	case ctx.Err() != nil:
		return response, fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	default:
		return response, err
	}
}
