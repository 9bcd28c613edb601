package drill_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/drill"
)

func TestSome(t *testing.T) {
	o := options(t)
	o.Weaviate = os.Getenv("DRILL_WEAVIATE")
	results, err := drill.RunOnly(t.Context(), o, strings.Split(os.Getenv("DRILLS"), ",")...)
	for _, r := range results {
		t.Logf("%-48s %5.1f s  %v  %s", r.Name, r.Seconds, r.Detected, r.By)
	}
	require.NoError(t, err)
}
