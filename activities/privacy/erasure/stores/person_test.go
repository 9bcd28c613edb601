package stores_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"meai/activities/escalation"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/alias"
	"meai/internal/postgres/queries"
)

func refOf(subject uuid.UUID) interaction.Ref {
	id := uuid.New()
	return interaction.Ref{Subject: subject, Session: uuid.New(), Interaction: id, Workflow: "person/" + subject.String() + "/interaction/" + id.String()}
}

var told = []string{
	"My sister Maya lives in Oslo, by the lake.",
	"I am frightened of the dark water of the lake.",
	"Maya told me yesterday that she is moving to Bergen.",
	"I had a long walk with my dog Bello and felt calm.",
	"I was afraid again when the phone rang at night.",
}

// newPerson is somebody of whom every store holds something.
func (s *scene) newPerson(t *testing.T) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	require.NoError(t, s.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
		_, err := alias.Ensure(ctx, q, s.keys, subject)
		return err
	}))
	for i, text := range told {
		in := memory.RememberInput{
			Ref: refOf(subject), Text: text, SaidAt: time.Now().Add(time.Duration(i) * time.Minute),
			Analysis: &mirror.Analysis{Primary: "fear", Intensity: 0.8, Confidence: 0.8},
		}
		kept, err := s.memory.Remember(t.Context(), in)
		require.NoError(t, err)
		_, err = s.memory.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
		require.NoError(t, err)
	}
	s.beKnown(t, subject)
	s.runWorkflows(t, subject)
	s.exec(t, `insert into consent_decisions (subject_id, purpose, decided_at, id, decision, text_version, language, text_hash, receipt)
		values ($1, 'memory', now(), gen_random_uuid(), 'given', 1, 'en', $2, 'a signed note')`, subject, random(32))
	for _, table := range s.tables(t) {
		s.fill(t, table, subject)
	}
	s.keepFiles(t, subject)
	return subject
}

// beKnown gives a person an account, and a place in the staff's records.
func (s *scene) beKnown(t *testing.T, subject uuid.UUID) {
	t.Helper()
	hmac := random(32)
	s.exec(t, "insert into principals (identity_hmac, id) values ($1, $2)", hmac, subject)
	s.exec(t, "insert into api_keys (id, principal_id, secret_hmac, roles, scopes, expires_at) values (gen_random_uuid(), $1, $2, '{}', '{}', now() + interval '1 day')", subject, random(32))
	s.exec(t, "insert into role_grants (id, principal_id, role, expires_at) values (gen_random_uuid(), $1, 'support', now() + interval '1 hour')", subject)
	s.exec(t, `insert into approvals (id, act, parameters, requester, reason_sealed, required, expires_at)
		values (gen_random_uuid(), 'decrypt', jsonb_build_object('subject', $1::text), gen_random_uuid(), '', 2, now() + interval '1 day')`, subject.String())
	raised, err := s.cases.Prepare(t.Context(), escalation.Person{Subject: subject, Interaction: uuid.New()}, escalation.About{})
	require.NoError(t, err)
	require.NoError(t, s.db.WriteShared(t.Context(), raised.Write))
}

// runWorkflows leaves workflows that have ended, that wait, that were terminated, and that
// wait for a worker.
func (s *scene) runWorkflows(t *testing.T, subject uuid.UUID) {
	t.Helper()
	start := func(kind, queue string, waits bool) client.WorkflowRun {
		run, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: fmt.Sprintf("person/%s/%s/%s", subject, kind, uuid.New()), TaskQueue: queue, WorkflowRunTimeout: 30 * 24 * time.Hour,
		}, "Story", waits)
		require.NoError(t, err)
		return run
	}
	for range 3 {
		require.NoError(t, start("interaction", s.queue, false).Get(t.Context(), nil))
	}
	start("memory", s.queue, true)
	ended := start("memory", s.queue, true)
	require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), ended.GetID(), "", "test"))
	start("memory", "nobody", true)
	require.Eventually(t, func() bool {
		n, err := s.store(t, "temporal.histories").Count(t.Context(), subject)
		return err == nil && n == 6
	}, 30*time.Second, 100*time.Millisecond, "all of them are listed")
}

