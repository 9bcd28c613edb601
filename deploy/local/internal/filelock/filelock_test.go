package filelock

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	require.NoError(t, err)

	_, err = Try(path)
	require.ErrorIs(t, err, ErrHeld)

	first.Release()
	second, err := Try(path)
	require.NoError(t, err)
	second.Release()
}

func TestWaitEndsWithTheHolderOrTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	require.NoError(t, err)

	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Wait(brief, path)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	got := make(chan error, 1)
	go func() {
		second, err := Wait(t.Context(), path)
		if err == nil {
			second.Release()
		}
		got <- err
	}()
	first.Release()
	require.NoError(t, <-got)
}

func TestALockNeedsItsFolder(t *testing.T) {
	_, err := Try(filepath.Join(t.TempDir(), "missing", "lock"))
	require.ErrorContains(t, err, "open the lock")
}
