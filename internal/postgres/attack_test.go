package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func TestWithoutASubjectNoRowIsSeenOrWritten(t *testing.T) {
	db, urls, alice := newPerson(t)
	session := newSession(t, db, alice)
	for name, role := range map[string]string{"application": urls.App, "reader": urls.Reader, "owner": urls.Owner} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, role)
			for _, table := range personTables(t, conn) {
				require.Equal(t, []int64{0}, query[int64](t, conn, "select count(*) from "+table), table)
			}
			require.Empty(t, query[string](t, conn, "select id::text from sessions where subject_id = $1", alice))
		})
	}
	conn := connect(t, urls.App)
	_, err := conn.Exec(t.Context(), "insert into sessions (subject_id, id, created_at, expires_at) values ($1, $2, now(), now())", alice, uuid.New())
	requireRefused(t, err, insufficientPrivilege)
	tag, err := conn.Exec(t.Context(), "update sessions set ended_at = now() where id = $1", session)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
}

func TestASubjectSeesItsOwnRowsOnly(t *testing.T) {
	db, urls, alice := newPerson(t)
	bob := newSubject(t, db)
	session := newSession(t, db, alice)
	conn := connect(t, urls.App)
	count := "select count(*) from sessions"

	exec(t, conn, "select set_config('app.subject', $1, false)", bob.String())
	require.Equal(t, []int64{0}, query[int64](t, conn, count))
	_, err := conn.Exec(t.Context(), "insert into sessions (subject_id, id, created_at, expires_at) values ($1, $2, now(), now())", alice, uuid.New())
	requireRefused(t, err, insufficientPrivilege)

	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	require.Equal(t, []int64{1}, query[int64](t, conn, count))
	_, err = conn.Exec(t.Context(), "update sessions set subject_id = $1 where id = $2", bob, session)
	requireRefused(t, err, insufficientPrivilege)

	exec(t, conn, "select set_config('app.subject', '', false)")
	require.Equal(t, []int64{0}, query[int64](t, conn, count), "the empty text is no subject")
}

func TestATransactionLeavesNoSubjectBehind(t *testing.T) {
	db, urls, alice := newPerson(t)
	newSession(t, db, alice)
	one, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App, MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(one.Close)

	uses := map[string]func(context.Context, uuid.UUID, func(context.Context, *queries.Queries) error) error{
		"write": one.Write, "write hint": one.WriteHint, "read": one.Read,
	}
	for name, use := range uses {
		for outcome, result := range map[string]error{"committed": nil, "rolled back": context.Canceled} {
			t.Run(name+" "+outcome, func(t *testing.T) {
				err := use(t.Context(), alice, func(context.Context, *queries.Queries) error { return result })
				require.ErrorIs(t, err, result)
				var seen int
				require.NoError(t, one.Pool().QueryRow(t.Context(), "select count(*) from sessions").Scan(&seen))
				require.Zero(t, seen)
				var synchronous string
				require.NoError(t, one.Pool().QueryRow(t.Context(), "show synchronous_commit").Scan(&synchronous))
				require.Equal(t, "on", synchronous)
			})
		}
	}
}

func TestTheBackDoorsOfPartitionsAreShut(t *testing.T) {
	_, urls, alice := newPerson(t)
	owner := connect(t, urls.Owner)
	for _, table := range personTables(t, owner) {
		partitions := partitionsOf(t, owner, table)
		require.NotEmpty(t, partitions, "%s must be partitioned", table)
		for role, url := range map[string]string{"application": urls.App, "reader": urls.Reader} {
			conn := connect(t, url)
			exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
			for _, partition := range partitions[:2] {
				_, err := conn.Exec(t.Context(), "select from "+partition)
				requireRefused(t, err, insufficientPrivilege)
			}
			granted := query[string](t, owner, `
				select p.relid::text from pg_partition_tree($1::text::regclass) p, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as privilege
				where p.relid <> $1::text::regclass and has_table_privilege($2, p.relid, privilege)`, table, roleOf(role))
			require.Empty(t, granted)
		}
	}
}

func roleOf(name string) string {
	return map[string]string{"application": "meai_app", "reader": "meai_reader"}[name]
}