// keepFiles archives the person, copies the archive, and lays down an export.
func (s *scene) keepFiles(t *testing.T, subject uuid.UUID) {
	t.Helper()
	_, err := s.archives.Write(t.Context(), subject, nil)
	require.NoError(t, err)
	_, err = s.copier.Copy(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, s.exports.Create(t.Context(), exportsOf(subject)+uuid.NewString()+".tar", random(5000)))
}

// column is a column of a table, as far as a row must be made up for it.
type column struct {
	Name, Type string
	Required   bool
}

// fill makes up a row of a table in which nothing has written anything for the person.
func (s *scene) fill(t *testing.T, table string, subject uuid.UUID) {
	t.Helper()
	if query[int](t, s.super, "select count(*)::int from "+table+" where subject_id = $1", subject)[0] > 0 {
		return
	}
	rows, err := s.super.Query(t.Context(), `select attname::text, format_type(atttypid, atttypmod), attnotnull and not atthasdef
		from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped`, table)
	require.NoError(t, err)
	columns, err := pgxCollect(rows)
	require.NoError(t, err)
	checks := strings.Join(query[string](t, s.super, "select pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass and contype = 'c'", table), "\n")
	var names, places []string
	var values []any
	for _, c := range columns {
		value := madeUp(c, checks)
		if c.Name == "subject_id" {
			value = subject
		}
		if value == nil {
			continue
		}
		names, values = append(names, c.Name), append(values, value)
		places = append(places, fmt.Sprintf("$%d::%s", len(values), c.Type))
	}
	s.exec(t, fmt.Sprintf("insert into %s (%s) values (%s)", table, strings.Join(names, ", "), strings.Join(places, ", ")), values...)
}

var firstCode = `\(?%s = (?:ANY \(+ARRAY\[)?'([^']*)'`

// madeUp is a value that a column takes; nil for none.
func madeUp(c column, checks string) any {
	sealed := strings.HasSuffix(c.Name, "_sealed") || c.Name == "vector" || c.Name == "model"
	if !c.Required && !sealed {
		return nil
	}
	switch {
	case c.Type == "bytea" && strings.Contains(checks, "octet_length("+c.Name+") = 32"):
		return random(32)
	case c.Type == "bytea":
		return append([]byte{0}, random(95)...) // no key version is read from it
	case c.Type == "uuid":
		return uuid.New()
	case c.Type == "text":
		if code := regexp.MustCompile(fmt.Sprintf(firstCode, c.Name)).FindStringSubmatch(checks); code != nil {
			return code[1]
		}
		return "person/x"
	case strings.HasPrefix(c.Type, "timestamp"):
		if strings.Contains(c.Name, "expires") || strings.Contains(c.Name, "until") || strings.Contains(c.Name, "due") {
			return time.Now().Add(time.Hour)
		}
		return time.Now()
	case c.Type == "jsonb":
		return "{}"
	case c.Type == "boolean":
		return true
	case strings.HasSuffix(c.Type, "[]"):
		return "{}"
	default:
		return "1"
	}
}

// die is what an erasure does before anything is deleted.
func (s *scene) die(t *testing.T, subject uuid.UUID) {
	t.Helper()
	require.NoError(t, s.db.Freeze(t.Context(), subject))
	require.NoError(t, s.keys.Bury(t.Context(), subject))
	s.exec(t, "update subjects set state = 'erased' where id = $1", subject)
}

// remove takes them out of the registry at the end.
func (s *scene) remove(t *testing.T, subject uuid.UUID) {
	t.Helper()
	require.Equal(t, []bool{true}, query[bool](t, s.super, "select meai_remove_person($1)", subject))
}
