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
	o.Weaviate = os.Getenv("DRILL_WEAVIATE")
	results, err := drill.Run(t.Context(), o, func(r drill.Result) {
		t.Logf("%-48s %5.1f s  %v  %s", r.Name, r.Seconds, r.Detected, r.By)
	})
	require.NoError(t, err)
	require.Empty(t, drill.Undetected(results))
	require.Greater(t, len(results), 50)
	require.NoDirExists(t, o.Dir)
}
