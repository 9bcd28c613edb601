package enginetest

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Superuser is a URL of the test's database for the cluster's superuser: what an
// attacker has who owns the server. The local stack keeps the password beside its
// configuration.
func Superuser(t testing.TB, urls URLs) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv(ConfigVariable)), "state.json"))
	require.NoError(t, err, "read the state of the local stack")
	var state struct {
		Passwords struct {
			Superuser string `json:"superuser"`
		} `json:"passwords"`
	}
	require.NoError(t, json.Unmarshal(text, &state), "read the state of the local stack")
	u, err := url.Parse(urls.Owner)
	require.NoError(t, err)
	u.User = url.UserPassword("postgres", state.Passwords.Superuser)
	return u.String()
}
