package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCommittedFilesAreOfThisSpecification(t *testing.T) {
	folder := filepath.Join("..", "..", "deploy", "monitoring")
	committed, err := os.ReadFile(filepath.Join(folder, "slo.yaml"))
	require.NoError(t, err)
	require.True(t, string(committed) == slo(), "make generate")
	files, err := filepath.Glob(filepath.Join(folder, "dashboards", "*"))
	require.NoError(t, err)
	require.Len(t, files, len(dashboards))
	for _, d := range dashboards {
		want, err := d.grafana()
		require.NoError(t, err)
		committed, err := os.ReadFile(filepath.Join(folder, "dashboards", d.id+".json"))
		require.NoError(t, err)
		require.True(t, string(committed) == want, "%s: make generate", d.id)
	}
}

// TestDashboardsAreOfTheFormThatGrafanaReads: what it needs to lay out panels and to ask.
func TestDashboardsAreOfTheFormThatGrafanaReads(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range dashboards {
		text, err := d.grafana()
		require.NoError(t, err)
		var got struct {
			UID, Title    string
			SchemaVersion int
			Templating    struct {
				List []struct{ Name, Type, Query string }
			}
			Panels []struct {
				ID         int
				Type       string
				Title      string
				GridPos    struct{ X, Y, W, H int }
				Datasource struct{ Type, UID string }
				Targets    []struct{ RefID, Expr, LegendFormat string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		require.False(t, uids[got.UID])
		uids[got.UID] = true
		require.LessOrEqual(t, len(got.UID), 40, "Grafana's limit")
		require.Equal(t, "prometheus", got.Templating.List[0].Name, "what panels refer to")
		taken, ids := map[string]bool{}, map[int]bool{}
		for _, p := range got.Panels {
			require.NotEmpty(t, p.Title)
			require.False(t, ids[p.ID])
			ids[p.ID] = true
			at := fmt.Sprint(p.GridPos)
			require.False(t, taken[at], "two panels at one place")
			taken[at] = true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24)
			require.Equal(t, "${prometheus}", p.Datasource.UID)
			require.NotEmpty(t, p.Targets)
			for _, target := range p.Targets {
				require.NotEmpty(t, target.Expr)
				require.NotEmpty(t, target.LegendFormat)
				require.NotEmpty(t, target.RefID)
			}
		}
	}
}

func TestAPictureShowsWhatPrometheusHas(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		require.Equal(t, "/api/v1/query_range", r.URL.Path)
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"store":"a<b","instance":"127.0.0.1:1"},"values":[[%d,"1"],[%d,"3"],[%d,"NaN"]]}]}}`,
			now.Add(-time.Minute).Unix(), now.Add(-30*time.Second).Unix(), now.Unix())
	}))
	defer server.Close()
	d := dashboard{id: "one", panels: []panel{
		{title: "R & D", unit: seconds, queries: one("x", "{{store}} {{instance}}"), limits: []float64{2, 100}},
		{title: "Both", queries: []query{{"y", "left"}, {"z", "right"}}},
	}}
	text, drawn, err := d.picture(t.Context(), server.URL, now)
	require.NoError(t, err)
	require.Equal(t, 2, drawn)
	require.Equal(t, 3, asked)
	require.Equal(t, 3, strings.Count(text, "<path"))
	for _, want := range []string{"R &amp; D", "a&lt;b a process", ">left<", ">right<", ">3 s<", `class="l"`} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 1, strings.Count(text, `class="l"`), "a limit that is far away does not squeeze the lines")
	require.NotContains(t, text, "NaN")
}
