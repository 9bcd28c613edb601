package vectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/filters"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
)

// Held is one object as the index holds it, all but its vector.
type Held struct {
	ID         uuid.UUID
	properties map[string]any
}

// List returns a page of what the index holds for the subject, in the order of the
// ids, from the first after the given one; the zero id begins. Fewer than limit
// means that nothing follows. Without a tenant there is nothing.
func (x *Index) List(ctx context.Context, subject, after uuid.UUID, limit int) ([]Held, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	objects, err := x.client.Data().ObjectsGetter().WithClassName(className).WithTenant(TenantOf(subject)).
		WithAfter(after.String()).WithLimit(limit).Do(ctx)
	if err = classify(err); errors.Is(err, ErrNoTenant) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list what is indexed for %s: %w", subject, err)
	}
	held := make([]Held, len(objects))
	for i, o := range objects {
		properties, _ := o.Properties.(map[string]any) // an object without any matches nothing
		if held[i].ID, err = uuid.Parse(o.ID.String()); err != nil {
			return nil, fmt.Errorf("list what is indexed for %s: %w", subject, err)
		}
		held[i].properties = properties
	}
	return held, nil
}

// Matches reports whether the object is what o would be written as. What an object of
// before holds beyond that is no reason to write it again.
func (h Held) Matches(o Object) bool {
	wanted := o.properties()
	for name, value := range wanted {
		if !holds(name, h.properties[name], value) {
			return false
		}
	}
	for name := range h.properties {
		if _, known := wanted[name]; !known && name != formerProperty {
			return false
		}
	}
	return true
}

func holds(name string, held, wanted any) bool {
	text, isText := held.(string)
	if !isText {
		return held == wanted
	}
	want, _ := wanted.(string)
	if name != saidAtProperty {
		return text == want
	}
	one, err := time.Parse(time.RFC3339Nano, text)
	other, wantErr := time.Parse(time.RFC3339Nano, want)
	return err == nil && wantErr == nil && one.Equal(other)
}

// Delete removes objects from the subject's tenant. Those that are not there are no
// error. Like [Index.Put] it fails at once for a moment after several failures.
func (x *Index) Delete(ctx context.Context, subject uuid.UUID, ids ...uuid.UUID) error {
	for batch := range slices.Chunk(ids, batchSize) {
		err := x.guarded(func() error { return x.delete(ctx, subject, batch) })
		if errors.Is(err, ErrNoTenant) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove %d objects of %s: %w", len(batch), subject, err)
		}
	}
	return nil
}

func (x *Index) delete(ctx context.Context, subject uuid.UUID, batch []uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	response, err := x.client.Batch().ObjectsBatchDeleter().WithClassName(className).WithTenant(TenantOf(subject)).
		WithWhere(among(batch)).Do(ctx)
	if err != nil {
		return classify(err)
	}
	if response.Results != nil && response.Results.Failed > 0 {
		return fmt.Errorf("%d of them stayed: %w", response.Results.Failed, ErrUnavailable)
	}
	return nil
}

// Tenants lists the names of all tenants, as [TenantOf] makes them, in no order. Weaviate
// answers with all of them at once, about 80 bytes for each.
func (x *Index) Tenants(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	tenants, err := x.client.Schema().TenantsGetter().WithClassName(className).Do(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tenants: %w", classify(err))
	}
	names := make([]string, len(tenants))
	for i, t := range tenants {
		names[i] = t.Name
	}
	return names, nil
}

// among finds the objects with any of the ids.
func among(ids []uuid.UUID) *filters.WhereBuilder {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return filters.Where().WithPath([]string{"id"}).WithOperator(filters.ContainsAny).WithValueText(names...)
}

// Holds are those of some objects that the index has.
func (x *Index) Holds(ctx context.Context, subject uuid.UUID, ids ...uuid.UUID) ([]uuid.UUID, error) {
	var held []uuid.UUID
	for batch := range slices.Chunk(ids, batchSize) {
		err := x.guarded(func() error {
			found, err := x.holds(ctx, subject, batch)
			held = append(held, found...)
			return err
		})
		if err != nil && !errors.Is(err, ErrNoTenant) {
			return nil, fmt.Errorf("look for %d memories of %s in the index: %w", len(batch), subject, err)
		}
	}
	return held, nil
}

func (x *Index) holds(ctx context.Context, subject uuid.UUID, batch []uuid.UUID) ([]uuid.UUID, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	response, err := x.client.GraphQL().Get().WithClassName(className).WithTenant(TenantOf(subject)).WithLimit(len(batch)).
		WithWhere(among(batch)).
		WithFields(graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "id"}}}).Do(ctx)
	if err := classifyGraphQL(response, err); err != nil {
		return nil, err
	}
	var data struct {
		Get map[string][]struct {
			Additional struct{ ID uuid.UUID } `json:"_additional"`
		}
	}
	if err := decode(response, &data); err != nil {
		return nil, err
	}
	var held []uuid.UUID
	for _, o := range data.Get[className] {
		held = append(held, o.Additional.ID)
	}
	return held, nil
}
