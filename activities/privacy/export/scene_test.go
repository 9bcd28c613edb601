package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/privacy/export"
	"meai/activities/synthesis"
	"meai/activities/truthfilter/feedback"
	"meai/internal/audit"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/vectors"
)

// scene is the bucket of exports in a folder, with the engines behind it.
type scene struct {
	*export.Exports
	activities *export.Activities
	env        *testsuite.TestActivityEnvironment
	urls       enginetest.URLs
	dir        string
	keys       keyring.Options
	register   *register

	store    *synthesis.Store
	memory   *memory.Activities
	memories *memory.Store
	graph    *memory.Graph
	feedback *feedback.Store
	index    *vectors.Index
}

// shared serves the tests that keep to people of their own.
var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func newScene(t testing.TB) *scene {
	t.Helper()
	db, urls := shared.Database(t)
	dir := t.TempDir()
	s := &scene{urls: urls, dir: filepath.Join(dir, "exports"), register: &register{open: map[uuid.UUID]string{}}, keys: keyring.Options{
		Bucket: "file://" + filepath.Join(dir, "keyring") + "?create_dir=true",
		KEK:    "file://" + filepath.Join(dir, "kek.key"), Logger: enginetest.Logger(t),
	}}
	keys, err := keyring.Open(t.Context(), s.keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	bucket, err := objects.OpenErasable(t.Context(), "file://"+s.dir+"?create_dir=true")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	s.Exports = &export.Exports{
		Store: bucket, DB: db, Keyring: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys}), Register: s.register,
		Lifetime: time.Hour, Version: "test",
	}
	s.activities = &export.Activities{Exports: s.Exports}
	s.env = (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	s.env.RegisterActivity(s.activities)
	s.product(t, db, keys)
	return s
}

