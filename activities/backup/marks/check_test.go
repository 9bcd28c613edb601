package marks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/marks"
	"meai/internal/pgserver"
)

func (c *cluster) restored(mayLack bool) marks.Restored {
	return marks.Restored{
		Binaries: c.binaries, Account: c.account, Product: "meai", Temporal: "temporal", MayLack: mayLack,
		URL: func(database string) string { return c.URL(pgserver.Superuser, database) },
	}
}

// remember gives a person a small graph: two entities, a fact between them, the turn that
// it rests on.
func remember(t *testing.T, super *pgx.Conn) (from, to, turn, edge uuid.UUID) {
	t.Helper()
	subject := uuid.New()
	from, to, turn, edge = uuid.New(), uuid.New(), uuid.New(), uuid.New()
	run(t, super, `insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, text_sealed, terms_version, importance, said_at)
		select $1, unnest($2::uuid[]), unnest(array['entity', 'entity', 'turn']), gen_random_uuid(), gen_random_uuid(), '\x00', '1', 0.5, now()`,
		subject, []uuid.UUID{from, to, turn})
	run(t, super, `insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from, label_sealed, slot_hmac)
		values ($1, $2, $3, $4, 'fact', now(), '\x00', sha256(''))`, subject, edge, from, to)
	run(t, super, "insert into memory_evidence (subject_id, edge_id, turn_id) values ($1, $2, $3)", subject, edge, turn)
	return from, to, turn, edge
}

func TestAWholeServerHasNoProblemsAndSaysWhatItLacks(t *testing.T) {
	c := newCluster(t)
	remember(t, connect(t, c.URL(pgserver.Superuser, "meai")))
	found, problems, err := marks.Check(t.Context(), c.restored(true))
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, map[string]string{
		"corruptions": "0", "memory_nodes": "3", "memory_edges": "1", "memory_evidence": "1", "histories": "absent", "events": "absent",
	}, found)

	_, problems, err = marks.Check(t.Context(), c.restored(false))
	require.NoError(t, err)
	require.Equal(t, []string{"Temporal: its tables are not there"}, problems)
	other := c.restored(false)
	other.Product = "postgres"
	found, problems, err = marks.Check(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, []string{"the memory graph: its tables are not there", "Temporal: its tables are not there"}, problems)
	require.Equal(t, "absent", found["memory_nodes"])
}

func TestWhatTheGraphLostIsNamed(t *testing.T) {
	c := newCluster(t)
	super := connect(t, c.URL(pgserver.Superuser, "meai"))
	for range 2 {
		from, _, turn, _ := remember(t, super)
		_, to, _, _ := remember(t, super)
		// As a damaged table would lose it: nothing that PostgreSQL does of itself follows.
		run(t, super, "set session_replication_role = replica")
		run(t, super, "delete from memory_nodes where id = any($1)", []uuid.UUID{from, to, turn})
		run(t, super, "reset session_replication_role")
	}
	_, _, _, edge := remember(t, super)
	run(t, super, "set session_replication_role = replica")
	run(t, super, "delete from memory_edges where id = $1", edge)
	_, problems, err := marks.Check(t.Context(), c.restored(true))
	require.NoError(t, err)
	require.Equal(t, []string{
		"table memory_edges: 2 rows whose from_id is not in memory_nodes",
		"table memory_edges: 2 rows whose to_id is not in memory_nodes",
		"table memory_evidence: 1 rows whose edge_id is not in memory_edges",
		"table memory_evidence: 2 rows whose turn_id is not in memory_nodes",
	}, problems)
}

// damage changes a few bytes in the second page of a relation's file.
func (c *cluster) damage(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(c.data(), file)
	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Greater(t, len(contents), 2*8192)
	copy(contents[8192+4000:], bytes.Repeat([]byte{0xa5}, 16))
	require.NoError(t, os.WriteFile(path, contents, 0o600)) // its owner stays
}

func TestCorruptTablesAndIndexesAreNamed(t *testing.T) {
	c := newCluster(t)
	super := connect(t, c.URL(pgserver.Superuser, "meai"))
	run(t, super, "insert into subjects (id) select gen_random_uuid() from generate_series(1, 2000)")
	run(t, super, "insert into resource_links (resource, url, state, code, since, in_a_row, checked_at) select n::text, 'words', 'ok', '', now(), 1, now() from generate_series(1, 2000) n")
	table := query[string](t, super, "select pg_relation_filepath('subjects')")
	index := query[string](t, super, "select pg_relation_filepath('resource_links_pkey')")
	// A row that its index knows nothing of.
	run(t, super, "update pg_index set indisready = false where indexrelid = 'settings_pkey'::regclass")
	run(t, super, "insert into settings values ('confidential', 'words')")
	run(t, super, "update pg_index set indisready = true where indexrelid = 'settings_pkey'::regclass")
	require.NoError(t, super.Close(t.Context()))
	require.NoError(t, c.Stop())
	c.damage(t, table)
	c.damage(t, index)
	c.start(t, nil)

	found, problems, err := marks.Check(t.Context(), c.restored(true))
	require.NoError(t, err)
	require.Len(t, problems, 5, problems)
	require.Equal(t, "5", found["corruptions"])
	require.ElementsMatch(t, []string{
		`heap table "meai.public.subjects": invalid page in block 1 of relation ` + table,
		`btree index "meai.public.subjects_pkey": invalid page in block 1 of relation ` + table,
		`btree index "meai.public.subjects_alias_key": invalid page in block 1 of relation ` + table,
		`btree index "meai.public.resource_links_pkey": invalid page in block 1 of relation ` + index,
		`btree index "meai.public.settings_pkey": heap tuple (0,1) from table "settings" lacks matching index tuple within index "settings_pkey"`,
	}, problems)
}

func TestAServerThatIsAwayIsAnErrorNoProblem(t *testing.T) {
	c := newCluster(t)
	r := c.restored(true)
	c.Kill()
	_, problems, err := marks.Check(t.Context(), r)
	require.ErrorContains(t, err, "pg_amcheck")
	require.Empty(t, problems)
}
