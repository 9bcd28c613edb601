package people_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
)

func TestARunThroughEverybodyIsARecoveryPoint(t *testing.T) {
	s := newScene(t)
	complete := func() time.Time {
		at, err := s.Complete(t.Context())
		require.NoError(t, err)
		return at
	}
	require.Zero(t, complete(), "nobody was archived")
	run(t, s, s.activities.Expire, people.ExpireInput{})
	require.Zero(t, complete(), "of a run that did not go through everybody")
	first := before().Truncate(time.Second)
	for range 2 { // an activity runs twice
		run(t, s, s.activities.Expire, people.ExpireInput{Run: first})
		require.Equal(t, first, complete())
	}
	for n := range 32 {
		run(t, s, s.activities.Expire, people.ExpireInput{Run: first.Add(time.Duration(n) * time.Minute)})
	}
	require.Equal(t, first.Add(31*time.Minute), complete())
	left, err := os.ReadDir(s.file("runs"))
	require.NoError(t, err)
	require.Len(t, left, 30, "older notes go")
	require.Zero(t, s.expire(t).Strange, "they are no archives")
}