// product is what fills accounts and reads them.
func (s *scene) product(t testing.TB, db *postgres.DB, keys *keyring.Keyring) {
	t.Helper()
	w := enginetest.Config(t).Weaviate
	var err error
	s.index, err = vectors.Open(t.Context(), vectors.Options{URL: w.URL, APIKey: w.APIKey, Timeout: 20 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(s.index.Close)
	require.NoError(t, s.index.EnsureClass(t.Context()))
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	s.store = synthesis.NewStore(db, keys)
	s.memory = memory.New(memory.Options{
		DB: db, Keyring: keys, Vectors: s.index, Embedder: embedding.Cached(model, 500), Logger: enginetest.Logger(t),
		Vaults: &memory.Vaults{DB: db, Keys: keys, Audit: s.Audit},
	})
	s.memories, s.graph = memory.NewStore(db, keys), memory.NewGraph(db, keys)
	s.feedback = feedback.NewStore(feedback.Options{DB: db, Keys: keys})
}

// register is what the register of requests was told.
type register struct {
	mu    sync.Mutex
	open  map[uuid.UUID]string
	calls int
	// meanwhile happens before an end is noted, fails is why it is not.
	meanwhile func()
	fails     error
}

func (r *register) Received(_ context.Context, id, _ uuid.UUID, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.open[id]; !known {
		r.open[id] = "open"
	}
	r.calls++
	return nil
}

func (r *register) Ended(ctx context.Context, id uuid.UUID, fulfilled bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.meanwhile != nil {
		r.meanwhile()
	}
	if err := errors.Join(ctx.Err(), r.fails); err != nil {
		return err
	}
	r.open[id] = map[bool]string{true: "fulfilled", false: "cancelled"}[fulfilled]
	return nil
}

func (r *register) of(id uuid.UUID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[id]
}

func run[In, Out any](t testing.TB, s *scene, activity func(context.Context, In) (Out, error), in In) (out Out, err error) {
	t.Helper()
	value, err := s.env.ExecuteActivity(activity, in)
	if err != nil {
		return out, err
	}
	require.NoError(t, value.Get(&out))
	return out, nil
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// person is somebody with something in every table that is exported.
type person struct {
	subject, session uuid.UUID
	// words are some of what they told, each once.
	words []string
	vault string
}

// told are messages that leave entities, facts, corrections and times.
var told = []string{
	"I live in Porto with my sister Klara.",
	"Klara works at Sonnenhof. We went to the sea last summer.",
	"I moved to Lisbon.",
	"I hate olives, and Klara adopted a cat.",
	"I slept badly <script>alert(1)</script> & woke at four.",
}

// newSubject is somebody of whom nothing is kept.
func (s *scene) newSubject(t testing.TB) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, s.Keyring.Create(t.Context(), subject))
	require.NoError(t, s.DB.EnsureSubject(t.Context(), subject))
	t.Cleanup(func() { require.NoError(t, s.index.DeleteTenant(context.Background(), subject)) })
	return subject
}

// newPerson has lived with the product for a while. What they tell is marked with a word
// that nobody else uses.
func (s *scene) newPerson(t testing.TB, mark string) person {
	t.Helper()
	p := person{subject: s.newSubject(t), words: []string{mark}}
	session, err := s.store.CreateSession(t.Context(), p.subject, "a phone of "+mark, time.Hour)
	require.NoError(t, err)
	p.session = session.ID
	analysis := &mirror.Analysis{Primary: "sadness", Intensity: 0.8, Confidence: 0.9}
	for i, text := range append([]string{"My " + mark + " is gone."}, told...) {
		s.tells(t, p, text, analysis, crisis.Imminent, i == 0)
	}
	for week := range 8 { // a feeling that keeps coming back
		ref := interaction.Ref{Subject: p.subject, Session: uuid.New(), Interaction: uuid.New(), Workflow: "person/" + p.subject.String() + "/interaction/" + uuid.NewString()}
		s.remembers(t, memory.RememberInput{Ref: ref, Text: "I cried again.", SaidAt: time.Now().AddDate(0, 0, -7*week-1), Analysis: analysis})
	}
	_, err = s.memory.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.subject})
	require.NoError(t, err)
	p.vault = "Nobody knows of " + mark + "."
	_, in, _, err := s.memories.Accept(t.Context(), memory.Offer{
		Subject: p.subject, IdempotencyKey: "vault", Content: memory.Content{Text: p.vault, Vault: true}, SaidAt: time.Now(),
	})
	require.NoError(t, err)
	s.remembers(t, in)
	_, _, _, err = s.memories.Accept(t.Context(), memory.Offer{Subject: p.subject, IdempotencyKey: "queued", Content: memory.Content{Text: "On its way"}, SaidAt: time.Now()})
	require.NoError(t, err)
	s.restOf(t, p)
	return p
}

// restOf leaves something in the tables that conversations do not fill.
func (s *scene) restOf(t testing.TB, p person) {
	t.Helper()
	require.NoError(t, s.feedback.SetTriggers(t.Context(), p.subject, []string{"dogs"}))
	vaults := &memory.Vaults{DB: s.DB, Keys: s.Keyring, Audit: s.Audit}
	_, err := vaults.Open(t.Context(), p.subject, p.session)
	require.NoError(t, err)
	line := memory.ImportLine{Session: "a", SaidAt: time.Now().AddDate(-1, 0, 0), Content: memory.Content{Text: "I planted tulips."}}
	i, _, err := s.memories.AcceptImport(t.Context(), memory.Bundle{Subject: p.subject, IdempotencyKey: "i", Body: []byte("x"), Lines: []memory.ImportLine{line}})
	require.NoError(t, err)
	_, err = s.memory.ImportPage(t.Context(), memory.ImportInput{Subject: p.subject, Import: i.ID})
	require.NoError(t, err)
	conn := connect(t, s.urls.App)
	_, err = conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", p.subject.String())
	require.NoError(t, err)
	for _, statement := range []string{
		`insert into consent_decisions (subject_id, purpose, decided_at, id, decision, text_version, language, text_hash, receipt) values ($1, 'memory', now(), gen_random_uuid(), 'given', 1, 'en', sha256('t'), 'r')`,
		`insert into filter_feedback (subject_id, kind, about, rating, scores) values ($1, 'resource', '=r', 'helpful', '{"a": 0.25}')`,
		`insert into memory_forgettings (subject_id, id, nodes, sources, counts, previewed_at, expires_at) values ($1, gen_random_uuid(), array[gen_random_uuid()], '{}', '{"turns": 1}', now(), now())`,
		`insert into privacy_imports (subject_id, id, state, requested_at, failure, ended_at) values ($1, gen_random_uuid(), 'failed', now(), 'altered', now())`,
	} {
		_, err = conn.Exec(t.Context(), statement, p.subject)
		require.NoError(t, err)
	}
}

