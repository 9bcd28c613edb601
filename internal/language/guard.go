package language

import (
	"errors"
	"fmt"
	"time"

	"meai/internal/guard"
)

// spare is how long before its context's deadline a call ends: time for the
// caller to do without and still be in time.
const spare = 500 * time.Millisecond

// newGuard keeps a provider that is slow or down from holding anybody up.
func newGuard(o OpenAIOptions) guard.Guard[Response] {
	log := o.Logger.With("dependency", "language_model", "use", o.Use)
	return guard.New[Response](guard.Options{
		Concurrency: o.Concurrency, Failures: o.BreakerFailures, Delay: o.BreakerDelay, Spare: spare, Outage: isOutage,
		OnRest:   func() { log.Warn("the language model is left alone for a while") },
		OnReturn: func() { log.Info("the language model answers again") },
	})
}

// isOutage tells the failures of a provider from those that a person's words can
// bring about: nobody may switch the model off for others with what they write.
func isOutage(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded)
}

// guarded names what the guard refused as this package does.
func guarded(err error) error {
	for _, refusal := range []struct{ from, to error }{
		{guard.ErrBusy, ErrOverloaded}, {guard.ErrResting, ErrUnavailable}, {guard.ErrTimeout, ErrTimeout},
	} {
		if errors.Is(err, refusal.from) {
			return fmt.Errorf("%w: %w", refusal.to, err)
		}
	}
	return err
}
