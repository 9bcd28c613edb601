package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
	"meai/internal/enginetest"
)

// TestTheDataMapKnowsWhatARunningSystemKeeps holds against the data map what no
// declaration tells: labels that libraries make, names in buckets, and the collections
// that workers make at their start.
func TestTheDataMapKnowsWhatARunningSystemKeeps(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	p.tell(t, "My sister moved away and the flat feels empty.")
	s.run(t, "revoke", "api_key", uuid.NewString()) // an act for the ledger

	m, err := datamap.Load()
	require.NoError(t, err)
	knows := func(store string, parts []string) {
		t.Helper()
		known, found := m.Store(store)
		require.True(t, found, store)
		require.NotEmpty(t, parts, store)
		unknown := slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return slices.Contains(known.Names(), part) })
		require.Empty(t, unknown, "write them into activities/privacy/datamap/datamap.yaml, below columns of \"- name: %s\"", store)
	}
	knows("metrics", labelsOf(page(t, base+"/metrics")))
	folder := filepath.Dir(strings.TrimPrefix(strings.TrimSuffix(s.setting("MEAI_LEDGER_BUCKETS"), "?create_dir=true"), "file://"))
	knows("keyring", beginnings(t, filepath.Join(folder, "keyring")))
	knows("ledger", beginnings(t, filepath.Join(folder, "ledger")))
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(collections(t), func(name string) bool { return strings.HasPrefix(name, "Resource_") })
	}, within, 100*time.Millisecond, "the worker makes its edition of the library")
	for _, name := range collections(t) {
		kind, _, _ := strings.Cut(name, "_")
		if _, known := m.Store(kind); !known {
			require.Regexp(t, `^T[0-9a-f]{32}_`, name, "no store of the data map, and no collection of a test")
		}
	}
}

func TestTheDataMapIsShownWithoutConfigurationAndEngines(t *testing.T) {
	nowhere := site{env: []string{"MEAI_CONFIG="}}
	list := nowhere.run(t, "privacy", "map")
	require.Regexp(t, `(?m)^interactions +table +words +consent +2557 days +delete +yes$`, list)
	require.Regexp(t, `(?m)^rate_limits .* 1 day +expire +no$`, list)
	require.Regexp(t, `(?m)^  words_sealed +sealed +what the person wrote$`, nowhere.run(t, "privacy", "map", "interactions"))

	var m datamap.Map
	require.NoError(t, json.Unmarshal([]byte(nowhere.run(t, "privacy", "map", "--json")), &m))
	want, err := datamap.Load()
	require.NoError(t, err)
	require.Equal(t, want.Stores, m.Stores)
	written, err := os.ReadFile("../../docs/data-map.md")
	require.NoError(t, err)
	require.True(t, string(written) == nowhere.run(t, "privacy", "map", "--page"), "docs/data-map.md is not of this data map: make generate")

	refused := nowhere.command("privacy", "map", "nothing")
	said, err := refused.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), `the data map has no store "nothing"`)
}

var label = regexp.MustCompile(`[{,]([a-z_A-Z0-9]+)="`)

// labelsOf are those of a page in Prometheus's format.
func labelsOf(page string) []string {
	var names []string
	for line := range strings.Lines(page) {
		for _, found := range label.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(names, found[1]) {
				names = append(names, found[1])
			}
		}
	}
	return names
}

// beginnings are what names in a bucket begin with: the first folder, or all of it.
func beginnings(t *testing.T, bucket string) []string {
	t.Helper()
	entries, err := os.ReadDir(bucket)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return names
}

// collections are the names of Weaviate's.
func collections(t *testing.T) []string {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cfg.URL+"/v1/schema", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+cfg.APIKey)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	var schema struct{ Classes []struct{ Class string } }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&schema))
	var names []string
	for _, class := range schema.Classes {
		names = append(names, class.Class)
	}
	return names
}
