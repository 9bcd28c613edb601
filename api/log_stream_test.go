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
	refused(t, p.do(t, get("/v1/audit/checkpoint")), http.StatusForbidden, "forbidden")
	refused(t, p.do(t, get("/v1/audit/checkpoint").with("Authorization", "")), http.StatusUnauthorized, "unauthenticated")
	refused(t, p.do(t, get("/nowhere")), http.StatusNotFound, "no_such_route")
	streams := map[float64]any{}
	for line := range bytes.Lines(log.Bytes()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields))
		if fields["msg"] == "request" {
			streams[fields["status"].(float64)] = fields["stream"]
			for key := range fields {
				require.Contains(t, []string{"time", "level", "msg", "method", "route", "status", "bytes", "ms", "request_id", "stream"}, key,
					"a line that may be kept for a year names no person")
			}
		}
	}
	require.Equal(t, map[float64]any{
		http.StatusCreated: nil, http.StatusForbidden: "security", http.StatusUnauthorized: "security", http.StatusNotFound: nil,
	}, streams)
}
