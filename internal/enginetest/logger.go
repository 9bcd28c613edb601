package enginetest

import (
	"log/slog"
	"testing"
)

// Logger writes into the test's own log, which is shown when it fails.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
