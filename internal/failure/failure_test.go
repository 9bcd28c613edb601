package failure_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"meai/internal/failure"
)

func TestOnlyWhatNoRetryCanMendIsPermanent(t *testing.T) {
	for _, kind := range failure.Permanent {
		require.False(t, retryable(t, failure.New(kind, "no", nil)), kind)
	}
	missing := failure.New(failure.KeyMissing, "no keys here", nil)
	require.True(t, retryable(t, missing), "another worker may have the right keyring")
	require.True(t, failure.Is(fmt.Errorf("open: %w", missing), failure.KeyMissing))
	require.False(t, failure.Is(errors.New("plain"), failure.KeyMissing))
}

func retryable(t *testing.T, err error) bool {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return !app.NonRetryable()
}
