package keyring_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/keyring"
)

// TestNoReleaseHasTheNullKey: the benchmark's cipher is neither in an ordinary
// build nor to be had by any setting of one.
func TestNoReleaseHasTheNullKey(t *testing.T) {
	t.Setenv("BENCH_NULL_KEY", "benchmark")
	keys := enginetest.Keyring(t)
	subject := uuid.New()
	require.NoError(t, keys.Create(t.Context(), subject))
	set, err := keys.Keys(t.Context(), subject)
	require.NoError(t, err)
	sealed, err := set.Seal([]byte("in the open"), keyring.Location{Table: "t", Column: "c"})
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "in the open")

	for tags, want := range map[string]string{"": "cipher.go", "meai_null_key": "cipher_null.go"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", tags, "-f", "{{.GoFiles}}", ".").Output()
		require.NoError(t, err)
		require.Equal(t, want != "cipher.go", strings.Contains(string(out), "cipher_null.go"))
	}
	// Whoever sets the tag somewhere else is noticed here.
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "grep", "-l", "meai_null_key", "--", ":!*.md").Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"internal/keyring/cipher.go", "internal/keyring/cipher_null.go", "internal/keyring/cipher_test.go", "scripts/bench/null.go",
	}, strings.Fields(string(out)))
}
