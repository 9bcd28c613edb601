package postgres_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// statementsOf are the SQL texts that sqlc generated from the files that match, by name.
func statementsOf(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("queries", pattern))
	require.NoError(t, err)
	found := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if text, ok := spec.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
				found[spec.Names[0].Name], err = strconv.Unquote(text.Value)
				require.NoError(t, err)
			}
			return true
		})
	}
	return found
}

// sample is a value of each type that the statements take.
var sample = map[string]string{
	"uuid[]": "array[$ID]", "timestamp with time zone": "now()", "timestamp with time zone[]": "array[now()]", "text": "'turn'", "text[]": "array['turn']",
	"integer": "10", "integer[]": "array[10]", "bigint": "10", "bigint[]": "array[10::bigint]", "bytea": `'\x00'`, "bytea[]": `array['\x00'::bytea]`, "real": "0.5", "double precision": "0.5", "double precision[]": "array[0.5::float8]",
	"real[]": "array[0.5::real]", "boolean": "true", "jsonb": "'[]'",
}

// scanned finds the partitions that a plan reads.
var scanned = regexp.MustCompile(`(?:Seq Scan|Scan using \S+|Bitmap Heap Scan) on (\w+?_h(\d))\b`)

// conditions finds by what an index is searched.
var conditions = regexp.MustCompile(`Index Cond: \((.*)\)`)

// wholePerson are the statements that go through all of a person's rows of a table, because
// that is what they are for.
var wholePerson = map[string]bool{
	// At night, once for each person.
	"memoriesToIndex": true, "countIndexed": true, "patternEdges": true,
	// Bounded counts, and partial indexes that hold little.
	"termFrequencies": true, "candidateMemories": true, "takenBack": true, "factsClosedBy": true, "countQueuedLines": true, "unfinishedForgettings": true,
	// When something is forgotten.
	"deleteVaultItem": true, "forgetWrites": true, "forgetMoods": true, "forgottenFacts": true, "leftOver": true,
}

// remembering gives a person some ten thousand memories.
func remembering(t *testing.T, owner *pgx.Conn, subject uuid.UUID) {
	t.Helper()
	exec(t, owner, "select set_config('app.subject', $1, false)", subject.String())
	for _, statement := range []string{
		`insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, text_sealed, terms_version, importance, said_at, origin)
		 select $1, md5('n' || n)::uuid, case when n % 10 = 0 then 'marker' else 'turn' end, md5('i' || n)::uuid, md5('s' || n / 20)::uuid, '\x00', '1', 0.5, now() - n * interval '1 hour', 'told'
		 from generate_series(1, 10000) n`,
		`insert into memory_nodes (subject_id, id, kind, name_hmac, name_version, text_sealed, terms_version, importance, said_at)
		 select $1, md5('e' || n)::uuid, 'entity', sha256(n::text::bytea), '1', '\x00', '1', 0.5, now() from generate_series(1, 500) n`,
		`insert into memory_terms (subject_id, term, node_id) select $1, (n * 31 + k * 7) % 3000, md5('n' || n)::uuid from generate_series(1, 10000) n, generate_series(1, 5) k on conflict do nothing`,
		`insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from)
		 select $1, md5('a' || n)::uuid, md5('n' || n)::uuid, md5('e' || 1 + n % 500)::uuid, 'about', now() from generate_series(1, 10000) n`,
		`insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from)
		 select $1, md5('f' || n)::uuid, md5('n' || n)::uuid, md5('n' || n - 1)::uuid, 'follows', now() from generate_series(2, 10000) n`,
		`insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from, label_sealed, slot_hmac)
		 select $1, md5('k' || n)::uuid, md5('e' || n)::uuid, md5('e' || 1 + n % 500)::uuid, 'fact', now(), '\x00', sha256((n % 9)::text::bytea) from generate_series(1, 499) n`,
		`insert into memory_evidence (subject_id, edge_id, turn_id) select $1, md5('k' || n)::uuid, md5('n' || n)::uuid from generate_series(1, 499) n`,
	} {
		exec(t, owner, statement, subject)
	}
	exec(t, owner, "analyze memory_nodes, memory_terms, memory_edges, memory_evidence")
}

// TestEveryStatementOnMemoryFindsItsRowsByAnIndexOfOnePartition explains all statements of
// the memory graph as the application runs them, for somebody who has told a lot.
func TestEveryStatementOnMemoryFindsItsRowsByAnIndexOfOnePartition(t *testing.T) {
	_, urls, alice := newPerson(t)
	remembering(t, connect(t, urls.Owner), alice)
	conn := connect(t, urls.App)
	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	exec(t, conn, "set plan_cache_mode = force_custom_plan")
	statements := statementsOf(t, "memory*.sql.go")
	require.Greater(t, len(statements), 60)
	id := "'" + alice.String() + "'::uuid"
	for name, text := range statements {
		t.Run(name, func(t *testing.T) {
			exec(t, conn, "prepare explained as "+text)
			defer exec(t, conn, "deallocate explained")
			types := query[string](t, conn, "select unnest(parameter_types)::text from pg_prepared_statements where name = 'explained'")
			values := make([]string, len(types))
			for i, kind := range types {
				value, known := sample[kind]
				if kind == "uuid" {
					value, known = id, true
				}
				require.True(t, known, "a sample of %s", kind)
				values[i] = strings.ReplaceAll(value, "$ID", id)
			}
			call := "explain (costs off) execute explained"
			if len(values) > 0 {
				call += "(" + strings.Join(values, ", ") + ")"
			}
			plan := strings.Join(query[string](t, conn, call), "\n")
			partitions := map[string]bool{}
			for _, scan := range scanned.FindAllStringSubmatch(plan, -1) {
				partitions[scan[2]] = true
			}
			require.LessOrEqual(t, len(partitions), 1, fmt.Sprintf("one partition of each table:\n%s", plan))
			if wholePerson[name] {
				return
			}
			require.NotContains(t, plan, "Seq Scan on memory_", plan)
			for _, condition := range conditions.FindAllStringSubmatch(plan, -1) {
				require.Contains(t, condition[1], " AND ", "by more than the person:\n%s", plan)
			}
		})
	}
}
