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
func (s *sampler) take(ctx context.Context, held holdings, n int) (samples []repository.Sample, err error) {
	done, total := int64(0), int64(n*len(held))
	for _, collection := range slices.Sorted(maps.Keys(held)) {
		tenants := slices.Sorted(maps.Keys(held[collection]))
		tenants = slices.DeleteFunc(tenants, func(tenant string) bool { return held[collection][tenant] == 0 })
		rand.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
		seen := make(map[repository.Sample]bool) // an object may be drawn twice
		for i := range n {
			if len(tenants) > 0 {
				sample, found, err := s.draw(ctx, collection, tenants[i%len(tenants)])
				if err != nil {
					return nil, err
				}
				if found && !seen[sample] {
					samples = append(samples, sample)
				}
				seen[sample] = true
			}
			done++
			s.o.tell(Sampling, done, total)
		}
	}
	return samples, nil
}

// draw samples the first object after a random id, or the very first one.
func (s *sampler) draw(ctx context.Context, collection, tenant string) (_ repository.Sample, found bool, err error) {
	for _, after := range []uuid.UUID{uuid.New(), uuid.Nil} {
		o, err := s.next(ctx, collection, tenant, after)
		if err != nil {
			return repository.Sample{}, false, err
		}
		if o == nil {
			continue
		}
		sample, err := s.of(collection, tenant, o)
		if err != nil {
			return repository.Sample{}, false, err
		}
		name, err := s.unfound(ctx, sample, o)
		sample.Lost = name != nil
		return sample, err == nil, err
	}
	return repository.Sample{}, false, nil
}

// next reads the first object after an id; nil when there is none.
func (s *sampler) next(ctx context.Context, collection, tenant string, after uuid.UUID) (*models.Object, error) {
	query := s.client.Data().ObjectsGetter().WithClassName(collection).WithAfter(after.String()).WithLimit(1).WithVector()
	if tenant != "" {
		query = query.WithTenant(tenant)
	}
	found, err := query.Do(ctx)
	if answers(err, http.StatusUnprocessableEntity) && tenantMissing(err.Error()) {
		return nil, nil
	}
	if err != nil || len(found) == 0 {
		return nil, wrapped(fmt.Sprintf("sample tenant %q of %s", tenant, collection), classify(err))
	}
	return found[0], nil
}

// of is the sample that an object makes.
func (s *sampler) of(collection, tenant string, o *models.Object) (repository.Sample, error) {
	id, err := uuid.Parse(o.ID.String())
	if err != nil {
		return repository.Sample{}, fmt.Errorf("sample tenant %q of %s: %w", tenant, collection, err)
	}
	sum := hmac.New(sha256.New, s.key)
	sum.Write(fmt.Appendf(nil, "%s\n%s\n%s\n", collection, tenant, id))
	for name, vector := range vectorsOf(o) {
		sum.Write(fmt.Appendf(nil, "%s %d\n", name, len(vector)))
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

// unchanged keeps the samples whose objects are still as they were: those are in the
// backup as they are here.
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
		if now.Sum == sample.Sum {
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
	if now.Sum != sample.Sum {
		return where + " has another vector", nil
	}
	if sample.Lost {
		return "", nil
	}
	name, err := s.unfound(ctx, sample, o)
	if err != nil || name == nil {
		return "", err
	}
	return fmt.Sprintf("%s is not found by its vector %q", where, *name), nil
}

// unfound names a vector that a search does not find the object by; nil when all do.
func (s *sampler) unfound(ctx context.Context, sample repository.Sample, o *models.Object) (*string, error) {
	for name, vector := range vectorsOf(o) {
		found, err := s.finds(ctx, sample, name, vector)
		if err != nil {
			return nil, err
		}
		if !found {
			return &name, nil
		}
	}
	return nil, nil
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
