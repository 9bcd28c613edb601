package postgres_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/postgres"
)

// rowsOf reads everything of a person through a snapshot, by table.
func rowsOf(t *testing.T, ctx context.Context, s *postgres.Snapshot) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	for _, table := range s.Tables {
		require.NoError(t, s.Rows(ctx, table, func(object []byte) error {
			var row map[string]any
			require.NoError(t, json.Unmarshal(object, &row))
			all[table.Name] = append(all[table.Name], row)
			return nil
		}))
	}
	return all
}

func TestASnapshotKnowsEveryTableOfPeopleAndReadsItAsItIs(t *testing.T) {
	db, urls, alice := newDatabase(t)
	owner, bob := connect(t, urls.Owner), newSubject(t, db)
	// A table that only a later migration knows, with what JSON and base64 can get wrong.
	for _, statement := range []string{
		`create table "Later on" ("Subject" text, subject_id uuid not null, n bigint, id int, f real, at timestamptz, words_sealed bytea,
		   ids uuid[], j jsonb, t text, primary key (subject_id, id, n)) partition by hash (subject_id)`,
		`create table later_h0 partition of "Later on" for values with (modulus 1, remainder 0)`,
		`select meai_protect('"Later on"')`,
	} {
		exec(t, owner, statement)
	}
	large := strings.Repeat("0123456789", 30) // longer than a line of base64
	for _, person := range []uuid.UUID{alice, bob} {
		exec(t, owner, "select set_config('app.subject', $1, false)", person.String())
		exec(t, owner, `insert into "Later on" values
			('x', $1::uuid, 9007199254740993, 2, 0.1, '2026-11-03 04:05:06.123456+00', $2, array[$1::uuid], '{"a": [1, {"b": 1e3}]}', E'line\n"two"'),
			(null, $1::uuid, 1, 1, null, 'infinity', null, null, null, null)`, person, []byte(large))
	}
	require.NoError(t, db.Snapshot(t.Context(), alice, func(ctx context.Context, s *postgres.Snapshot) error {
		var names []string
		for _, table := range s.Tables {
			names = append(names, table.Name)
		}
		known := personTables(t, owner)
		slices.Sort(known)
		slices.Sort(names)
		require.Equal(t, known, names)
		later := s.Tables[slices.IndexFunc(s.Tables, func(p postgres.PersonTable) bool { return p.Name == "Later on" })]
		require.Equal(t, []string{"subject_id", "id", "n"}, later.Key)
		require.Equal(t, []string{"words_sealed"}, later.Sealed)

		rows := rowsOf(t, ctx, s)["Later on"]
		require.Len(t, rows, 2, "and nothing of Bob's")
		require.EqualValues(t, 1, rows[0]["id"])
		require.Equal(t, "infinity", rows[0]["at"])
		require.Nil(t, rows[0]["words_sealed"])
		require.Equal(t, base64.StdEncoding.EncodeToString([]byte(large)), rows[1]["words_sealed"])
		require.Equal(t, "2026-11-03T04:05:06.123456+00:00", rows[1]["at"])
		require.Equal(t, "line\n\"two\"", rows[1]["t"])
		require.NoError(t, s.Rows(ctx, later, func(object []byte) error {
			require.NotContains(t, string(object), "\n", "one line")
			if strings.Contains(string(object), `"id":2`) {
				require.Contains(t, string(object), "9007199254740993", "no number loses a digit")
			}
			return nil
		}))

		c, err := s.Contents(ctx, later, 5)
		require.NoError(t, err)
		require.EqualValues(t, 2, c.Rows)
		require.Equal(t, [][]byte{[]byte("01234")}, c.Prefixes)
		return nil
	}))
}

func TestASnapshotStaysAsItWasAndSeesOnlyWhoIsActive(t *testing.T) {
	db, urls, alice := newPerson(t)
	session := newSession(t, db, alice)
	conn := connect(t, urls.App)
	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	sums := map[string]bool{}
	look := func(during func()) int {
		rows := 0
		require.NoError(t, db.Snapshot(t.Context(), alice, func(ctx context.Context, s *postgres.Snapshot) error {
			require.WithinDuration(t, time.Now(), s.At, time.Minute)
			require.WithinDuration(t, time.Now(), s.Registered, time.Minute)
			during()
			sessions := s.Tables[slices.IndexFunc(s.Tables, func(p postgres.PersonTable) bool { return p.Name == "sessions" })]
			c, err := s.Contents(ctx, sessions, 5)
			require.NoError(t, err)
			sums[c.Sum] = true
			rows = len(rowsOf(t, ctx, s)["sessions"])
			require.EqualValues(t, rows, c.Rows)
			return nil
		}))
		return rows
	}
	require.Equal(t, 1, look(func() { newSession(t, db, alice) }))
	require.Equal(t, 2, look(func() { exec(t, conn, "update sessions set interactions = 7 where id = $1", session) }))
	require.Equal(t, 2, look(func() {}))
	require.Len(t, sums, 3, "whatever differs shows in the sum")

	require.NoError(t, db.Freeze(t.Context(), alice))
	unread := func(context.Context, *postgres.Snapshot) error { t.Error("it was read"); return nil }
	require.True(t, failure.Is(db.Snapshot(t.Context(), alice, unread), failure.SubjectInactive))
	require.True(t, failure.Is(db.Snapshot(t.Context(), uuid.New(), unread), failure.NotFound))
}

