package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	require.NoError(t, probe(server.URL+"/readyz"))
	require.ErrorContains(t, probe(server.URL+"/broken"), "answers 503")
	server.Close()
	require.ErrorContains(t, probe(server.URL+"/readyz"), "refused")
	require.ErrorContains(t, probe(":"), "make the request")
}