// deletedByRow are the tables of what a person can have forgotten.
var deletedByRow = map[string]bool{
	"memory_nodes": true, "memory_terms": true, "memory_edges": true, "memory_evidence": true,
}

func TestEveryTableOfPeopleIsGuarded(t *testing.T) {
	_, urls, _ := newPerson(t)
	owner := connect(t, urls.Owner)
	for _, table := range personTables(t, owner) {
		t.Run(table, func(t *testing.T) {
			require.Equal(t, []bool{true}, query[bool](t, owner,
				"select relrowsecurity and relforcerowsecurity from pg_class where oid = $1::text::regclass", table), "row-level security is forced")
			require.Equal(t, []int64{1}, query[int64](t, owner,
				"select count(*) from pg_policy where polrelid = $1::text::regclass", table))
			require.Empty(t, query[string](t, owner, `
				select relid::text from pg_partition_tree($1::text::regclass) join pg_class on oid = relid where not relrowsecurity`, table),
				"a partition without row-level security")
			require.Equal(t, []string{"subject_id"}, query[string](t, owner, `
				select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
				where i.indrelid = $1::text::regclass and i.indisprimary`, table), "the key begins with the subject")
			require.Equal(t, []bool{deletedByRow[table]}, query[bool](t, owner,
				"select has_table_privilege('meai_app', $1::text, 'delete')", table), "delete")
			for _, privilege := range []string{"truncate", "references", "trigger"} {
				require.Equal(t, []bool{false}, query[bool](t, owner,
					"select has_table_privilege('meai_app', $1::text, $2)", table, privilege), privilege)
			}
			for _, privilege := range []string{"insert", "update", "delete", "truncate"} {
				require.Equal(t, []bool{false}, query[bool](t, owner,
					"select has_table_privilege('meai_reader', $1::text, $2)", table, privilege), privilege)
			}
		})
	}
}

func TestTheApplicationCannotChangeTheSchema(t *testing.T) {
	// Rights on the database itself come from the migration, not from the copy
	// that other tests use.
	urls := enginetest.EmptyDatabase(t, false)
	require.NoError(t, postgres.Migrate(t.Context(), urls.Owner, enginetest.Logger(t)))
	for name, url := range map[string]string{"application": urls.App, "reader": urls.Reader} {
		conn := connect(t, url)
		// A session may undo the reader's read-only default, so rights alone must hold.
		exec(t, conn, "set default_transaction_read_only = off")
		for _, statement := range []string{
			"create table loot (words text)",
			"create temporary table loot (words text)",
			"create schema loot",
			"create function loot() returns int language sql as 'select 1'",
			"alter table sessions disable row level security",
			"drop policy own_subject on sessions",
			"alter table subjects disable trigger all",
			"select meai_protect('sessions')",
			"select meai_shard('sessions')",
			"truncate sessions",
			"delete from subjects",
			"insert into time_partitioned values ('x')",
			"update settings set value = 'x'",
			"set role meai_owner",
		} {
			t.Run(name+": "+statement, func(t *testing.T) {
				_, err := conn.Exec(t.Context(), statement)
				requireRefused(t, err, insufficientPrivilege)
			})
		}
	}
}

func TestASubjectsStateGoesOneWay(t *testing.T) {
	_, urls, alice := newPerson(t)
	conn := connect(t, urls.App)
	change := func(state string) error {
		_, err := conn.Exec(t.Context(), "update subjects set state = $1 where id = $2", state, alice)
		return err
	}
	requireRefused(t, change("erased"), checkViolation)
	requireRefused(t, change("nonsense"), checkViolation)
	require.NoError(t, change("freezing"))
	require.NoError(t, change("active"), "erasure may be called off")
	require.NoError(t, change("freezing"))
	require.NoError(t, change("erased"))
	for _, state := range []string{"active", "freezing"} {
		requireRefused(t, change(state), checkViolation)
	}
	_, err := conn.Exec(t.Context(), "update subjects set id = $1 where id = $2", uuid.New(), alice)
	requireRefused(t, err, insufficientPrivilege)
}