// tells says something in the session, and has it answered and remembered.
func (s *scene) tells(t testing.TB, p person, text string, analysis *mirror.Analysis, severity crisis.Severity, alarming bool) {
	t.Helper()
	rec, _, err := s.store.Accept(t.Context(), synthesis.Acceptance{Subject: p.subject, Session: p.session, IdempotencyKey: text, Body: []byte(text)})
	require.NoError(t, err)
	answer := synthesis.Answer{Source: synthesis.Composed, Text: "You said: " + text, Analysis: analysis}
	if alarming {
		answer.Source, answer.Crisis = synthesis.CrisisAnswer, &crisis.Assessment{Severity: severity}
	}
	_, err = s.store.Deliver(t.Context(), synthesis.DeliverInput{
		Ref: rec.Ref, Words: text, AcceptedAt: rec.AcceptedAt, Context: interaction.Context{Country: "NZ", Place: "at home"}, Answer: answer,
		Steps: []interaction.StepRecord{{Step: interaction.Delivery, State: interaction.Completed, StartedAt: rec.AcceptedAt}},
	})
	require.NoError(t, err)
	s.remembers(t, memory.RememberInput{Ref: rec.Ref, Text: text, SaidAt: rec.AcceptedAt, Analysis: analysis})
}

func (s *scene) remembers(t testing.TB, in memory.RememberInput) {
	t.Helper()
	kept, err := s.memory.Remember(t.Context(), in)
	require.NoError(t, err)
	_, err = s.memory.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes, Gone: kept.Gone, Origin: in.Origin})
	require.NoError(t, err)
}

// key is a new key of a person's own.
func key(t testing.TB) *age.X25519Identity {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return k
}

// asks makes the row of an export to a key.
func (s *scene) asks(t testing.TB, subject uuid.UUID, k *age.X25519Identity, formats ...export.Format) (export.Export, export.WriteInput) {
	t.Helper()
	e, in, err := s.Request(t.Context(), export.Asked{Subject: subject, IdempotencyKey: uuid.NewString(), Lock: export.Lock{Recipient: k.Recipient().String()}, Formats: formats})
	require.NoError(t, err)
	return e, in
}

// exports asks for an export and has it written.
func (s *scene) exports(t testing.TB, subject uuid.UUID, k *age.X25519Identity, formats ...export.Format) export.Export {
	t.Helper()
	_, in := s.asks(t, subject, k, formats...)
	e, err := s.Write(t.Context(), in, nil)
	require.NoError(t, err)
	return e
}

// fetch is the encrypted file.
func (s *scene) fetch(t testing.TB, subject, id uuid.UUID) []byte {
	t.Helper()
	_, c, err := s.Fetch(t.Context(), subject, id)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	file, err := io.ReadAll(c)
	require.NoError(t, err)
	return file
}

// open decrypts and verifies an export.
func (s *scene) open(t testing.TB, file []byte, with age.Identity) *export.Archive {
	t.Helper()
	content, size, err := age.DecryptReaderAt(bytes.NewReader(file), int64(len(file)), with)
	require.NoError(t, err)
	signed, err := s.Key(t.Context())
	require.NoError(t, err)
	a, err := export.Open(content, size, &signed.Public)
	require.NoError(t, err)
	require.NoError(t, a.Check(t.Context(), nil))
	return a
}

// text is a file of an archive.
func text(t testing.TB, a *export.Archive, name string) string {
	t.Helper()
	r, err := a.Open(name)
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(content)
}

// records are those of a file of an archive.
func records(t testing.TB, a *export.Archive, name string) (all []map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text(t, a, name)), &all), name)
	return all
}

// files are the names in a folder of the bucket, hidden ones too.
func (s *scene) files(t testing.TB) (names []string) {
	t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	})
	require.NoError(t, err)
	return names
}
