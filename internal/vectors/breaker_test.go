package vectors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBreakerOpensAfterFailuresInARowAndClosesWithTheFirstSuccess(t *testing.T) {
	now := time.Unix(0, 0)
	b := breaker{now: func() time.Time { return now }}

	for range tripAfter - 1 {
		b.record(false)
	}
	b.record(true)
	for range tripAfter - 1 {
		b.record(false)
	}
	require.True(t, b.allow(), "never enough failures in a row")

	b.record(false)
	require.False(t, b.allow())
	now = now.Add(coolDown)
	require.True(t, b.allow(), "somebody has to try")
	b.record(false)
	require.False(t, b.allow(), "the try failed")

	now = now.Add(coolDown)
	b.record(true)
	b.record(false)
	require.True(t, b.allow(), "one failure after a success is no outage")
}
