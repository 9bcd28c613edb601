package index

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
	"github.com/weaviate/weaviate/entities/models"

	"meai/activities/backup/repository"
	"meai/internal/custody"
)

// sampler takes samples of objects, and finds them again.
type sampler struct {
	*engine
	key []byte
}

// newSampler derives the key of the sums from the backup's data key, which seals with
// keys that it derives in another way.
func newSampler(e *engine, key custody.Key) *sampler {
	derived := hmac.New(sha256.New, key.Secret)
	derived.Write([]byte("meai-backup/1 samples of vectors"))
	return &sampler{engine: e, key: derived.Sum(nil)}
}

// take samples up to n objects of each collection, spread over its tenants, each from a
// random place in its tenant.
func (s *sampler) take(ctx context.Context, held holdings, n int) ([]repository.Sample, error) {
	var samples []repository.Sample
	for _, collection := range slices.Sorted(maps.Keys(held)) {
		var tenants []string
		for _, tenant := range slices.Sorted(maps.Keys(held[collection])) {
			if held[collection][tenant] > 0 {
				tenants = append(tenants, tenant)
			}
		}
		rand.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
		seen := make(map[string]bool) // an object may be drawn twice
		for draw := range n * min(len(tenants), 1) {
			tenant := tenants[draw%len(tenants)]
			o, err := s.draw(ctx, collection, tenant)
			if err != nil {
				return nil, err
			}
			if o == nil || seen[tenant+o.ID.String()] {
				continue
			}
			seen[tenant+o.ID.String()] = true
			sample, err := s.of(collection, tenant, o)
			if err != nil {
				return nil, err
			}
			samples = append(samples, sample)
		}
	}
	return samples, nil
}

// draw returns the first object after a random id, or the very first; nil when there is
// none any more.
func (s *sampler) draw(ctx context.Context, collection, tenant string) (*models.Object, error) {
	for _, after := range []uuid.UUID{uuid.New(), uuid.Nil} {
		query := s.client.Data().ObjectsGetter().WithClassName(collection).WithAfter(after.String()).WithLimit(1).WithVector()
		if tenant != "" {
			query = query.WithTenant(tenant)
		}
		found, err := query.Do(ctx)
		if answers(err, http.StatusUnprocessableEntity) && tenantMissing(err.Error()) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("sample tenant %q of %s: %w", tenant, collection, classify(err))
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return nil, nil
}

// of is the sample that an object makes.
func (s *sampler) of(collection, tenant string, o *models.Object) (repository.Sample, error) {
	id, err := uuid.Parse(o.ID.String())
	if err != nil {
		return repository.Sample{}, fmt.Errorf("sample tenant %q of %s: %w", tenant, collection, err)
	}
	sum := hmac.New(sha256.New, s.key)
	fmt.Fprintf(sum, "%s\n%s\n%s\n", collection, tenant, id)
	for name, vector := range vectorsOf(o) {
		fmt.Fprintf(sum, "%s %d\n", name, len(vector))
		values := make([]byte, 0, 4*len(vector))
		for _, value := range vector {
			values = binary.LittleEndian.AppendUint32(values, math.Float32bits(value))
		}
		sum.Write(values)
	}
	return repository.Sample{Collection: collection, Tenant: tenant, ID: id, Sum: hex.EncodeToString(sum.Sum(nil))}, nil
}

// vectorsOf goes through an object's vectors in the order of their names; one without a
// name is called "".
func vectorsOf(o *models.Object) func(yield func(string, []float32) bool) {
	return func(yield func(string, []float32) bool) {
		if len(o.Vector) > 0 && !yield("", o.Vector) {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(o.Vectors)) {
			if !yield(name, o.Vectors[name]) {
				return
			}
		}
	}
}

// find reads the object of a sample; nil when it does not exist.
func (s *sampler) find(ctx context.Context, sample repository.Sample) (*models.Object, error) {
	query := s.client.Data().ObjectsGetter().WithClassName(sample.Collection).WithID(sample.ID.String()).WithVector()
	if sample.Tenant != "" {
		query = query.WithTenant(sample.Tenant)
	}
	found, err := query.Do(ctx)
	if answers(err, http.StatusNotFound) || answers(err, http.StatusUnprocessableEntity) && tenantMissing(err.Error()) {
		return nil, nil
	}
	if err != nil || len(found) == 0 {
		return nil, wrapped(fmt.Sprintf("look for object %s of %s", sample.ID, sample.Collection), classify(err))
	}
	return found[0], nil
}

// unchanged keeps the samples whose objects are as they were: those are in the backup.
func (s *sampler) unchanged(ctx context.Context, samples []repository.Sample) (kept []repository.Sample, err error) {
	for _, sample := range samples {
		o, err := s.find(ctx, sample)
		if err != nil {
			return nil, err
		}
		if o == nil {
			continue
		}
		now, err := s.of(sample.Collection, sample.Tenant, o)
		if err != nil {
			return nil, err
		}
		if now == sample {
			kept = append(kept, sample)
		}
	}
	return kept, nil
}

// check says what is wrong with a sample's object, nothing when it is there, has the
// vectors it had, and is what a search for each of them finds.
func (s *sampler) check(ctx context.Context, sample repository.Sample) (wrong string, err error) {
	where := fmt.Sprintf("object %s of tenant %q of %s", sample.ID, sample.Tenant, sample.Collection)
	o, err := s.find(ctx, sample)
	if err != nil {
		return "", err
	}
	if o == nil {
		return where + " is missing", nil
	}
	now, err := s.of(sample.Collection, sample.Tenant, o)
	if err != nil {
		return "", err
	}
	if now != sample {
		return where + " has another vector", nil
	}
	for name, vector := range vectorsOf(o) {
		found, err := s.finds(ctx, sample, name, vector)
		if err != nil {
			return "", err
		}
		if !found {
			return fmt.Sprintf("%s is not found by its vector %q", where, name), nil
		}
	}
	return "", nil
}

const (
	// nearEnough is the distance of a vector to itself, as searches compute it.
	nearEnough = 1e-3
	// candidates are compared exactly, after a search by quantised vectors.
	candidates = 10
)

// finds reports whether a search for a vector finds one that is the same.
func (s *sampler) finds(ctx context.Context, sample repository.Sample, name string, vector []float32) (bool, error) {
	near := s.client.GraphQL().NearVectorArgBuilder().WithVector(vector)
	if name != "" {
		near = near.WithTargetVectors(name)
	}
	query := s.client.GraphQL().Get().WithClassName(sample.Collection).WithNearVector(near).WithLimit(candidates).
		WithFields(graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "distance"}}})
	if sample.Tenant != "" {
		query = query.WithTenant(sample.Tenant)
	}
	response, err := query.Do(ctx)
	if missing, err := graphError(response, err); err != nil || missing {
		return false, wrapped(fmt.Sprintf("search tenant %q of %s", sample.Tenant, sample.Collection), err)
	}
	var data struct {
		Get map[string][]struct {
			Additional struct{ Distance float64 } `json:"_additional"`
		}
	}
	if err := decode(response, &data); err != nil {
		return false, err
	}
	found := data.Get[sample.Collection]
	return len(found) > 0 && found[0].Additional.Distance <= nearEnough, nil
}
