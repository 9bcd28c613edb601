package export_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
	"meai/activities/privacy/export"
	"meai/internal/postgres"
)

var update = flag.Bool("update", false, "write docs/export-schema.json anew")

const publishedSchema = "../../../docs/export-schema.json"

func TestThePublishedSchemaIsThatOfTheTables(t *testing.T) {
	s := newScene(t)
	content, err := export.SchemaOf(t.Context(), s.DB)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(publishedSchema, content, 0o600))
	}
	published, err := os.ReadFile(publishedSchema)
	require.NoError(t, err)
	require.Equal(t, string(published), string(content), "write it anew: go test ./activities/privacy/export -run Schema -update, with a stack")
}

// tables are those with rows of people, and their counts of one person's.
func (s *scene) tables(t *testing.T, subject uuid.UUID) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	require.NoError(t, s.DB.Snapshot(t.Context(), subject, func(ctx context.Context, snapshot *postgres.Snapshot) error {
		for _, table := range snapshot.Tables {
			n, err := snapshot.Count(ctx, table)
			if err != nil {
				return err
			}
			counts[table.Name] = n
		}
		return nil
	}))
	return counts
}

func TestEveryStoreOfTheDataMapIsExportedOrItIsSaidWhyNot(t *testing.T) {
	s := newScene(t)
	m, err := datamap.Load()
	require.NoError(t, err)
	tables, err := s.DB.PersonTables(t.Context())
	require.NoError(t, err)
	covered, left, err := export.Coverage(tables)
	require.NoError(t, err)
	for _, store := range m.Stores {
		inData := slices.ContainsFunc(covered, func(p postgres.PersonTable) bool { return p.Name == store.Name })
		_, inHistory := export.Elsewhere[store.Name]
		said := slices.ContainsFunc(left, func(l export.LeftOut) bool { return strings.HasPrefix(l.What, store.Name+" (") && l.Why != "" })
		switch {
		case !store.Personal():
		case store.Export:
			require.True(t, inData || inHistory, "%s is to be exported, and is in no file", store.Name)
		default:
			require.True(t, said && !inData && !inHistory, "%s is not exported, and it is not said why", store.Name)
		}
	}
	for _, table := range covered {
		_, not := export.NotRestored[table.Name]
		require.NotEqual(t, slices.Contains(export.Restored, table.Name), not, "say of %s whether an import restores it, in restored or notRestored", table.Name)
	}
}

func TestAnExportHoldsEverythingOfOnePersonAndNothingOfAnybodyElse(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t, "Quomirelu"), s.newPerson(t, "Qatoregim")
	k := key(t)
	e := s.exports(t, alice.subject, k)
	file := s.fetch(t, alice.subject, e.ID)
	require.EqualValues(t, len(file), e.Size)
	for _, open := range []string{"Quomirelu", "sessions", alice.subject.String(), "manifest"} {
		require.NotContains(t, string(file), open, "it is encrypted")
	}
	for _, name := range s.files(t) {
		require.NotContains(t, name, alice.subject.String(), "the place does not tell whose it is")
	}
	a := s.open(t, file, k)
	require.Equal(t, alice.subject, a.Manifest.Subject)
	counts := s.tables(t, alice.subject)
	for _, f := range a.Manifest.Files {
		content := text(t, a, f.Name)
		require.NotContains(t, content, "Qatoregim", f.Name)
		require.NotContains(t, content, bob.subject.String(), f.Name)
		require.NotContains(t, content, "_sealed", f.Name)
		require.NotContains(t, content, "_hmac\"", f.Name)
	}
	for table, n := range counts {
		if slices.Contains([]string{"memory_terms", "idempotency_keys"}, table) {
			require.NotContains(t, fmt.Sprint(a.Manifest.Files), "data/"+table)
			continue
		}
		require.Positive(t, n, "the scene writes to %s as well", table)
		require.Len(t, records(t, a, "data/"+table+".json"), int(n), table)
		rows, err := csv.NewReader(strings.NewReader(text(t, a, "csv/"+table+".csv"))).ReadAll()
		require.NoError(t, err, table)
		require.Len(t, rows, int(n)+1, table)
		require.NotContains(t, rows[0], "vector")
	}
	requireDetails(t, a, alice)
}

