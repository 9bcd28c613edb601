package erasure_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"google.golang.org/protobuf/types/known/durationpb"

	"meai/activities/approval"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
	"meai/activities/privacy/requests"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// world is what is outside of a database, and goes on when that goes back.
type world struct {
	keys *keyring.Keyring
	acts *ledger.Ledger
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{keys: enginetest.Keyring(t)}
	var err error
	w.acts, err = ledger.Open(t.Context(), ledger.Options{
		Buckets: []string{"file://" + t.TempDir() + "/ledger?create_dir=true"}, Key: ledger.KeyOf(w.keys), Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.acts.Close()) })
	return w
}

// scene is one copy of the database with the steps of erasures on it.
type scene struct {
	*erasure.Activities
	world *world
	urls  enginetest.URLs
	log   *audit.Log
	acts  *ledger.Committer
	held  bool
	// spent are approvals that were used, and by what.
	spent  map[uuid.UUID]string
	begun  []uuid.UUID
	rights *requests.Store
	env    *testsuite.TestActivityEnvironment
}

func newScene(t *testing.T) *scene { t.Helper(); return newWorld(t).scene(t) }

func (w *world) scene(t *testing.T) *scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	log := audit.New(audit.Options{DB: db, Keys: w.keys})
	s := &scene{world: w, urls: urls, log: log, rights: requests.NewStore(db, w.keys), spent: map[uuid.UUID]string{}, env: (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()}
	s.acts = ledger.NewCommitter(w.acts, db, map[ledger.Kind]ledger.Applier{
		ledger.ErasureRequested: erasure.ApplyRequested(w.keys, log), ledger.ErasureCancelled: erasure.ApplyCancelled(log),
		ledger.ErasureCompleted: keys.ApplyErased(log, w.keys),
	})
	all, err := stores.Tables(t.Context(), db)
	require.NoError(t, err)
	s.Activities = &erasure.Activities{
		Store: &erasure.Store{
			DB: db, Keys: w.keys, Audit: log, Ledger: s.acts, CoolingOff: time.Hour, Stores: all, Approve: s.approve,
			Register: erasure.RegisterIn(s.rights),
			Retained: erasure.Retained{Logs: 30 * 24 * time.Hour, Backups: 40 * 24 * time.Hour},
		},
		Keys: &keys.Activities{Keyring: w.keys, DB: db, Audit: log, Ledger: s.acts, Temporal: temporal(t), Namespace: namespace},
		Held: func(context.Context, *queries.Queries, uuid.UUID) (bool, error) { return s.held, nil },
		Begin: func(_ context.Context, id uuid.UUID) error {
			s.begun = append(s.begun, id)
			return nil
		},
		Log: slog.New(slog.DiscardHandler),
	}
	s.env.RegisterActivity(s.Activities)
	return s
}

const namespace = "erasure-test"

func temporal(t *testing.T) client.Client {
	t.Helper()
	address := enginetest.Config(t).Temporal.Address
	c, err := client.NewLazyClient(client.Options{HostPort: address, Namespace: namespace, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	defer namespaces.Close()
	err = namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if _, exists := err.(*serviceerror.NamespaceAlreadyExists); !exists {
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { // a new namespace takes a moment
		_, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace})
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	return c
}

// approve stands for two others who agree to everything once.
func (s *scene) approve(_ context.Context, in approval.UseInput) (approval.Request, error) {
	if by, used := s.spent[in.ID]; used && by != in.By {
		return approval.Request{}, errUsed
	}
	s.spent[in.ID] = in.By
	return approval.Request{ID: in.ID}, nil
}

// do runs an activity as a worker does.
func do[Out, In any](t *testing.T, s *scene, f func(context.Context, In) (Out, error), in In) (out Out) {
	t.Helper()
	out, err := try(s, f, in)
	require.NoError(t, err)
	return out
}

func try[Out, In any](s *scene, f func(context.Context, In) (Out, error), in In) (out Out, err error) {
	value, err := s.env.ExecuteActivity(f, in)
	if err == nil {
		err = value.Get(&out)
	}
	return out, err
}

// newPerson is somebody with rows in two tables.
func (s *scene) newPerson(t *testing.T) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, s.world.keys.Create(t.Context(), subject))
	require.NoError(t, s.Store.DB.EnsureSubject(t.Context(), subject))
	s.addRows(t, subject)
	return subject
}

func (s *scene) addRows(t *testing.T, subject uuid.UUID) {
	t.Helper()
	now := time.Now()
	for range 3 {
		require.NoError(t, s.Store.DB.Write(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
			return q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: subject, ID: uuid.Must(uuid.NewV7()), CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		}))
	}
	_, _, _, err := memory.NewStore(s.Store.DB, s.world.keys).Accept(t.Context(), memory.Offer{
		Subject: subject, IdempotencyKey: uuid.NewString(), Content: memory.Content{Text: "I slept badly."}, SaidAt: now,
	})
	require.NoError(t, err)
}

