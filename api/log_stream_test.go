package api_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/api"
)

// Whoever is turned away is for the log that is kept apart, and nobody else.
func TestRefusalsAreForTheLogOfSecurity(t *testing.T) {
	var log bytes.Buffer
	p := newSite(t, func(o *api.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }).person()
	p.begin(t)
	p.do(t, get("/v1/audit/entries"))                                  // 403
	p.do(t, get("/v1/me").with("Authorization", "Bearer of-somebody")) // 401
	p.do(t, get("/nowhere"))                                           // 404
	streams := map[float64]any{}
	for line := range bytes.Lines(log.Bytes()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields))
		if fields["msg"] == "request" {
			streams[fields["status"].(float64)] = fields["stream"]
		}
	}
	require.Equal(t, map[float64]any{
		http.StatusCreated: nil, http.StatusForbidden: "security", http.StatusUnauthorized: "security", http.StatusNotFound: nil,
	}, streams)
}
