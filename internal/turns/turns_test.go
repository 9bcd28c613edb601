package turns_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/turns"
)

func TestWhoWaitsForATurnShowsSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := make(turns.Turns, 2)
		leave, err := two.Take(t.Context(), time.Second, func() {})
		require.NoError(t, err)
		_, err = two.Take(t.Context(), time.Second, func() {})
		require.NoError(t, err, "there are two")
		go func() {
			time.Sleep(3500 * time.Millisecond)
			leave()
		}()
		begun, signs := time.Now(), 0
		patient, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		_, err = two.Take(patient, time.Second, func() { signs++ })
		require.NoError(t, err)
		require.Equal(t, 3500*time.Millisecond, time.Since(begun))
		require.Equal(t, 3, signs)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err = two.Take(ctx, time.Second, func() {})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
