package promserver_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/promserver"
)

func TestAPrometheusIsAsked(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yaml")
	require.NoError(t, os.WriteFile(config, []byte("global: {evaluation_interval: 100ms}\n"), 0o600))
	s, err := promserver.Prometheus(t.Context(), config, filepath.Join(dir, "data"))
	require.NoError(t, err)
	defer s.Stop()
	got, err := promserver.Query(t.Context(), s.URL, `label_replace(vector(1.5), "of", "test", "", "")`)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, map[string]string{"of": "test"}, got[0].Labels)
	require.InDelta(t, 1.5, got[0].Points[0].Value, 0)
	now := time.Now()
	over, err := promserver.QueryRange(t.Context(), s.URL, "vector(time())", now.Add(-10*time.Second), now, time.Second)
	require.NoError(t, err)
	require.Len(t, over[0].Points, 11)
	require.InDelta(t, float64(over[0].Points[3].At.UnixMilli())/1000, over[0].Points[3].Value, 0.002)
	_, err = promserver.Query(t.Context(), s.URL, "sum(")
	require.ErrorContains(t, err, "sum(")
}

func TestWhatIsWrongWithAConfigurationIsSaid(t *testing.T) {
	config := filepath.Join(t.TempDir(), "alertmanager.yaml")
	require.NoError(t, os.WriteFile(config, []byte("route: {receiver: nobody}\n"), 0o600))
	_, err := promserver.Alertmanager(t.Context(), config, filepath.Join(filepath.Dir(config), "data"))
	require.ErrorContains(t, err, "nobody")
	_, err = promserver.Find("no such program")
	require.ErrorIs(t, err, promserver.ErrNotInstalled)
}
