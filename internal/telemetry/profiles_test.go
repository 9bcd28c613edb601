package telemetry

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreServedOnLoopbackAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:6060", "192.0.2.1:6060", ":6060", "meai.example:6060", "none"} {
		_, err := Profiles(t.Context(), address)
		require.Error(t, err, address)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	ctx, cancel := context.WithCancel(t.Context())
	done, err := Profiles(ctx, address)
	require.NoError(t, err)
	for path, status := range map[string]int{"/debug/pprof/heap": http.StatusOK, "/debug/pprof/goroutine?debug=1": http.StatusOK, "/": http.StatusNotFound} {
		got, err := http.Get("http://" + address + path)
		require.NoError(t, err)
		body, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		require.Equal(t, status, got.StatusCode, path)
		require.NotEmpty(t, body)
	}
	cancel()
	<-done
	_, err = http.Get("http://" + address + "/debug/pprof/heap")
	require.Error(t, err)
}
