package people_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/backup/people"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

// scene is an archive in a folder, with the database and the keyring behind it.
type scene struct {
	*people.Archives
	activities *people.Activities
	env        *testsuite.TestActivityEnvironment
	urls       enginetest.URLs
	dir        string // of the archive
	keyring    keyring.Options
}

// shared serves the tests that keep to people of their own.
var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func newScene(t *testing.T) *scene {
	t.Helper()
	db, urls := shared.Database(t)
	return sceneOf(t, db, urls)
}

// newSceneAlone has a database of its own, in which there is nobody else.
func newSceneAlone(t *testing.T) *scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	return sceneOf(t, db, urls)
}

func sceneOf(t *testing.T, db *postgres.DB, urls enginetest.URLs) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{urls: urls, dir: filepath.Join(dir, "archive"), keyring: keyring.Options{
		Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true",
		KEK:    "file://" + filepath.Join(dir, "kek.key"), Logger: enginetest.Logger(t),
	}}
	store, err := objects.OpenErasable(t.Context(), "file://"+s.dir+"?create_dir=true")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	s.Archives = &people.Archives{Store: store, DB: db, Keyring: s.process(t)}
	s.activities = &people.Activities{Archives: s.Archives}
	s.env = (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	s.env.RegisterActivity(s.activities)
	return s
}

// process opens the keyring as another process does, which has no leases.
func (s *scene) process(t *testing.T) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(t.Context(), s.keyring)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func run[In, Out any](t *testing.T, s *scene, activity func(context.Context, In) (Out, error), in In) (out Out) {
	t.Helper()
	value, err := s.env.ExecuteActivity(activity, in)
	require.NoError(t, err)
	require.NoError(t, value.Get(&out))
	return out
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *scene) write(t *testing.T, subject uuid.UUID) people.Written {
	t.Helper()
	w, err := s.Write(t.Context(), subject, nil)
	require.NoError(t, err)
	return w
}

// connect opens a bare connection of a role.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return values
}

// personTables are all tables with rows of people, as the owner sees them.
func personTables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return query[string](t, conn, `select table_name::text from information_schema.columns c
		where column_name = 'subject_id' and table_schema = 'public'
		  and (select relkind in ('r', 'p') and not relispartition from pg_class where oid = format('%I', table_name)::regclass) order by 1`)
}

// person is somebody with rows in every table.
type person struct {
	subject uuid.UUID
	conn    *pgx.Conn // sees their rows
	turn    uuid.UUID
}

// words are what a person told, by column.
func words(column string) string { return "what is in the column " + column + ", from a person" }

var vector = []byte{0, 0, 0x80, 0x3f, 0xff, 0xff, 0x7f, 0xbf}

