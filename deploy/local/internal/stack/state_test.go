package stack

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/deploy/local/internal/ports"
)

func TestNewDataFolderGetsItsOwnPasswords(t *testing.T) {
	one, fresh, err := loadState(t.TempDir(), 4)
	require.NoError(t, err)
	require.True(t, fresh)
	other, _, err := loadState(t.TempDir(), 4)
	require.NoError(t, err)

	secrets := []string{
		one.Passwords.Superuser, one.Passwords.Owner, one.Passwords.App, one.Passwords.Reader, one.Passwords.Backup, one.Passwords.Observer, one.Passwords.Temporal,
		one.WeaviateAPIKey, one.WeaviateInternal, other.Passwords.Superuser,
	}
	seen := map[string]bool{}
	for _, secret := range secrets {
		require.Len(t, secret, 48)
		require.False(t, seen[secret], "every password is its own")
		seen[secret] = true
	}
}

func TestStateSurvivesAndIsPrivate(t *testing.T) {
	data := t.TempDir()
	state, _, err := loadState(data, 4)
	require.NoError(t, err)
	state.Ports.Postgres = 12345
	require.NoError(t, state.save(data))

	info, err := os.Stat(filepath.Join(data, stateFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, fresh, err := loadState(data, 4)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, state, again)
	left, err := os.ReadDir(data)
	require.NoError(t, err)
	require.Len(t, left, 1, "writing leaves no temporary files")
}

func TestAFolderOfAnEarlierVersionGetsThePasswordThatItLacks(t *testing.T) {
	data := t.TempDir()
	earlier := `{"history_shards": 4, "passwords": {"superuser": "a", "owner": "b", "app": "c", "reader": "d", "temporal": "e"}}`
	require.NoError(t, os.WriteFile(filepath.Join(data, stateFile), []byte(earlier), 0o600))
	state, fresh, err := loadState(data, 4)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Len(t, state.Passwords.Backup, 48)
	require.Len(t, state.Passwords.Observer, 48)
	require.Equal(t, "b", state.Passwords.Owner)
	require.NoError(t, state.save(data))
	again, _, err := loadState(data, 4)
	require.NoError(t, err)
	require.Equal(t, state, again, "it is made up once")
}

func TestStateIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"with another number of history shards": {`{"history_shards": 4}`, "made with 4 history shards and cannot run with 8"},
		"when it is damaged":                    {`{"history_shards":`, "unexpected end of JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(data, stateFile), []byte(test.text), 0o600))
			_, _, err := loadState(data, 8)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func distinct(t *testing.T, p Ports) {
	t.Helper()
	seen := map[int]bool{}
	for _, s := range p.slots() {
		require.NotZero(t, *s.Port)
		for _, port := range []int{*s.Port, *s.Port + 1} {
			require.False(t, seen[port], "port %d is given twice", port)
			seen[port] = true
			if !s.Wide {
				break
			}
		}
	}
}

func TestFreePortsLieOutsideTheRangeOfOutgoingConnections(t *testing.T) {
	var p Ports
	require.NoError(t, p.choose(true))
	distinct(t, p)
	for _, s := range p.slots() {
		require.GreaterOrEqual(t, *s.Port, ports.Lowest)
		require.Less(t, *s.Port, ports.Highest)
	}
}

func TestRememberedPortsAreKeptWhileTheyAreFree(t *testing.T) {
	var p Ports
	require.NoError(t, p.choose(true))
	again := p
	require.NoError(t, again.choose(false))
	require.Equal(t, p, again)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	again.Temporal = taken.Addr().(*net.TCPAddr).Port
	require.NoError(t, again.choose(false))
	require.NotEqual(t, taken.Addr().(*net.TCPAddr).Port, again.Temporal, "somebody else uses it")
	require.Equal(t, p.Postgres, again.Postgres)
	distinct(t, again)
}

func TestUsualPortGivesWayWhenItIsTaken(t *testing.T) {
	// Whoever has the usual port, this test or another stack on the machine: it is taken.
	if taken, err := net.Listen("tcp", ":5433"); err == nil {
		defer taken.Close()
	}
	var p Ports
	require.NoError(t, p.choose(false))
	require.NotEqual(t, 5433, p.Postgres)
	distinct(t, p)
}
