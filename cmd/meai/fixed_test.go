package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/enginetest"
)

// A place that one process has filled and that erases people elsewhere would leave out.
func TestWhoErasesPeopleKnowsEveryPlaceThatHoldsSomethingOfThem(t *testing.T) {
	db, _ := enginetest.Database(t)
	different := func(b config.Backup, erases bool) (all []string) {
		for _, f := range placesOfPeople(b, erases) {
			different, err := f.check(t.Context(), db)
			require.NoError(t, err)
			if different != nil {
				require.ErrorContains(t, different, "docs/runbooks/erasure.md")
				all = append(all, f.key)
			}
		}
		return all
	}
	whole := config.Backup{Archive: "file:///archive", Bucket: "file:///backups", Second: "file:///second", Copy: "archive=file:///archive"}
	require.Empty(t, different(config.Backup{}, true), "there is none yet")
	require.Empty(t, different(whole, false), "who writes there need not erase")
	require.ElementsMatch(t, []string{"backup.archive", "backup.bucket", "backup.second"}, different(config.Backup{}, true))
	require.Empty(t, different(config.Backup{}, false))
	require.Empty(t, different(whole, true))
	whole.Archive = ""
	require.Equal(t, []string{"backup.archive"}, different(whole, true))
}
