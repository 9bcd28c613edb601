package region_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// logged is how often a region's agent has said something.
func (l *lab) logged(name, what string) int {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, name+".log"))
	require.NoError(l.t, err)
	return strings.Count(string(text), what)
}

func (l *lab) says(name, what string) {
	l.t.Helper()
	l.eventually("it says: "+what, time.Minute, func() bool { return strings.Contains(l.status(name).Message, what) })
}

// A clone that is complete and cannot be put in place is when that can be done: it is in the
// way of another one.
func TestACloneThatIsNotInPlaceIsPutThereLater(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.say("a", 1)
	l.hears("b", 1)
	l.stop("b")
	l.old("b")
	require.NoError(t, os.Remove(filepath.Join(l.data("b"), "PG_VERSION"))) // it is set aside
	l.start("b", "rejoin: clone complete")
	l.gone("b")
	clones := l.logged("b", "clones the other region")

	// There is no place to put it, then none to note that it is there.
	kept, note := filepath.Join(l.home("b"), "diverged"), filepath.Join(l.home("b"), "agent.json.new")
	require.NoError(t, os.Rename(kept, kept+".away"))
	require.NoError(t, os.WriteFile(kept, nil, 0o600))
	l.start("b", "")
	l.says("b", "look for cluster-")
	require.NoError(t, os.Mkdir(note, 0o700))
	require.NoError(t, os.Remove(kept))
	require.NoError(t, os.Rename(kept+".away", kept))
	l.says("b", "write what the agent knows of its cluster")
	require.NoError(t, os.Remove(note))
	l.follows("b", 1)
	l.say("a", 2)
	l.hears("b", 1, 2)
	require.Equal(t, clones, l.logged("b", "clones the other region"), "it was cloned once")
	require.Len(t, l.aside("b"), 1)
	require.FileExists(t, filepath.Join(l.aside("b")[0], "old"))
	l.says("b", "kept whole in "+l.aside("b")[0])
}

// A region that came to serve before its clone was in place keeps what it serves with.
func TestACloneDoesNotReplaceWhatServes(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.stop("b")
	cloned := filepath.Join(l.home("b"), "cloned")
	require.NoError(t, os.Mkdir(cloned, 0o700)) // as if the agent were killed with that
	l.stop("a")
	l.desire("b", "f2", nil)
	l.start("b", "")
	l.serves("b", 2)
	require.NoDirExists(t, cloned)
	l.say("b", 1)
	l.stop("b")
	l.start("b", "")
	l.serves("b", 2)
	l.hears("b", 1)
}
