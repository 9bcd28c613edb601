// Package enginetest gives tests the real engines of a running local stack: a
// database of their own, a keyring of their own, and the stack's configuration.
package enginetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/keyring"
)

// ConfigVariable names the file that the local stack wrote.
const ConfigVariable = "MEAI_TEST_CONFIG"

// patience bounds set-up and clean-up of one test's engines.
const patience = 2 * time.Minute

// Config reads the configuration of the running stack. Without one the test
// fails and says how to start it.
func Config(t testing.TB) config.Config {
	t.Helper()
	path := os.Getenv(ConfigVariable)
	if path == "" {
		t.Fatalf("no stack to test against: use `make test`, or start one with `make run` and set %s to its meai.yaml", ConfigVariable)
	}
	cfg, err := config.Load(path, os.Environ())
	require.NoError(t, err, "read the stack's configuration")
	return cfg
}

// Keyring makes an empty keyring in a folder that the test owns.
func Keyring(t testing.TB) *keyring.Keyring {
	t.Helper()
	dir := t.TempDir()
	keys, err := keyring.Open(context.Background(), keyring.Options{
		Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true",
		KEK:    "file://" + filepath.Join(dir, "kek.key"),
		Logger: Logger(t),
	})
	require.NoError(t, err, "open a keyring")
	t.Cleanup(func() { require.NoError(t, keys.Close(), "close the keyring") })
	return keys
}

func timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
