package guard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/guard"
)

var errOutage, errQuestion = errors.New("outage"), errors.New("question")

func TestOnlyOutagesAndSlownessOpenTheBreaker(t *testing.T) {
	rested := 0
	g := guard.New[int](guard.Options{
		Concurrency: 1, Failures: 2, Delay: time.Hour,
		Outage: func(err error) bool { return errors.Is(err, errOutage) },
		OnRest: func() { rested++ },
	})
	fails := func(err error) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return 0, err }
	}
	for range 5 {
		_, err := g.Call(t.Context(), time.Minute, fails(errQuestion))
		require.ErrorIs(t, err, errQuestion)
	}
	_, err := g.Call(t.Context(), time.Minute, fails(errOutage))
	require.ErrorIs(t, err, errOutage)
	_, err = g.Call(t.Context(), time.Millisecond, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	require.ErrorIs(t, err, guard.ErrTimeout)
	_, err = g.Call(t.Context(), time.Minute, fails(nil))
	require.ErrorIs(t, err, guard.ErrResting)
	require.Equal(t, 1, rested)
}

func TestOneCallMoreIsRefusedAndDeadlinesAreKept(t *testing.T) {
	g := guard.New[int](guard.Options{Concurrency: 1, Failures: 1, Delay: time.Hour, Spare: time.Minute, Outage: func(error) bool { return false }})
	one := func(context.Context) (int, error) { return 1, nil }
	answer, err := g.Call(t.Context(), time.Minute, func(ctx context.Context) (int, error) {
		_, err := g.Call(ctx, time.Minute, one)
		require.ErrorIs(t, err, guard.ErrBusy)
		return 2, nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, answer)

	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = g.Call(soon, time.Minute, one)
	require.ErrorIs(t, err, guard.ErrTimeout, "what is spare is not to be had")
}