// newPerson has written to every table, at a time.
func (s *scene) newPerson(t *testing.T, at time.Time) *person {
	t.Helper()
	p := &person{subject: uuid.New(), conn: connect(t, s.urls.App)}
	require.NoError(t, s.Keyring.Create(t.Context(), p.subject))
	require.NoError(t, s.DB.EnsureSubject(t.Context(), p.subject))
	exec(t, p.conn, "select set_config('app.subject', $1, false)", p.subject.String())
	keys, err := s.Keyring.Keys(t.Context(), p.subject)
	require.NoError(t, err)
	sealed := func(row uuid.UUID, table, column string) []byte {
		for _, c := range postgres.SealedColumns {
			if c.Table == table && c.Column == column {
				text := []byte(words(table + "." + column))
				if column == "vector_sealed" {
					text = vector
				}
				value, err := keys.Seal(text, keyring.Location{Table: table, Column: c.As, Row: row})
				require.NoError(t, err)
				return value
			}
		}
		t.Fatalf("no sealed column %s.%s", table, column)
		return nil
	}
	id := idOf(at)
	p.turn = uuid.New()
	other, edge, echo := uuid.New(), uuid.New(), uuid.New()
	insert := func(sql string, args ...any) { exec(t, p.conn, sql, append([]any{p.subject}, args...)...) }
	insert(`insert into sessions (subject_id, id, created_at, expires_at, emotion_sealed) values ($1, $2, $3, $3, $4)`, id, at, sealed(id, "sessions", "emotion_sealed"))
	insert(`insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at, answered_at, words_sealed, context_sealed, answer_sealed)
		values ($1, $2, $2, 'person/x', 'answered', $3, $3, $4, $5, $6)`, id, at,
		sealed(id, "interactions", "words_sealed"), sealed(id, "interactions", "context_sealed"), sealed(id, "interactions", "answer_sealed"))
	insert(`insert into interaction_steps (subject_id, interaction_id, step, state, started_at, reason) values ($1, $2, 'mirror', 'degraded', $3, E'a\n"reason" <')`, id, at)
	insert(`insert into idempotency_keys (subject_id, key_hmac, body_hmac, interaction_id, created_at) values ($1, sha256('k'), sha256('b'), $2, $3)`, id, at)
	insert(`insert into escalations (subject_id, interaction_id, created_at, assessment_sealed) values ($1, $2, $3, $4)`, id, at, sealed(id, "escalations", "assessment_sealed"))
	insert(`insert into filter_triggers (subject_id, triggers_sealed, changed_at) values ($1, $3, $2)`, at, sealed(p.subject, "filter_triggers", "triggers_sealed"))
	insert(`insert into filter_feedback (subject_id, kind, about, rating, rated_at, scores) values ($1, 'resource', 'r', 'helpful', $2, '{"a": 0.25}')`, at)
	insert(`insert into consent_decisions (subject_id, purpose, decided_at, id, decision, text_version, language, text_hash, receipt) values ($1, 'archive', $2, $3, 'refused', 1, 'en', sha256('t'), 'r')`, at, uuid.New())
	insert(`insert into memory_imports (subject_id, id, body_hmac, total, accepted_at) values ($1, $2, sha256('i'), 1, $3)`, id, at)
	insert(`insert into memory_writes (subject_id, id, session_id, origin, import_id, position, content_sealed, said_at, accepted_at, changed_at)
		values ($1, $2, $2, 'imported', $2, 1, $4, $3, $3, $3)`, id, at, sealed(id, "memory_writes", "content_sealed"))
	insert(`insert into memory_forgettings (subject_id, id, nodes, sources, counts, previewed_at, expires_at) values ($1, $2, array[$2::uuid], '{}', '{"turns": 1}', $3, $3)`, id, at)
	insert(`insert into memory_vault_openings (subject_id, id, session_id, opened_at, expires_at) values ($1, $2, $2, $3, $3::timestamptz + '1 hour')`, id, at)
	insert(`insert into memory_vault_accesses (subject_id, id, at, act) values ($1, $2, $3, 'opened')`, id, at)
	insert(`insert into privacy_exports (subject_id, id, request_hmac, lock, formats, requested_at) values ($1, $2, sha256('r'), 'recipient', '{json}', $3)`, id, at)
	insert(`insert into privacy_imports (subject_id, id, state, requested_at) values ($1, $2, 'receiving', $3)`, id, at)
	node := `insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, text_sealed, vector_sealed, model, terms, terms_version, importance, said_at, origin)
		values ($1, $2, $3, $4, $4, $5, $6, 'm', array[9007199254740993], '1', 0.1, $7, 'told')`
	for kind, row := range map[string]uuid.UUID{"turn": p.turn, "entity": other} {
		insert(node, row, kind, id, sealed(row, "memory_nodes", "text_sealed"), sealed(row, "memory_nodes", "vector_sealed"), at)
	}
	insert(`insert into memory_nodes (subject_id, id, kind, text_sealed, details_sealed, emotion_sealed, terms_version, importance, said_at) values ($1, $2, 'echo', $3, $4, $5, '1', 1, $6)`,
		echo, sealed(echo, "memory_nodes", "text_sealed"), sealed(echo, "memory_nodes", "details_sealed"), sealed(echo, "memory_nodes", "emotion_sealed"), at)
	insert(`insert into memory_terms (subject_id, term, node_id) values ($1, 9007199254740993, $2)`, p.turn)
	insert(`insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from, label_sealed, slot_hmac) values ($1, $2, $3, $4, 'fact', $5, $6, sha256('s'))`,
		edge, p.turn, other, at, sealed(edge, "memory_edges", "label_sealed"))
	insert(`insert into memory_evidence (subject_id, edge_id, turn_id) values ($1, $2, $3)`, edge, p.turn)
	return p
}

// idOf is a new UUIDv7 of a time.
func idOf(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

// before is a time whose changes are certainly no news to an archive of now.
func before() time.Time { return time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond) }

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}
