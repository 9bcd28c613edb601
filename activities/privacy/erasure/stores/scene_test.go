package stores_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"meai/activities/backup/copies"
	"meai/activities/backup/people"
	"meai/activities/escalation"
	"meai/activities/memory"
	"meai/activities/privacy/erasure/stores"
	"meai/internal/config"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/signing"
	"meai/internal/vectors"
)

// scene is everything that holds something of people, on real engines.
type scene struct {
	db     *postgres.DB
	super  *pgx.Conn
	keys   *keyring.Keyring
	index  *vectors.Index
	memory *memory.Activities
	// archives, copier and exports are in folders of dir.
	archives *people.Archives
	copier   *copies.Copier
	exports  objects.Erasable
	dir      string
	cases    *escalation.Store

	temporal  client.Client
	namespace string
	queue     string
	stores    []stores.Store
}

// places are where the engines of a scene are.
type places struct {
	app, super string // of the product's database
	temporal   string // of Temporal's own
	config     config.Config
	dir        string
	namespace  string
}

func newScene(t *testing.T, p places) *scene {
	t.Helper()
	s := &scene{dir: p.dir, namespace: p.namespace, queue: "stores-" + uuid.NewString()}
	var err error
	s.db, err = postgres.Open(t.Context(), postgres.Options{URL: p.app})
	require.NoError(t, err)
	t.Cleanup(s.db.Close)
	s.super = connect(t, p.super)
	s.keys, err = keyring.Open(t.Context(), keyring.Options{
		Bucket: "file://" + filepath.Join(p.dir, "keyring") + "?create_dir=true", KEK: "file://" + filepath.Join(p.dir, "kek.key"), Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.keys.Close()) })
	s.index, err = vectors.Open(t.Context(), vectors.Options{URL: p.config.Weaviate.URL, APIKey: p.config.Weaviate.APIKey, Timeout: 20 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(s.index.Close)
	require.NoError(t, s.index.EnsureClass(t.Context()))
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	s.memory = memory.New(memory.Options{DB: s.db, Keyring: s.keys, Vectors: s.index, Embedder: model, Logger: enginetest.Logger(t)})
	s.cases = escalation.NewStore(s.db, s.keys)
	s.openBuckets(t)
	s.openTemporal(t, p.config.Temporal.Address)
	s.stores, err = stores.New(t.Context(), stores.Options{
		DB: s.db, Keyring: s.keys, Index: s.index, Temporal: s.temporal, Namespace: s.namespace, TemporalURL: p.temporal,
		Escalations: s.cases, Archives: s.archives, Copies: s.openCopies(t), Exports: s.exports, ExportsOf: func(_ context.Context, subject uuid.UUID) ([]string, error) { return []string{exportsOf(subject)}, nil },
	})
	require.NoError(t, err)
	return s
}

func exportsOf(subject uuid.UUID) string { return "exports/" + keyring.Digest(subject) + "/" }

func (s *scene) folder(name string) string {
	return "file://" + filepath.Join(s.dir, name) + "?create_dir=true"
}

func (s *scene) openBuckets(t *testing.T) {
	t.Helper()
	for name, bucket := range map[string]*objects.Erasable{"exports": &s.exports} {
		opened, err := objects.OpenErasable(t.Context(), s.folder(name))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		*bucket = opened
	}
	archive, err := objects.OpenErasable(t.Context(), s.folder("archive"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, archive.Close()) })
	s.archives = &people.Archives{Store: archive, DB: s.db, Keyring: s.keys}
}

func (s *scene) openCopies(t *testing.T) *copies.Copies {
	t.Helper()
	signer, err := signing.Derive(t.Context(), s.keys, "test-copies", "test-signature")
	require.NoError(t, err)
	all, err := copies.Open(t.Context(), copies.Options{
		Sources:     []copies.Source{{Name: "archive", URL: s.folder("archive")}},
		Destination: s.folder("second"), Keyring: []string{s.folder("keyring")}, Signer: signer,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, all.Close()) })
	s.copier, _ = all.Copier("archive")
	return all
}

