package retention_test

import (
	"context"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/memory"
	"meai/activities/privacy/datamap"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/retention"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func TestMain(m *testing.M) {
	if orders := os.Getenv(dyingRun); orders != "" {
		retainUntilKilled(orders)
		return
	}
	os.Exit(m.Run())
}

// scene is a database of its own, with retention on it.
type scene struct {
	*retention.Activities
	store *retention.Store
	env   *testsuite.TestActivityEnvironment
	urls  enginetest.URLs
	owner *pgx.Conn
	run   retention.Run
}

func newScene(t *testing.T) *scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	s := sceneOn(t, db, urls, enginetest.Keyring(t))
	s.owner = connect(t, urls.Owner)
	return s
}

func sceneOn(t testing.TB, db *postgres.DB, urls enginetest.URLs, keys *keyring.Keyring) *scene {
	t.Helper()
	m, err := datamap.Load()
	require.NoError(t, err)
	s := &scene{urls: urls, run: retention.Run{ID: uuid.New(), At: time.Now()}}
	s.Activities = &retention.Activities{
		DB: db, Keys: keys, Holds: requests.NewHolds(keys), Memories: memory.NewStore(db, keys), Audit: audit.New(audit.Options{DB: db, Keys: keys}),
		Map: m, Logger: enginetest.Logger(t), Page: 3,
	}
	s.store = &retention.Store{DB: db, Keys: keys, Map: m, BackupsFor: 30 * 24 * time.Hour, CoolingOff: 7 * 24 * time.Hour}
	s.env = (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	s.env.RegisterActivity(s.Activities)
	return s
}

func perform[In, Out any](t *testing.T, s *scene, activity func(context.Context, In) (Out, error), in In) (out Out) {
	t.Helper()
	value, err := s.env.ExecuteActivity(activity, in)
	require.NoError(t, err)
	require.NoError(t, value.Get(&out))
	return out
}

// retain runs everything but the forgetting of memories, and reads the report.
func (s *scene) retain(t *testing.T, run retention.Run, people ...*person) retention.Report {
	t.Helper()
	end := retention.Conclusion{Run: run, State: retention.Completed, People: len(people), Counts: retention.Counts{}}
	end.Partitions = perform(t, s, s.DropPartitions, run)
	in := retention.PeopleInput{Run: run}
	for _, p := range people {
		in.Subjects = append(in.Subjects, p.subject)
	}
	done := perform(t, s, s.ApplyToPeople, in)
	require.Empty(t, done.Left)
	end.Inactive = done.Inactive
	end.Counts.Add(done.Counts)
	end.Counts.Add(perform(t, s, s.ApplyToRest, run))
	for range 2 { // it is written once
		perform(t, s, s.Conclude, end)
	}
	r, err := s.store.Report(t.Context(), run.ID)
	require.NoError(t, err)
	return r
}

// deleted is what a report says of rules that deleted anything.
func deleted(r retention.Report) map[string]int64 {
	all := map[string]int64{}
	for _, rule := range r.Rules {
		if rule.Deleted > 0 {
			all[rule.Rule] = rule.Deleted
		}
	}
	return all
}

// kept is what a report says of rules that kept anything.
func kept(r retention.Report) map[string]map[retention.Reason]int64 {
	all := map[string]map[retention.Reason]int64{}
	for _, rule := range r.Rules {
		if len(rule.Kept) > 0 {
			all[rule.Rule] = rule.Kept
		}
	}
	return all
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func sql(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement, args...)
	require.NoError(t, err, statement)
}

func one[T any](t testing.TB, conn *pgx.Conn, statement string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), statement, args...).Scan(&value), statement)
	return value
}

