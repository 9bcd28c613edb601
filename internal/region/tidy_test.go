package region

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatWasHereAloneGoesAfterItsTime(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"old.jsonl": divergedFor + time.Minute, "young.jsonl": divergedFor - time.Minute} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
		require.NoError(t, os.Chtimes(path, now.Add(-age), now.Add(-age)))
	}
	for name, age := range map[string]time.Duration{wholePrefix + "old": divergedFor + time.Minute, wholePrefix + "young": divergedFor - time.Minute} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(path, "PG_VERSION"), nil, 0o600))
		require.NoError(t, os.Chtimes(path, now.Add(-age), now.Add(-age)))
	}
	require.NoError(t, tidy(dir, now))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, wholePrefix+"young"), filepath.Join(dir, "young.jsonl")}, left)
}

// Removing a folder makes it younger, so whoever is killed in that goes on with it all the same.
func TestWhatIsBeingRemovedDoesNotBeginItsTimeAnew(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	old := filepath.Join(dir, wholePrefix+"old")
	require.NoError(t, os.MkdirAll(filepath.Join(old, "base"), 0o700))
	require.NoError(t, os.Chtimes(old, now.Add(-divergedFor-time.Minute), now.Add(-divergedFor-time.Minute)))
	require.NoError(t, condemn(dir, now))
	condemned := filepath.Join(dir, gonePrefix+filepath.Base(old))
	require.NoError(t, os.Remove(filepath.Join(condemned, "base")), "it is there whole, under another name")
	info, err := os.Stat(condemned)
	require.NoError(t, err)
	require.Less(t, now.Sub(info.ModTime()), time.Minute, "it has become younger")

	require.NoError(t, tidy(dir, now))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestACloneIsNotBegunForWhichThereIsNoRoom(t *testing.T) {
	require.NoError(t, fits(5<<30, 5<<30))
	require.EqualError(t, fits(5<<30+1, 5<<30), "there is no room for a clone beside what is here, which needs 5.0 GiB where 5.0 GiB are free: make room, "+
		"or move away what lies in the agent's folder under diverged")
}
