package retention_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/privacy/retention"
	"meai/internal/enginetest"
	"meai/internal/objects"
)

// looker is a verification of a scene.
type looker struct {
	*retention.Encryption
	scene *scene
	env   *testsuite.TestActivityEnvironment
}

func (s *scene) looker(t *testing.T) *looker {
	t.Helper()
	l := &looker{scene: s, Encryption: &retention.Encryption{DB: s.DB, Keys: s.Keys, Map: s.Map, Audit: s.Audit, Logger: enginetest.Logger(t)}}
	l.env = (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	l.env.RegisterActivity(l.Encryption)
	return l
}

// verify looks at everything and reads the report.
func (l *looker) verify(t *testing.T) retention.Verification {
	t.Helper()
	in := retention.LookInput{ID: uuid.New()}
	end := retention.Finish{ID: in.ID, BeganAt: time.Now()}
	for _, step := range []func(context.Context, retention.LookInput) (retention.Look, error){l.CheckPlaces, l.CheckColumns, l.OpenSamples} {
		value, err := l.env.ExecuteActivity(step, in)
		require.NoError(t, err)
		var look retention.Look
		require.NoError(t, value.Get(&look))
		end.Looked.Add(look.Looked)
		end.Findings = append(end.Findings, look.Findings...)
	}
	for range 2 {
		_, err := l.env.ExecuteActivity(l.Conclude, end)
		require.NoError(t, err)
	}
	v, err := l.scene.store.Verification(t.Context(), in.ID)
	require.NoError(t, err)
	return v
}

func TestWhatIsSealedAsItShouldBeIsSound(t *testing.T) {
	s := newScene(t)
	for range 3 {
		p := s.newPerson(t)
		ids := p.plant(t, ago(1))
		p.remember(t, ids, ago(1))
	}
	s.shared(t, 1)
	s.retain(t, s.run) // a report has a signed note
	v := s.looker(t).verify(t)
	require.Empty(t, v.Findings)
	require.Equal(t, retention.Sound, v.State)
	require.Equal(t, 3, v.Looked.People)
	require.GreaterOrEqual(t, v.Looked.Values, int64(3*6))
	require.Greater(t, v.Looked.Columns, 50)

	sql(t, s.owner, "update encryption_reports set note = replace(note, 'sound', 'sounb')")
	_, err := s.store.Verification(t.Context(), v.ID)
	require.ErrorContains(t, err, "signature", "a report that somebody has changed is none")
}

func TestWhatLiesInTheOpenIsNamedAndNeverQuoted(t *testing.T) {
	s := newScene(t)
	p, other := s.newPerson(t), s.newPerson(t)
	ids := p.plant(t, ago(1))
	p.plant(t, ago(2))
	theirs := other.plant(t, ago(1))
	const secret = "my sister Maya moved to Oslo and I miss her"
	plant := func(statement string, args ...any) {
		t.Helper()
		sql(t, p.conn, statement, args...)
	}
	plant("update interaction_steps set reason = $1", secret)
	plant("update filter_feedback set scores = jsonb_build_object('note', $1::text)", secret)
	plant("update sessions set device_sealed = convert_to($1, 'utf8') where id = $2", secret, ids.session)
	// Another person's value, and one of another column.
	plant("update interactions set words_sealed = $1 where id = $2", other.sealed(t, "interactions", "words_sealed", theirs.interaction), ids.interaction)
	plant("update interactions set answer_sealed = context_sealed where id = $1", ids.interaction)
	foreign := p.sealed(t, "escalations", "assessment_sealed", ids.interaction)
	copy(foreign[1:5], []byte{1, 2, 3, 4})
	plant("update escalations set assessment_sealed = $1 where interaction_id = $2", foreign, ids.interaction)
	sql(t, s.owner, `insert into audit_checkpoints (size, note) values (7, $1)`, secret)
	sql(t, s.owner, `create table scratch (id uuid, words text)`)

	v := s.looker(t).verify(t)
	require.Equal(t, retention.Unsound, v.State)
	require.Equal(t, []retention.Finding{
		{Problem: retention.NotOfItsClass, Store: "audit_checkpoints", Column: "note", Count: 1},
		{Problem: retention.UnknownVersion, Store: "escalations", Column: "assessment_sealed", Count: 1},
		{Problem: retention.NotOfItsClass, Store: "filter_feedback", Column: "scores", Count: 2},
		{Problem: retention.NotOfItsClass, Store: "interaction_steps", Column: "reason", Count: 2},
		{Problem: retention.DoesNotOpen, Store: "interactions", Column: "answer_sealed", Count: 1},
		{Problem: retention.UnknownVersion, Store: "interactions", Column: "words_sealed", Count: 1},
		{Problem: retention.Undeclared, Store: "scratch", Column: "id", Count: 1},
		{Problem: retention.Undeclared, Store: "scratch", Column: "words", Count: 1},
		{Problem: retention.NotSealed, Store: "sessions", Column: "device_sealed", Count: 1},
	}, v.Findings)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	for _, word := range []string{"Maya", "Oslo", "sister"} {
		require.NotContains(t, string(text)+v.Note, word)
	}
}

func TestPeopleWithoutKeysAreNamedAndTheErasedAreNot(t *testing.T) {
	s := newScene(t)
	p, erased := s.newPerson(t), s.newPerson(t)
	p.plant(t, ago(1))
	erased.plant(t, ago(1))
	lost := enginetest.Keyring(t) // another keyring: nobody's keys are in it but the system's
	require.NoError(t, s.Keys.Bury(t.Context(), erased.subject))
	l := s.looker(t)
	v := l.verify(t)
	require.Empty(t, v.Findings, "whose keys were destroyed is being erased")
	l.Keys, s.store.Keys = lost, lost
	l.Audit = nil
	value, err := l.env.ExecuteActivity(l.OpenSamples, retention.LookInput{ID: uuid.New()})
	require.NoError(t, err)
	var look retention.Look
	require.NoError(t, value.Get(&look))
	require.Contains(t, look.Findings, retention.Finding{Problem: retention.KeysMissing, Store: "interactions", Column: "words_sealed", Count: 2})
}

func TestConnectionsInTheOpenAndObjectsThatAreNotSealedAreNamed(t *testing.T) {
	s := newScene(t)
	l := s.looker(t)
	l.Links = []retention.Link{
		{Name: "postgres", Host: "db.example"}, {Name: "temporal", Host: "127.0.0.1"}, {Name: "weaviate", Host: "10.1.2.3", Encrypted: true},
		{Name: "socket", Host: "/var/run/postgresql"}, {Name: "six", Host: "::1"}, {Name: "redis", Host: "192.168.1.1"}, {Name: "name", Host: "localhost"},
	}
	dir := "file://" + t.TempDir() + "/bucket?create_dir=true"
	open := func(ctx context.Context) (objects.Erasable, error) { return objects.OpenErasable(ctx, dir) }
	store, err := open(t.Context())
	require.NoError(t, err)
	for name, text := range map[string]string{
		"people/a/1.mar": "MeAiPer1 and so on", "people/a/2.mar": "I never told anybody", "people/b/1.mar": "", "people/manifest.json": "{}", "elsewhere/x": "public",
	} {
		require.NoError(t, store.Create(t.Context(), name, []byte(text)))
	}
	require.NoError(t, store.Close())
	l.Buckets = []retention.Bucket{{Name: "archive", Open: open, Starts: map[string][]string{"people/": {"MeAiPer"}}, Described: ".json"}}
	v := l.verify(t)
	require.Equal(t, []retention.Finding{
		{Problem: retention.NotSealed, Store: "archive", Column: "people", Count: 2},
		{Problem: retention.InTheOpen, Store: "postgres", Count: 1},
		{Problem: retention.InTheOpen, Store: "redis", Count: 1},
	}, v.Findings)
	require.Equal(t, 7, v.Looked.Links)
	require.Equal(t, int64(3), v.Looked.Objects)
}