// fingerprint sums up everything that is stored in any table, but for what a run reports.
func (s *scene) fingerprint(t *testing.T) string {
	t.Helper()
	backup := connect(t, s.urls.Backup) // it sees everybody's rows
	rows, err := backup.Query(t.Context(), `select c.relname::text from pg_class c where c.relkind in ('r', 'p') and not c.relispartition
		and c.relnamespace = 'public'::regnamespace and c.relname not in ('retention_reports', 'encryption_reports', 'audit_log') order by 1`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	sum := ""
	for _, table := range tables {
		sum += table + " " + one[string](t, backup, "select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) from "+table+" t") + "\n"
	}
	return sum
}

// person is somebody with rows of their own.
type person struct {
	subject uuid.UUID
	conn    *pgx.Conn
	keys    *keyring.Keys
}

func (s *scene) newPerson(t testing.TB) *person {
	t.Helper()
	p := &person{subject: uuid.New(), conn: connect(t, s.urls.App)}
	require.NoError(t, s.Keys.Create(t.Context(), p.subject))
	require.NoError(t, s.DB.EnsureSubject(t.Context(), p.subject))
	sql(t, p.conn, "select set_config('app.subject', $1, false)", p.subject.String())
	var err error
	p.keys, err = s.Keys.Keys(t.Context(), p.subject)
	require.NoError(t, err)
	return p
}

func (p *person) sealed(t testing.TB, table, column string, row uuid.UUID) []byte {
	t.Helper()
	for _, c := range postgres.SealedColumns {
		if c.Table == table && c.Column == column {
			value, err := p.keys.Seal([]byte("what was told"), keyring.Location{Table: table, Column: c.As, Row: row})
			require.NoError(t, err)
			return value
		}
	}
	require.Fail(t, "no such sealed column", "%s.%s", table, column)
	return nil
}

// planted are the ids of what a person has of one time.
type planted struct{ session, interaction, turn uuid.UUID }

// plant gives a person a row in every table of people, all of one time.
func (p *person) plant(t testing.TB, at time.Time) planted {
	t.Helper()
	ids := planted{session: idOf(at), interaction: idOf(at), turn: uuid.New()}
	insert := func(statement string, args ...any) {
		t.Helper()
		sql(t, p.conn, statement, append([]any{p.subject, at}, args...)...)
	}
	insert(`insert into sessions (subject_id, id, created_at, expires_at, emotion_sealed) values ($1, $3, $2, $2::timestamptz + interval '1 hour', $4)`,
		ids.session, p.sealed(t, "sessions", "emotion_sealed", ids.session))
	insert(`insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at, answered_at, words_sealed, context_sealed, answer_sealed)
		values ($1, $3, $4, 'person/x/interaction/y', 'answered', $2, $2, $5, $6, $7)`, ids.interaction, ids.session,
		p.sealed(t, "interactions", "words_sealed", ids.interaction), p.sealed(t, "interactions", "context_sealed", ids.interaction), p.sealed(t, "interactions", "answer_sealed", ids.interaction))
	insert(`insert into interaction_steps (subject_id, interaction_id, step, state, started_at, reason) values ($1, $3, 'mirror', 'degraded', $2, 'embedding_unavailable')`, ids.interaction)
	insert(`insert into idempotency_keys (subject_id, key_hmac, body_hmac, interaction_id, created_at) values ($1, sha256($3), sha256('b'), $4, $2)`, ids.interaction[:], ids.interaction)
	insert(`insert into escalations (subject_id, interaction_id, created_at, assessment_sealed) values ($1, $3, $2, $4)`, ids.interaction, p.sealed(t, "escalations", "assessment_sealed", ids.interaction))
	insert(`insert into filter_feedback (subject_id, kind, about, rating, rated_at, scores) values ($1, 'interaction', $3, 'helpful', $2, '{"honesty": 0.5}')`, ids.interaction.String())
	insert(`insert into memory_imports (subject_id, id, body_hmac, total, accepted_at) values ($1, $3, sha256('i'), 1, $2)`, ids.session)
	insert(`insert into memory_writes (subject_id, id, session_id, origin, import_id, position, state, said_at, accepted_at, changed_at) values ($1, $3, $4, 'imported', $4, 1, 'searchable', $2, $2, $2)`, ids.interaction, ids.session)
	insert(`insert into memory_forgettings (subject_id, id, nodes, sources, counts, previewed_at, expires_at, forgotten_at, state, receipt) values ($1, $3, '{}', '{}', '{"turn": 1}', $2, $2, $2, 'forgotten', '{"signed": ""}')`, uuid.New())
	insert(`insert into memory_forgettings (subject_id, id, nodes, sources, counts, previewed_at, expires_at) values ($1, $3, '{}', '{}', '{"turn": 1}', $2, $2)`, uuid.New())
	insert(`insert into memory_vault_openings (subject_id, id, session_id, opened_at, expires_at) values ($1, $3, $4, $2, $2::timestamptz + interval '1 hour')`, uuid.New(), ids.session)
	insert(`insert into memory_vault_accesses (subject_id, id, at, act) values ($1, $3, $2, 'opened')`, uuid.New())
	return ids
}

// remember plants a turn that came of an interaction.
func (p *person) remember(t testing.TB, ids planted, at time.Time) {
	t.Helper()
	sql(t, p.conn, `insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, text_sealed, terms_version, importance, said_at, recorded_at)
		values ($1, $2, 'turn', $3, $4, $5, '1', 0.5, $6, $6)`, p.subject, ids.turn, ids.interaction, ids.session, p.sealed(t, "memory_nodes", "text_sealed", ids.turn), at)
}

// count counts the person's rows of a table.
func (p *person) count(t testing.TB, table string) int {
	t.Helper()
	return one[int](t, p.conn, "select count(*) from "+table)
}

// hold places a hold, on everything or on a list.
func (s *scene) hold(t *testing.T, p *person, items ...uuid.UUID) uuid.UUID {
	t.Helper()
	id := uuid.New()
	require.NoError(t, s.DB.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
		_, err := alias.Ensure(ctx, q, s.Keys, p.subject)
		return err
	}))
	app := connect(t, s.urls.App)
	sql(t, app, `insert into legal_holds (id, alias, reason, digest, listed, told, placed_at, expires_at)
		select $1, s.alias, 'litigation', case when $3 then sha256('x') end, $3, true, now(), now() + interval '1 year' from subjects s where s.id = $2`, id, p.subject, len(items) > 0)
	for _, item := range items {
		sql(t, app, "insert into legal_hold_items (hold_id, item_id) values ($1, $2)", id, item)
	}
	return id
}

func (s *scene) release(t *testing.T, hold uuid.UUID) {
	t.Helper()
	sql(t, connect(t, s.urls.App), "update legal_holds set released_at = now() where id = $1", hold)
}

// request opens a request of a person's.
func (s *scene) request(t *testing.T, p *person, kind string, at time.Time) uuid.UUID {
	t.Helper()
	id := uuid.New()
	a, err := alias.Of(t.Context(), s.Keys, p.subject)
	require.NoError(t, err)
	sql(t, connect(t, s.urls.App), `insert into privacy_requests (id, person_id, alias, kind, law, received_at, due_at) values ($1, $2, $3, $4, 'gdpr', $5, $5::timestamptz + interval '1 month')`, id, p.subject, a[:], kind, at)
	return id
}

// idOf is a new UUIDv7 of a time.
func idOf(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

// ago is so many days before now.
func ago(days int) time.Time { return time.Now().AddDate(0, 0, -days).UTC().Truncate(time.Microsecond) }
