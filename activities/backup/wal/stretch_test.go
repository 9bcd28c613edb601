package wal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/internal/custody"
)

func TestADataKeyIsUsedForADayAtMost(t *testing.T) {
	_, first, err := custody.NewIdentity()
	require.NoError(t, err)
	_, second, err := custody.NewIdentity()
	require.NoError(t, err)
	to, err := custody.ParseRecipients("anna="+first+" bo="+second, "")
	require.NoError(t, err)
	r, err := repository.Open(t.Context(), "file://"+t.TempDir(), nil)
	require.NoError(t, err)
	s := &stretch{repository: r, to: to}
	key, err := s.key(t.Context())
	require.NoError(t, err)
	again, err := s.key(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, again)
	s.since = time.Now().Add(-24 * time.Hour)
	next, err := s.key(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, key, next)
}

func TestSynchronousStandbysAreRecognised(t *testing.T) {
	for setting, want := range map[string]bool{
		"": false, "meai_archive": true, "ANY 1 (meai_archive)": true, `FIRST 2 (a, "meai_archive")`: true, "*": true, "Meai_Archive": true,
		"meai_archive2": false, "ANY 1 (a, b)": false,
	} {
		require.Equal(t, want, names(setting, DefaultName), setting)
	}
}
