package drill_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/drill"
	"meai/internal/enginetest"
	"meai/internal/weaviateserver"
)

// uploading has this program upload until it is killed.
const uploading = "upload-until-killed"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == uploading {
		if err := drill.Upload(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func options(t *testing.T) drill.Options {
	t.Helper()
	return drill.Options{Dir: filepath.Join(folder(t), "drill"), Upload: []string{os.Args[0], uploading}, Logger: enginetest.Logger(t)}
}

func TestEveryDrillIsDetected(t *testing.T) {
	o := options(t)
	var err error
	o.Weaviate, err = weaviateserver.Find()
	require.NoError(t, err)
	results, err := drill.Run(t.Context(), o, func(r drill.Result) {
		t.Logf("%-48s %5.1f s  %v  %s", r.Name, r.Seconds, r.Detected, r.By)
	})
	require.NoError(t, err)
	require.Empty(t, drill.Undetected(results))
	require.Greater(t, len(results), 50)
	require.NoDirExists(t, o.Dir)
}

// TestADrillThatIsNotDetectedIsReported plants nothing: nothing is found, and the backup is
// proven, as it would be by verifiers that see nothing.
func TestADrillThatIsNotDetectedIsReported(t *testing.T) {
	results, err := drill.RunPlanted(t.Context(), options(t), "an object is missing")
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.True(t, results[0].Detected, "the good path")
	require.Equal(t, []string{"nothing"}, drill.Undetected(results))
	require.Contains(t, results[1].By, "it ended in a success")
}

// TestWhatIsSaidOfSomethingElseIsNotDetection has the same sentences judged: a failure that
// names another thing, and one beside a success.
func TestWhatIsSaidOfSomethingElseIsNotDetection(t *testing.T) {
	const said = "backups/one/base.tar.zst: an object is missing"
	require.True(t, drill.Judge(said, false, "one/base.tar.zst", "missing"))
	require.False(t, drill.Judge(said, false, "two/base.tar.zst", "missing"), "another object")
	require.False(t, drill.Judge(said, false), "nothing to be named")
	require.False(t, drill.Judge(said, true, "one/base.tar.zst", "missing"), "it ended in a success")
	require.False(t, drill.Judge("", false, "one"))
}
