package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/api"
)

func TestPreferredWait(t *testing.T) {
	require.Zero(t, api.PreferredWait(nil))
	for header, want := range map[string]time.Duration{
		"":                                    0,
		"wait=5":                              5 * time.Second,
		"Wait = 5":                            5 * time.Second,
		`wait="5"`:                            5 * time.Second,
		"respond-async, wait=10":              10 * time.Second,
		"wait=10;foo=bar":                     10 * time.Second,
		"wait=3, wait=9":                      3 * time.Second,
		"wait=61":                             time.Minute,
		"wait=2147483647":                     time.Minute,
		"wait=99999999999999999999":           0,
		"wait=0":                              0,
		"wait=-1":                             0,
		"wait=1.5":                            0,
		"wait":                                0,
		"waiting=5":                           0,
		`note="quick, wait=5, please"`:        0,
		`note="quick, wait=5, please",wait=7`: 7 * time.Second,
		`note="never closed, wait=5`:          0,
	} {
		require.Equal(t, want, api.PreferredWait(&header), "%q", header)
	}
}