// requireDetails looks at what only the clear text shows.
func requireDetails(t *testing.T, a *export.Archive, p person) {
	t.Helper()
	nodes := records(t, a, "data/memory_nodes.json")
	byText := map[any]map[string]any{}
	for _, n := range nodes {
		byText[n["text"]] = n
	}
	require.Equal(t, "vault", byText[p.vault]["kind"])
	require.Equal(t, "klara", byText["Klara"]["name"], "what makes her the same one")
	require.Equal(t, "sadness", byText["My "+p.words[0]+" is gone."]["emotion"])
	require.NotEmpty(t, byText["I cried again."]["vector"].(map[string]any)["base64"])
	slots := map[any]any{}
	for _, edge := range records(t, a, "data/memory_edges.json") {
		if edge["relation"] == "fact" {
			slots[edge["label"]] = edge["slot"]
		}
	}
	require.Equal(t, "home", slots["lives in"])
	require.Equal(t, "taste:olives", slots["dislikes"])
	for _, n := range nodes {
		if n["kind"] == "echo" || n["kind"] == "storyline" {
			require.Equal(t, n["details"].(map[string]any)["found"].(map[string]any)["key"], n["name"], "a pattern is found again by its key")
		}
	}
	answered := records(t, a, "data/interactions.json")[0]
	require.Equal(t, "NZ", answered["context"].(map[string]any)["country"], "JSON is JSON, not text")
	require.Equal(t, "memory_vault_accesses", "memory_vault_accesses")

	origins := map[any]map[string]any{}
	for _, o := range records(t, a, "provenance/memories.json") {
		origins[o["memory"]] = o
	}
	require.Len(t, origins, len(nodes))
	gone := byText["My "+p.words[0]+" is gone."]
	require.Equal(t, gone["interaction_id"], origins[gone["id"]]["interaction"])
	require.Equal(t, gone["model"], origins[gone["id"]]["model"])
	require.Contains(t, text(t, a, "provenance/versions.json"), `"vector_models"`)

	var account export.Account
	require.NoError(t, json.Unmarshal([]byte(text(t, a, "history/account.json")), &account))
	require.Equal(t, p.subject, account.Subject)
	acts := map[any]any{}
	for _, act := range records(t, a, "history/audit.json") {
		acts[act["act"]] = act["actor"]
	}
	require.Equal(t, "you", acts["vault.opened"])
	require.Equal(t, "you", acts["export.requested"])
	require.Contains(t, a.Manifest.Attachments, "no files")
	require.Contains(t, text(t, a, "README.txt"), "verify-export")
	require.Contains(t, text(t, a, "csv/filter_feedback.csv"), "'=r", "no formula")
}

func TestEveryFileIsAsTheSchemaSays(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, "Quobemalo")
	k := key(t)
	a := s.open(t, s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID), k)
	published, err := os.ReadFile(publishedSchema)
	require.NoError(t, err)
	require.JSONEq(t, string(published), text(t, a, "schema/export-schema.json"))
	check := func(name, definition string) {
		var root jsonschema.Schema
		require.NoError(t, json.Unmarshal(published, &root))
		require.Contains(t, root.Defs, definition, name)
		root.Ref = "#/$defs/" + definition
		resolved, err := root.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
		require.NoError(t, err)
		var value any
		require.NoError(t, json.Unmarshal([]byte(text(t, a, name)), &value))
		require.NoError(t, resolved.Validate(value), name)
		if list, ok := value.([]any); ok && len(list) > 0 && strings.HasPrefix(name, "data/") {
			list[0].(map[string]any)["more"] = 1
			require.Error(t, resolved.Validate(value), "the schema of %s names every column", name)
		}
	}
	checked := 0
	for _, f := range a.Manifest.Files {
		if f.Schema != "" {
			check(f.Name, strings.TrimPrefix(f.Schema, "schema/export-schema.json#/$defs/"))
			checked++
		}
	}
	require.Greater(t, checked, 15)
}

func TestTheSummaryIsAPageByItself(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, "Quofinadu")
	k := key(t)
	a := s.open(t, s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID), k)
	page := text(t, a, "summary.html")
	require.Contains(t, page, "My Quofinadu is gone.")
	require.Contains(t, page, "&lt;script&gt;", "words are escaped")
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, alice.vault, "the vault stays apart")
	require.Contains(t, page, "<svg")
	require.Contains(t, page, "Klara works at Sonnenhof")
	for _, outside := range []string{"http://", "https://", "src=", "url(", "@import", "<link"} {
		require.NotContains(t, page, outside, "it loads nothing")
	}
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := decoder.Token(); err != nil {
			require.ErrorIs(t, err, io.EOF, "its elements are nested")
			break
		}
	}
}

func TestOnlyTheFormsThatWereAskedForAreWritten(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	a := s.open(t, s.fetch(t, subject, s.exports(t, subject, k, export.HTML).ID), k)
	var names []string
	for _, f := range a.Manifest.Files {
		names = append(names, f.Name)
	}
	require.Contains(t, names, "summary.html")
	require.Contains(t, names, "data/memory_nodes.json", "JSON is always there, and there are empty files of what there is none of")
	require.NotContains(t, fmt.Sprint(names), "csv/")
	require.Empty(t, records(t, a, "data/memory_nodes.json"))
}

func TestAnExportIsOfOneMoment(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, "Quokelipa")
	k := key(t)
	_, in := s.asks(t, alice.subject, k)
	before, during := s.tables(t, alice.subject), false
	slow := *s.Exports
	slow.Store = &hooked{Erasable: s.Store, begun: func() {
		during = true
		s.tells(t, alice, "I said this meanwhile.", nil, "", false)
	}}
	e, err := slow.Write(t.Context(), in, nil)
	require.NoError(t, err)
	require.True(t, during)
	a := s.open(t, s.fetch(t, alice.subject, e.ID), k)
	require.Len(t, records(t, a, "data/interactions.json"), int(before["interactions"]))
	require.NotContains(t, text(t, a, "data/interactions.json"), "meanwhile")
	require.WithinDuration(t, time.Now(), a.Manifest.TakenAt, time.Minute)
}

// rowsOf counts rows as the owner of the tables.
func rowsOf(t *testing.T, conn *pgx.Conn, subject uuid.UUID, table string) (n int) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", subject.String())
	require.NoError(t, err)
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from "+table).Scan(&n))
	return n
}
