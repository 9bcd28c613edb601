package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
)

// TestATimelineWithoutItsHistoryIsNotComplete looks at names alone: recovery to a later
// timeline than the first asks for its history, also when the backup is of that timeline.
func TestATimelineWithoutItsHistoryIsNotComplete(t *testing.T) {
	r, err := repository.Open(t.Context(), "file://"+t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	source := wal.Source{System: "7712733875448307320", SegmentSize: 1 << 24}
	check := func(timeline uint32) (wal.Report, error) {
		return wal.Check(t.Context(), r, source, wal.Position{Timeline: timeline, LSN: 0x4000028}, wal.Position{Timeline: timeline, LSN: 0x5000000}, wal.CheckOptions{})
	}
	put := func(name string) {
		require.NoError(t, r.Store().Create(t.Context(), "wal/"+source.System+"/"+name, []byte("x")))
	}
	put("00000001/000000010000000000000004.0123456789abcdef")
	put("00000002/000000020000000000000004.0123456789abcdef")
	_, err = check(1)
	require.NoError(t, err, "the first timeline has none")

	report, err := check(2)
	require.ErrorIs(t, err, wal.ErrIncomplete)
	require.Len(t, report.Problems, 1)
	require.Equal(t, wal.Missing, report.Problems[0].Class)
	require.Equal(t, "00000002.history", report.Problems[0].First)

	put("00000002/00000002.history.00000001.0000000003000000.0123456789abcdef")
	_, err = check(2)
	require.NoError(t, err)
}
