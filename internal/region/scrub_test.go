package region_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// A standby whose pages have rotted while nobody looked is never promoted: it is found out
// when it is read, and cloned.
func TestAStandbyWhosePagesHaveRottedIsClonedAnew(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	// The copy begins after these: nothing that is replayed writes their page again.
	want := []int64{1, 2, 3}
	l.say("a", want...)
	l.start("b", "")
	l.follows("b", 1)
	l.hears("b", want...)
	var file string
	l.one("a", "select pg_relation_filepath('interactions')", &file)

	l.stop("b")
	page, err := os.OpenFile(filepath.Join(l.data("b"), file), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = page.WriteAt([]byte("what nobody wrote"), 4096)
	require.NoError(t, err)
	require.NoError(t, page.Close())
	// A clone, which is over before anybody may see its role, has no such file.
	// PostgreSQL must be able to read it, as it reads all there is.
	old := filepath.Join(l.data("b"), "old")
	require.NoError(t, os.WriteFile(old, nil, 0o644))

	l.start("b", "")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(l.data("b"), "PG_VERSION"))
		_, gone := os.Stat(old)
		return err == nil && os.IsNotExist(gone)
	}, time.Minute, 10*time.Millisecond)
	l.follows("b", 1)
	l.hears("b", want...)
}