// lateWrite is a row that comes past everything that guards a person's tables.
func (s *scene) lateWrite(t *testing.T, subject uuid.UUID) {
	t.Helper()
	conn := connect(t, s.urls.App)
	exec(t, conn, "select set_config('app.subject', $1, false)", subject.String())
	exec(t, conn, "insert into sessions (subject_id, id, created_at, expires_at) values ($1, $2, now(), now())", subject, uuid.New())
}

// request has a person erased at once.
func (s *scene) request(t *testing.T, subject uuid.UUID) erasure.Ref {
	t.Helper()
	e, err := s.Store.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.GDPR, Now: true})
	require.NoError(t, err)
	return erasure.Ref{ID: e.ID}
}

// prepare takes an erasure to the point of no return, and not past it.
func (s *scene) prepare(t *testing.T, ref erasure.Ref) {
	t.Helper()
	do(t, s, s.Look, ref)
	require.Equal(t, erasure.Freezing, do(t, s, s.Freeze, ref).State)
	require.Equal(t, erasure.Counting, do(t, s, s.Count, ref).State)
	require.Equal(t, erasure.Ending, do(t, s, s.EndWorkflows, ref).State)
}

// destroy takes it past the point of no return.
func (s *scene) destroy(t *testing.T, ref erasure.Ref) {
	t.Helper()
	require.Equal(t, erasure.Destroying, do(t, s, s.PassPoint, ref).State)
	do(t, s, s.Bury, ref)
	_, err := s.env.ExecuteActivity(s.Clear, ref)
	require.NoError(t, err)
}

// empty deletes until the person is out of the registry.
func (s *scene) empty(t *testing.T, ref erasure.Ref) {
	t.Helper()
	for _, store := range do(t, s, s.Plan, ref).Stores {
		do(t, s, s.DeleteStores, erasure.StoresInput{Ref: ref, Stores: []string{store.Name}})
	}
	left := do(t, s, s.Remove, ref)
	require.True(t, left.Nothing(), "%v", left)
}

// finish takes it from there to its certificate.
func (s *scene) finish(t *testing.T, ref erasure.Ref) {
	t.Helper()
	do(t, s, s.CleanUp, ref)
	left := do(t, s, s.Scan, ref)
	require.True(t, left.Nothing(), "%v", left)
	require.Equal(t, erasure.Certified, do(t, s, s.Certify, ref).State)
}

func (s *scene) erase(t *testing.T, subject uuid.UUID) erasure.Ref {
	t.Helper()
	ref := s.request(t, subject)
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.empty(t, ref)
	s.finish(t, ref)
	return ref
}

func (s *scene) state(t *testing.T, ref erasure.Ref) erasure.State {
	t.Helper()
	e, err := s.Store.Erasure(t.Context(), ref.ID)
	require.NoError(t, err)
	return e.State
}

// rows counts what all tables hold of a person.
func (s *scene) rows(t *testing.T, subject uuid.UUID) (n int64) {
	t.Helper()
	for _, store := range s.Store.Stores {
		held, err := store.Count(t.Context(), subject)
		require.NoError(t, err)
		n += held
	}
	return n
}

// registered is what the register has of an erasure.
func (s *scene) registered(t *testing.T, ref erasure.Ref) requests.Request {
	t.Helper()
	r, err := s.rights.Request(t.Context(), ref.ID)
	require.NoError(t, err)
	return r
}

// trail is what the audit log says, in order, without what the register does.
func (s *scene) trail(t *testing.T) (acts []audit.Act) {
	t.Helper()
	page, err := s.log.Entries(t.Context(), 0, audit.HMAC{}, 1000)
	require.NoError(t, err)
	for _, e := range page.Entries {
		if e.Kind != audit.PrivacyRequest {
			acts = append(acts, e.Act)
		}
	}
	return acts
}

func (s *scene) alias(t *testing.T, subject uuid.UUID) alias.Alias {
	t.Helper()
	a, err := alias.Of(t.Context(), s.world.keys, subject)
	require.NoError(t, err)
	return a
}

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

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var answer *pgconn.PgError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, code, answer.Code, "%v", err)
}

const (
	checkViolation        = "23514"
	insufficientPrivilege = "42501"
)

// dying is a process that is killed after the ledger has an act and before the database.
type dying struct{ s *scene }

var errKilled = errors.New("killed")

func (d dying) Commit(ctx context.Context, act ledger.Act) (ledger.Entry, error) {
	e, err := d.s.world.acts.Append(ctx, act)
	return e, errors.Join(err, errKilled)
}
