package index_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/weaviate/weaviate-go-client/v4/weaviate"
	"github.com/weaviate/weaviate/entities/models"

	"meai/activities/backup/index"
	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/vectors"
	"meai/internal/weaviateserver"
)

// node is the name of the servers' node, unless a test says otherwise.
const node = "node1"

// server is a Weaviate server of the test's own.
type server struct {
	*weaviateserver.Server
	options weaviateserver.Options
	index   *vectors.Index
	client  *weaviate.Client
}

func newServer(t *testing.T, name string) *server {
	t.Helper()
	binary, err := weaviateserver.Find()
	require.NoError(t, err)
	s := &server{options: weaviateserver.Options{Binary: binary, Data: filepath.Join(t.TempDir(), "data"), Node: name}}
	s.start(t)
	t.Cleanup(func() { s.Kill() })
	return s
}

// start runs the server, again after it was killed.
func (s *server) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = weaviateserver.Start(t.Context(), s.options)
	require.NoError(t, err)
	s.index, err = vectors.Open(t.Context(), vectors.Options{URL: s.URL(), APIKey: s.APIKey(), Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(s.index.Close)
	s.client, err = weaviate.NewClient(weaviate.Config{Scheme: "http", Host: s.URL()[len("http://"):], Headers: map[string]string{"Authorization": "Bearer " + s.APIKey()}})
	require.NoError(t, err)
}

// how are the options for this server.
func (s *server) how() index.Options {
	return index.Options{URL: s.URL(), APIKey: s.APIKey(), Staging: "file://" + s.Backups()}
}

// staged are the folders and files in the staging.
func (s *server) staged(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.Backups())
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (s *server) collections(t *testing.T) []string {
	t.Helper()
	schema, err := s.client.Schema().Getter().Do(t.Context())
	require.NoError(t, err)
	var names []string
	for _, class := range schema.Classes {
		names = append(names, class.Class)
	}
	return names
}

func (s *server) status(t *testing.T, subject uuid.UUID) string {
	t.Helper()
	tenants, err := s.client.Schema().TenantsGetter().WithClassName("Memory").Do(t.Context())
	require.NoError(t, err)
	for _, tenant := range tenants {
		if tenant.Name == vectors.TenantOf(subject) {
			return tenant.ActivityStatus
		}
	}
	return "none"
}

func (s *server) deactivate(t *testing.T, subject uuid.UUID) {
	t.Helper()
	err := s.client.Schema().TenantsUpdater().WithClassName("Memory").
		WithTenants(models.Tenant{Name: vectors.TenantOf(subject), ActivityStatus: models.TenantActivityStatusINACTIVE}).Do(t.Context())
	require.NoError(t, err)
}

// subject makes a tenant with some memories.
func (s *server) subject(t *testing.T, memories int) uuid.UUID {
	t.Helper()
	require.NoError(t, s.index.EnsureClass(t.Context()))
	subject := uuid.New()
	require.NoError(t, s.index.EnsureTenant(t.Context(), subject))
	s.remember(t, subject, 0, memories)
	return subject
}

func (s *server) remember(t *testing.T, subject uuid.UUID, from, to int) {
	t.Helper()
	var all []vectors.Object
	for i := from; i < to; i++ {
		all = append(all, object(subject, i))
	}
	require.NoError(t, s.index.Put(t.Context(), subject, all...))
}

func object(subject uuid.UUID, i int) vectors.Object {
	return vectors.Object{
		ID: uuid.NewSHA1(subject, []byte{byte(i >> 8), byte(i)}), Kind: "turn", SaidAt: time.Date(2026, 5, 4, 12, i, 0, 0, time.UTC),
		Model: "test", Vector: pointing(i), Turn: []vectors.Term{vectors.Term(i), vectors.Term(i + 1)},
	}
}

const dimensions = 64

// pointing is a unit vector, another one for each number. As those of models, it has no
// zeros: quantised to signs, vectors that are mostly zeros are all the same.
func pointing(i int) []float32 {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	v := make([]float32, dimensions)
	square := 0.0
	for j := range v {
		v[j] = float32(random.NormFloat64())
		square += float64(v[j]) * float64(v[j])
	}
	for j := range v {
		v[j] /= float32(math.Sqrt(square))
	}
	return v
}

// guests makes a collection whose only tenant is inactive, and stays so when it is used.
func (s *server) guests(t *testing.T) {
	t.Helper()
	require.NoError(t, s.client.Schema().ClassCreator().WithClass(&models.Class{
		Class: "Guests", MultiTenancyConfig: &models.MultiTenancyConfig{Enabled: true},
	}).Do(t.Context()))
	tenant := models.Tenant{Name: "one"}
	require.NoError(t, s.client.Schema().TenantsCreator().WithClassName("Guests").WithTenants(tenant).Do(t.Context()))
	_, err := s.client.Data().Creator().WithClassName("Guests").WithTenant("one").WithVector(pointing(1)).Do(t.Context())
	require.NoError(t, err)
	tenant.ActivityStatus = models.TenantActivityStatusINACTIVE
	require.NoError(t, s.client.Schema().TenantsUpdater().WithClassName("Guests").WithTenants(tenant).Do(t.Context()))
}

var catalogue = vectors.Catalogue{Name: "Library", Edition: "1"}

func (s *server) fillCatalogue(t *testing.T) {
	t.Helper()
	var items []vectors.Item
	for i := range 12 {
		items = append(items, vectors.Item{Key: string(rune('a' + i)), Labels: []string{"kind:x"}, Amount: i, Vector: pointing(i)})
	}
	require.NoError(t, s.index.EnsureCatalogue(t.Context(), catalogue, items))
}

// found are answers to searches: by meaning and by words.
func (s *server) found(t *testing.T, subject uuid.UUID) [][]vectors.Hit {
	t.Helper()
	var all [][]vectors.Hit
	for _, q := range []vectors.Query{
		{Vector: pointing(3), Limit: 10}, {Terms: []vectors.Term{2, 5}, Limit: 10},
	} {
		hits, err := s.index.Search(t.Context(), subject, q)
		require.NoError(t, err)
		all = append(all, hits)
	}
	return all
}

// shelf is a repository in a folder, with the keys to it.
type shelf struct {
	*repository.Repository
	dir  string
	to   custody.Recipients
	key  custody.Key
	keys *repository.Keys
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	var declared [3]string
	var prover custody.Identity
	for i := range declared {
		private, public, err := custody.NewIdentity()
		require.NoError(t, err)
		declared[i] = public
		prover, err = custody.ParseIdentity(private)
		require.NoError(t, err)
	}
	var err error
	s.to, err = custody.ParseRecipients("anna="+declared[0]+" bo="+declared[1], declared[2])
	require.NoError(t, err)
	s.Repository, err = repository.Open(t.Context(), "file://"+s.dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.key, err = s.NewKey(t.Context(), s.to)
	require.NoError(t, err)
	s.keys = s.ProverKeys(prover)
	return s
}

func newID(t *testing.T) string {
	t.Helper()
	id, err := repository.NewID(repository.Weaviate, time.Now())
	require.NoError(t, err)
	return id
}

// take backs a server up, and commits the manifest.
func (s *shelf) take(t *testing.T, o index.Options) repository.Manifest {
	t.Helper()
	return s.takeAs(t, newID(t), o)
}

func (s *shelf) takeAs(t *testing.T, id string, o index.Options) repository.Manifest {
	t.Helper()
	started := time.Now()
	i, objects, err := index.Take(t.Context(), s.Repository, s.key, id, o)
	require.NoError(t, err)
	m := repository.Manifest{ID: id, Kind: repository.Weaviate, StartedAt: started, EndedAt: time.Now(), Objects: objects, Index: &i}
	require.NoError(t, s.Commit(t.Context(), m))
	m, err = s.Manifest(t.Context(), id)
	require.NoError(t, err)
	return m
}

// parts are the names of what lies in the repository of a backup.
func (s *shelf) parts(t *testing.T, id string) []string {
	t.Helper()
	names, err := s.Names(context.Background(), repository.PartName(id, ""))
	require.NoError(t, err)
	return names
}

func (s *shelf) file(m repository.Manifest) string {
	return filepath.Join(s.dir, filepath.FromSlash(m.Part(index.Part)))
}
