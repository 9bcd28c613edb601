package datamap_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"meai/activities/backup/copies"
	"meai/activities/backup/people"
	"meai/activities/privacy/datamap"
	"meai/internal/cluster"
	"meai/internal/config"
	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/telemetry"
	"meai/internal/vectors"
)

func load(t *testing.T) datamap.Map {
	t.Helper()
	m, err := datamap.Load()
	require.NoError(t, err)
	return m
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// tables are those of schema public with their columns; partitions are their parent's, and
// a view that is not kept holds nothing.
func tables(t *testing.T, conn *pgx.Conn) datamap.Found {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		select c.relname, array_agg(a.attname::text order by a.attnum) from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and c.relnamespace = 'public'::regnamespace
		group by c.relname`)
	require.NoError(t, err)
	found := datamap.Found{}
	var name string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&name, &columns}, func() error {
		found[name], columns = columns, nil
		return nil
	})
	require.NoError(t, err)
	return found
}

func TestEveryTableAndColumnIsInTheMap(t *testing.T) {
	urls := enginetest.EmptyDatabase(t, true)
	require.NoError(t, load(t).Compare(datamap.Table, tables(t, connect(t, urls.Owner))))
}

func TestASchemaThatGoesItsOwnWayIsTold(t *testing.T) {
	urls := enginetest.EmptyDatabase(t, true)
	owner := connect(t, urls.Owner)
	for _, statement := range []string{
		"alter table memory_nodes add column mood_sealed bytea",
		"alter table sessions drop column device_sealed",
		"create table dreams (subject_id uuid not null, id uuid not null, words text) partition by hash (subject_id)",
		"select meai_shard('dreams')",
		"create materialized view openings as select subject_id, opened_at from memory_vault_openings",
	} {
		_, err := owner.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	err := load(t).Compare(datamap.Table, tables(t, owner))
	for _, want := range []string{
		"table memory_nodes has mood_sealed, which the data map does not know",
		"table sessions has no device_sealed, which the data map knows",
		"there is a table dreams that the data map does not know", "      words: …, one of sealed, blinded",
		"there is a table openings that the data map does not know",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "dreams_h0", "a partition is its parent")
	require.Equal(t, 4, strings.Count(err.Error(), "data map"), "nothing else differs")
}

func TestWhatIsSealedIsSealedAnewWithNewKeys(t *testing.T) {
	var sealed, known []string
	for _, s := range load(t).Of(datamap.Table) {
		if s.Person != "subject_id" {
			continue // under the system's key, which does not retire
		}
		for _, column := range s.Of(datamap.Sealed) {
			sealed = append(sealed, s.Name+"."+column)
		}
	}
	for _, c := range postgres.SealedColumns {
		known = append(known, c.Table+"."+c.Column)
	}
	require.ElementsMatch(t, known, sealed)
}

// ofTests are collections that tests of other packages make for a moment.
var ofTests = regexp.MustCompile(`^T[0-9a-f]{32}_`)

// collections are Weaviate's, with their properties and named vectors; editions of a
// catalogue are one.
func collections(t *testing.T) datamap.Found {
	t.Helper()
	var schema struct {
		Classes []struct {
			Class        string
			Properties   []struct{ Name string }
			VectorConfig map[string]any
		}
	}
	weaviate(t, http.MethodGet, "/v1/schema", &schema)
	found := datamap.Found{}
	for _, class := range schema.Classes {
		if ofTests.MatchString(class.Class) {
			continue
		}
		name, _, _ := strings.Cut(class.Class, "_")
		add := func(part string) {
			if !slices.Contains(found[name], part) {
				found[name] = append(found[name], part)
			}
		}
		for _, p := range class.Properties {
			add(p.Name)
		}
		for vector := range class.VectorConfig {
			add(vector)
		}
	}
	return found
}

func weaviate(t *testing.T, method, path string, into any) {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	request, err := http.NewRequestWithContext(context.Background(), method, cfg.URL+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+cfg.APIKey)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s %s", method, path)
	if into != nil {
		require.NoError(t, json.NewDecoder(answer.Body).Decode(into))
	}
}

func TestEveryCollectionAndPropertyIsInTheMap(t *testing.T) {
	cfg := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: cfg.URL, APIKey: cfg.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	edition := strings.ReplaceAll(uuid.NewString(), "-", "")
	require.NoError(t, index.EnsureCatalogue(t.Context(), vectors.Catalogue{Name: "Resource", Edition: edition},
		[]vectors.Item{{Key: "one", Labels: []string{"label"}, Amount: 1, Vector: []float32{1, 0}}}))
	t.Cleanup(func() { weaviate(t, http.MethodDelete, "/v1/schema/Resource_"+edition, nil) })

	found := collections(t)
	require.NoError(t, load(t).Compare(datamap.Collection, found))
	found["Memory"] = append(found["Memory"], "mood")
	require.ErrorContains(t, load(t).Compare(datamap.Collection, found), "collection Memory has mood, which the data map does not know")
}

func declaration(t *testing.T) cluster.Declaration {
	t.Helper()
	d, err := cluster.Load("../../../temporal.yaml")
	require.NoError(t, err)
	return d
}

func TestEverySearchAttributeAndScheduleIsInTheMap(t *testing.T) {
	namespace := "datamap-" + uuid.NewString()[:8]
	temporal, err := client.NewLazyClient(client.Options{HostPort: enginetest.Config(t).Temporal.Address, Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	declared := declaration(t)
	schedules := slices.Collect(maps.Keys(declared.Schedules))
	declared.Schedules = nil // none of them is to run
	_, err = cluster.Applier{Client: temporal, Namespace: namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	listed, err := temporal.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	require.NoError(t, err)
	attributes := slices.Concat(slices.Collect(maps.Keys(listed.GetSystemAttributes())), slices.Collect(maps.Keys(listed.GetCustomAttributes())))
	require.Subset(t, attributes, slices.Collect(maps.Keys(declared.SearchAttributes)))

	m := load(t)
	require.NoError(t, m.Compare(datamap.Visibility, datamap.Found{"temporal.visibility": attributes}))
	require.NoError(t, m.Compare(datamap.Schedules, datamap.Found{"temporal.schedules": schedules}))
	require.ErrorContains(t, m.Compare(datamap.Visibility, datamap.Found{"temporal.visibility": append(attributes, "MeaiMood")}), "has MeaiMood, which the data map does not know")
}

// leads tells settings that hold an address or a secret, or name a bucket or folder.
var (
	addresses = regexp.MustCompile(`\b(uri|url|postgres|redis)\b`)
	places    = regexp.MustCompile(`(?i)^(further )?(buckets?|folders?)\b`)
)

func TestEverySettingThatLeadsSomewhereIsInTheMap(t *testing.T) {
	var leading, known []string
	for _, key := range config.Keys() {
		known = append(known, key.Path)
		if key.Secret || addresses.MatchString(key.Rule) || places.MatchString(key.Doc) {
			leading = append(leading, key.Path)
		}
	}
	require.Subset(t, leading, []string{"keyring.bucket", "keyring.replicas", "ledger.buckets", "backup.scratch", "limits.redis_url", "privacy.exports"})
	require.NoError(t, load(t).CompareSettings(leading, known))
}

func TestEveryLogKeyAndSpanAttributeIsInTheMap(t *testing.T) {
	m := load(t)
	require.NoError(t, m.Compare(datamap.Logs, datamap.Found{"logs": telemetry.LogKeys()}))
	require.NoError(t, m.Compare(datamap.Traces, datamap.Found{"traces": telemetry.SpanAttributes()}))
}

func TestRetentionsAreThoseThatAreEnforcedAndAskedFor(t *testing.T) {
	m := load(t)
	for name, days := range map[string]int{
		// The requirements' tables.
		"application_logs": 30, "security_logs": 366, "register": 1096, "metrics": 90, "activity": 90, "user_data": 2557, "backups": 30, "copies": 90,
		"histories": int(declaration(t).Namespace.Retention / (24 * time.Hour)),
	} {
		r, found := m.Retention(name)
		require.True(t, found, name)
		require.Equal(t, days, r.Days, name)
	}
	until := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	userData, _ := m.Retention("user_data")
	require.Equal(t, until.AddDate(people.Years, 0, 0), until.AddDate(0, 0, userData.Days), "an archive is kept as long")
	removed, _ := m.Retention("copies")
	require.Equal(t, copies.KeptFor, time.Duration(removed.Days)*24*time.Hour)
	for key, name := range map[string]string{"backup.keep": "backups", "privacy.export_lifetime": "exports"} {
		r, _ := m.Retention(name)
		keys := config.Keys()
		setting := keys[slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == key })]
		kept, err := time.ParseDuration(setting.Default)
		require.NoError(t, err)
		require.Equal(t, time.Duration(r.Days)*24*time.Hour, kept, key)
	}
}
