package vectors

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
)

// settle has Weaviate hand over to the operating system what it still keeps to itself of
// the batch before. As of 1.35.2 it answers a batch when the objects are in their log, but
// the vectors only in the buffer of theirs, 4 KiB, which the next write empties: a server
// that is killed before that has the objects afterwards, and no search by vector finds
// them. Removing an object that nobody has is such a write.
func (x *Index) settle(ctx context.Context, class, tenant string) error {
	none := x.client.Batch().ObjectsBatchDeleter().WithClassName(class).WithWhere(among([]uuid.UUID{uuid.Nil}))
	if tenant != "" {
		none = none.WithTenant(tenant)
	}
	if _, err := none.Do(ctx); err != nil {
		return fmt.Errorf("have a batch written down: %w", classify(err))
	}
	return nil
}

// Replace is [Index.Put] for objects that may be there without their vectors: a batch that
// was under way when the server was killed, or what [Index.Unfound] names. Weaviate does
// not look at the vector of an object that it has just as it is put, so they are removed
// before.
func (x *Index) Replace(ctx context.Context, subject uuid.UUID, objects ...Object) error {
	ids := make([]uuid.UUID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	if err := x.Delete(ctx, subject, ids...); err != nil {
		return err
	}
	return x.Put(ctx, subject, objects...)
}

// Unfound are those of some objects that no search by vector finds; length is that of the
// vectors. Whatever the index does not hold at all is among them.
func (x *Index) Unfound(ctx context.Context, subject uuid.UUID, length int, ids ...uuid.UUID) ([]uuid.UUID, error) {
	lost := slices.Clone(ids)
	for batch := range slices.Chunk(ids, batchSize) {
		var found []uuid.UUID
		err := x.guarded(func() (err error) {
			found, err = x.found(ctx, subject, askew(length), batch)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("search for %d memories of %s by their vectors: %w", len(batch), subject, err)
		}
		lost = slices.DeleteFunc(lost, func(id uuid.UUID) bool { return slices.Contains(found, id) })
	}
	return lost, nil
}

// found are those of some objects that have a vector in the index: asked for as many as
// they are, a search returns them all, however far away.
func (x *Index) found(ctx context.Context, subject uuid.UUID, from []float32, batch []uuid.UUID) ([]uuid.UUID, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	near := x.client.GraphQL().NearVectorArgBuilder().WithVector(from).WithTargetVectors(vectorName)
	response, err := x.client.GraphQL().Get().WithClassName(className).WithTenant(TenantOf(subject)).WithLimit(len(batch)).
		WithNearVector(near).WithWhere(among(batch)).
		WithFields(graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "id"}, {Name: "distance"}}}).Do(ctx)
	if err = classifyGraphQL(response, err); err != nil {
		return nil, err
	}
	var data struct{ Get struct{ Memory []found } }
	if err := decode(response, &data); err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	for _, o := range data.Get.Memory {
		// It is 0 also where the signs of a vector are left, and the vector is not.
		if o.Additional.Distance != 0 {
			ids = append(ids, o.Additional.ID)
		}
	}
	return ids, nil
}

// askew is a vector that points where no model's does: at distance 0 of none.
func askew(length int) []float32 {
	v := make([]float32, length)
	for i := range v {
		v[i] = 1 + float32(i%7)
		if i%3 == 1 {
			v[i] = -v[i]
		}
	}
	return v
}