func TestWhatCountsAsAChangeIsSaidOfEveryTable(t *testing.T) {
	_, urls, _ := newPerson(t)
	marked, others := postgres.ChangeMarks()
	known := slices.Concat(slices.Collect(maps.Keys(marked)), others)
	slices.Sort(known)
	inSchema := personTables(t, connect(t, urls.Owner))
	slices.Sort(inSchema)
	require.Equal(t, inSchema, known, "give the new table a condition in changeMarks, or name it in unmarked and say there together with what it changes")
}

// changes write to each table that has a mark; $2 is the time, $3 an id of it.
var changes = map[string]string{
	"sessions":              `insert into sessions (subject_id, id, created_at, expires_at) values ($1, $3, $2, $2)`,
	"interactions":          `insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at) values ($1, $3, $3, 'w', 'received', $2)`,
	"memory_writes":         `insert into memory_writes (subject_id, id, session_id, origin, said_at, accepted_at, changed_at) values ($1, gen_random_uuid(), $3, 'stored', '1999-01-01', '1999-01-01', $2)`,
	"memory_imports":        `insert into memory_imports (subject_id, id, body_hmac, total, accepted_at) values ($1, $3, sha256(''), 1, $2)`,
	"memory_forgettings":    `insert into memory_forgettings (subject_id, id, state, nodes, sources, counts, previewed_at, expires_at, forgotten_at, receipt) values ($1, $3, 'forgotten', '{}', '{}', '{}', '1999-01-01', $2, $2, '{}')`,
	"memory_vault_openings": `insert into memory_vault_openings (subject_id, id, session_id, opened_at, expires_at, closed_at) values ($1, $3, $3, '1999-01-01', '2999-01-01', $2)`,
	"memory_vault_accesses": `insert into memory_vault_accesses (subject_id, id, at, act) values ($1, $3, $2, 'listed')`,
	"filter_feedback":       `insert into filter_feedback (subject_id, kind, about, rating, rated_at, withdrawn_at) values ($1, 'resource', $3::uuid::text, 'helpful', '1999-01-01', $2)`,
	"consent_decisions":     `insert into consent_decisions (subject_id, purpose, decided_at, id, decision, text_version, language, text_hash) values ($1, 'memory', $2, $3, 'asked', 1, 'en', sha256(''))`,
	"filter_triggers":       `insert into filter_triggers (subject_id, triggers_sealed, changed_at) select $1, '', $2 where $3::uuid is not null`,
}

func TestAChangeToAnyTableWithAMarkIsFound(t *testing.T) {
	db, urls := shared.Database(t)
	conn := connect(t, urls.App)
	marked, _ := postgres.ChangeMarks()
	at := time.Now().UTC().Truncate(time.Microsecond)
	for table := range marked {
		t.Run(table, func(t *testing.T) {
			alice, bob := newSubject(t, db), newSubject(t, db)
			exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
			found := func(person uuid.UUID, since time.Time) bool {
				changed, err := db.ChangedSince(t.Context(), person, since)
				require.NoError(t, err)
				return changed
			}
			require.False(t, found(alice, time.Time{}))
			exec(t, conn, changes[table], alice, at, postgres.LeastID(at))
			require.True(t, found(alice, time.Time{}))
			require.True(t, found(alice, at))
			require.False(t, found(alice, at.Add(time.Microsecond)))
			require.False(t, found(bob, time.Time{}))
		})
	}
	t.Run("an answer, and the end of a session, long after its beginning", func(t *testing.T) {
		alice := newSubject(t, db)
		exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
		began := at.Add(-7 * 24 * time.Hour)
		exec(t, conn, changes["sessions"], alice, began, postgres.LeastID(began))
		exec(t, conn, "update sessions set ended_at = $2 where subject_id = $1", alice, at)
		changed, err := db.ChangedSince(t.Context(), alice, at)
		require.NoError(t, err)
		require.True(t, changed)
	})
}

func TestLookingForChangesReadsOnePartitionOfEachTableByAnIndex(t *testing.T) {
	_, urls, alice := newPerson(t)
	conn := connect(t, urls.App)
	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	exec(t, conn, "set enable_seqscan = off") // of a table that is nearly empty
	exec(t, conn, "set plan_cache_mode = force_custom_plan")
	marked, _ := postgres.ChangeMarks()
	for table, since := range marked {
		t.Run(table, func(t *testing.T) {
			text := strings.NewReplacer("$2", "now()", "$3", fmt.Sprintf("'%s'::uuid", postgres.LeastID(time.Now()))).Replace(since)
			plan := strings.Join(query[string](t, conn, fmt.Sprintf(
				"explain (costs off) select from %s where subject_id = '%s' and %s", pgx.Identifier{table}.Sanitize(), alice, text)), "\n")
			require.NotContains(t, plan, "Seq Scan", plan)
			require.Contains(t, plan, "Index Cond: (", plan)
			require.Contains(t, plan, "subject_id = ", plan)
			partitions := map[string]bool{}
			for _, scan := range scanned.FindAllStringSubmatch(plan, -1) {
				partitions[scan[2]] = true
			}
			require.LessOrEqual(t, len(partitions), 1, plan)
		})
	}
}