func (s *scene) openTemporal(t *testing.T, address string) {
	t.Helper()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	defer namespaces.Close()
	err = namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: s.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(72 * time.Hour),
	})
	var exists *serviceerror.NamespaceAlreadyExists
	if !errors.As(err, &exists) {
		require.NoError(t, err)
	}
	s.temporal, err = client.NewLazyClient(client.Options{HostPort: address, Namespace: s.namespace, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	w := worker.New(s.temporal, s.queue, worker.Options{})
	w.RegisterWorkflowWithOptions(story, workflow.RegisterOptions{Name: "Story"})
	require.Eventually(t, func() bool { return w.Start() == nil }, time.Minute, 200*time.Millisecond, "a new namespace takes a moment")
	t.Cleanup(w.Stop)
}

// story ends at once, or waits for a week.
func story(ctx workflow.Context, waits bool) error {
	if !waits {
		return nil
	}
	return workflow.Sleep(ctx, 7*24*time.Hour)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone
	return conn
}

func (s *scene) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := s.super.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err, sql)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return values
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// holdings are what is stored of a person, to the last value.
type holdings struct {
	// Rows are counts and sums of all their rows, by table.
	Rows    map[string]string
	Vectors string
	Recall  []string
	Counts  map[string]int64
	Files   map[string]string
}

// moment is when everything is asked for: what is near in time counts for more.
var moment = time.Now()

var questions = []string{"Where does my sister live?", "What frightens me?", "lake", "Who is Maya?"}

// holds reads all of it.
func (s *scene) holds(t *testing.T, subject uuid.UUID) holdings {
	t.Helper()
	h := holdings{Rows: map[string]string{}, Counts: s.counts(t, subject), Files: map[string]string{}}
	for _, table := range s.tables(t) {
		h.Rows[table] = query[string](t, s.super, "select count(*) || ' ' || coalesce(sum(hashtextextended(p::text, 0)), 0) from "+table+" p where subject_id = $1", subject)[0]
	}
	delete(h.Counts, "temporal.tasks") // the server works through them meanwhile
	held, err := s.index.Sample(t.Context(), subject, 1000)
	require.NoError(t, err)
	text, err := json.Marshal(held)
	require.NoError(t, err)
	h.Vectors = fmt.Sprintf("%d %x", len(held), sha256.Sum256(text))
	for _, question := range questions {
		found, err := s.memory.Recall(t.Context(), memory.RecallInput{Ref: refOf(subject), Query: question, Limit: 10, At: &moment})
		require.NoError(t, err)
		require.Empty(t, found.Degraded)
		text, err := json.Marshal(found)
		require.NoError(t, err)
		h.Recall = append(h.Recall, string(text))
	}
	for _, prefix := range []string{"archive/" + people.Prefix(subject), "second/copies/archive/objects/" + people.Prefix(subject), "exports/" + exportsOf(subject)} {
		files, err := filepath.Glob(filepath.Join(s.dir, prefix, "*"))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			h.Files[file] = fmt.Sprintf("%x", sha256.Sum256(content))
		}
	}
	return h
}

func (s *scene) tables(t *testing.T) []string {
	t.Helper()
	tables, err := s.db.PersonTables(t.Context())
	require.NoError(t, err)
	var names []string
	for _, table := range tables {
		names = append(names, table.Name)
	}
	return names
}

func (s *scene) counts(t *testing.T, subject uuid.UUID) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for _, store := range s.stores {
		n, err := store.Count(t.Context(), subject)
		require.NoError(t, err, store.Name())
		counts[store.Name()] = n
	}
	return counts
}

func withDatabase(t *testing.T, connection, name string) string {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func withUser(t *testing.T, connection, user, password string) string {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}
