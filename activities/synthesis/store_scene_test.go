package synthesis_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/language/languagetest"
	"meai/internal/postgres"
)

// shared serves the tests that keep to the rows of people of their own.
var shared enginetest.Shared

func TestMain(m *testing.M) {
	code := shared.Main(m)
	languagetest.Clean()
	os.Exit(code)
}

// scene is a store with everything a test may want to reach behind its back.
type scene struct {
	*synthesis.Store
	db   *postgres.DB
	urls enginetest.URLs
	keys *keyring.Keyring
}

func newStore(t testing.TB) scene {
	t.Helper()
	db, urls := shared.Database(t)
	keys := enginetest.Keyring(t)
	return scene{synthesis.NewStore(db, keys), db, urls, keys}
}

// in opens a bare connection that sees the rows of one person.
func (s scene) in(t testing.TB, subject uuid.UUID) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.urls.App)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	_, err = conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", subject.String())
	require.NoError(t, err)
	return conn
}

// rows shows everything that the database holds of a person, as text, except
// the person's row in the registry.
func (s scene) rows(t testing.TB, subject uuid.UUID) []string {
	t.Helper()
	conn := s.in(t, subject)
	var all []string
	for _, table := range column(t, conn, `
		select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id'
		where c.relkind in ('r', 'p') and not c.relispartition and has_table_privilege(c.oid, 'select') order by 1`) {
		all = append(all, column(t, conn, "select '"+table+" ' || r::text from "+table+" r order by 1")...)
	}
	return all
}

func column(t testing.TB, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return values
}

func (s scene) count(t testing.TB, subject uuid.UUID, table string) int {
	t.Helper()
	return len(column(t, s.in(t, subject), "select '' from "+table))
}

func (s scene) setState(t testing.TB, subject uuid.UUID, states ...string) {
	t.Helper()
	conn := s.in(t, subject)
	for _, state := range states {
		_, err := conn.Exec(t.Context(), "update subjects set state = $1 where id = $2", state, subject)
		require.NoError(t, err)
	}
}

func requireFailure(t testing.TB, err error, want failure.Type) {
	t.Helper()
	require.True(t, failure.Is(err, want), "want %s, got %v", want, err)
}

func (s scene) newSession(t testing.TB) (subject, session uuid.UUID) {
	t.Helper()
	created, err := s.CreateSession(t.Context(), uuid.New(), "a phone", time.Hour)
	require.NoError(t, err)
	return created.Subject, created.ID
}

func request(subject, session uuid.UUID, key, body string) synthesis.Acceptance {
	return synthesis.Acceptance{Subject: subject, Session: session, IdempotencyKey: key, Body: []byte(body)}
}

func (s scene) accept(t testing.TB, subject, session uuid.UUID, key string) synthesis.Record {
	t.Helper()
	rec, fresh, err := s.Accept(t.Context(), request(subject, session, key, "{}"))
	require.NoError(t, err)
	require.True(t, fresh)
	return rec
}

// What the person said and got, in words that no store may show.
const (
	theirWords   = "Hollerbusch: my sister has not called since the funeral"
	theirPlace   = "Hollerbusch kitchen"
	theirAnswer  = "Hollerbusch: that silence sounds heavy"
	theirEmotion = "hollerbusch-grief"
	theirCrisis  = crisis.Kind("hollerbusch-danger")
)

var spoken = []string{theirWords, theirPlace, theirAnswer, theirEmotion, string(theirCrisis), "ollerbusc"}

func delivery(rec synthesis.Record) synthesis.DeliverInput {
	begun := rec.AcceptedAt.Add(time.Millisecond)
	ended := begun.Add(5 * time.Millisecond)
	step := func(s interaction.Step, state interaction.StepState, reason string) interaction.StepRecord {
		return interaction.StepRecord{Step: s, State: state, StartedAt: begun, CompletedAt: &ended, Reason: reason}
	}
	return synthesis.DeliverInput{
		Ref: rec.Ref, Words: theirWords, AcceptedAt: rec.AcceptedAt,
		Context: interaction.Context{Place: theirPlace, TimeOfDay: "evening"},
		Answer: synthesis.Answer{
			Source: synthesis.Composed, Text: theirAnswer,
			Components: []synthesis.Component{{Text: theirAnswer, Tone: "warm", Purpose: "reflection"}},
			Analysis:   &mirror.Analysis{Primary: theirEmotion, Intensity: 0.7},
		},
		Steps: []interaction.StepRecord{
			step(interaction.Delivery, interaction.Completed, ""),
			step(interaction.MemoryRetrieval, interaction.Degraded, "vectors_unavailable"),
			step(interaction.EmotionalAnalysis, interaction.Completed, ""),
		},
	}
}

// inCrisis is a delivery that must be seen by a person.
func inCrisis(rec synthesis.Record) synthesis.DeliverInput {
	in := delivery(rec)
	in.Answer.Source = synthesis.CrisisAnswer
	in.Answer.Crisis = &crisis.Assessment{Severity: crisis.Explicit, Kinds: []crisis.Kind{theirCrisis}}
	return in
}
