package vectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-openapi/strfmt"
	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/filters"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
	"github.com/weaviate/weaviate/entities/models"
)

// ErrNoCatalogue: this edition was never indexed, or its class was dropped.
var ErrNoCatalogue = errors.New("weaviate holds no such edition of the catalogue")

const (
	keyProperty    = "key"
	labelsProperty = "labels"
	amountProperty = "amount"
)

// A Catalogue is a collection that is nobody's: no tenants, and no text but its
// owner's keys and labels. Each edition is a class of its own, so that a new one is
// complete before it is searched, and may have vectors of another length.
type Catalogue struct {
	// Name begins with a capital letter; Edition has letters and digits only.
	Name, Edition string
}

// Item is one thing in a catalogue.
type Item struct {
	Key    string
	Labels []string
	Amount int
	Vector []float32
}

// Nearest asks for the items whose meaning is nearest to a vector.
type Nearest struct {
	Vector []float32
	// Labels: an item needs one of each group.
	Labels [][]string
	// MostAmount, when it is positive, is the largest amount.
	MostAmount int
	Limit      int
}

// Near is an item that was found.
type Near struct {
	Key    string
	Cosine float64
}

func (c Catalogue) class() string { return c.Name + "_" + c.Edition }

func (c Catalogue) declaration() *models.Class {
	return &models.Class{
		Class:       c.class(),
		Description: "An edition of a catalogue that is built into the program. Nothing in it is a person's.",
		Properties: []*models.Property{
			label(keyProperty),
			{Name: labelsProperty, DataType: []string{"text[]"}, Tokenization: models.PropertyTokenizationField, IndexSearchable: new(false), IndexFilterable: new(true)},
			{Name: amountProperty, DataType: []string{"int"}, IndexFilterable: new(false), IndexRangeFilters: new(true)},
		},
		VectorConfig: map[string]models.VectorConfig{vectorName: {
			Vectorizer:        map[string]any{"none": map[string]any{}},
			VectorIndexType:   "flat", // hundreds of items
			VectorIndexConfig: map[string]any{"distance": "cosine"},
		}},
	}
}

// EnsureCatalogue makes the edition and fills it. It is idempotent, and safe to run
// twice at the same time: an edition always holds the same.
func (x *Index) EnsureCatalogue(ctx context.Context, c Catalogue, items []Item) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	if count, err := x.CountCatalogue(ctx, c); err == nil && count == len(items) {
		return nil
	} else if err != nil && !errors.Is(err, ErrNoCatalogue) {
		return err
	}
	made := classify(x.client.Schema().ClassCreator().WithClass(c.declaration()).Do(ctx))
	for batch := range slices.Chunk(items, batchSize) {
		if err := x.putItems(ctx, c, batch); err != nil {
			// That the class was there already is no error; that it could not be made shows here.
			return fmt.Errorf("index %s: %w", c.class(), errors.Join(err, made))
		}
	}
	count, err := x.CountCatalogue(ctx, c)
	if err == nil && count != len(items) {
		err = fmt.Errorf("index %s: %d of %d items: %w", c.class(), count, len(items), ErrNoCatalogue)
	}
	return err
}

func (x *Index) putItems(ctx context.Context, c Catalogue, items []Item) error {
	rows := make([]*models.Object, len(items))
	for i, item := range items {
		rows[i] = &models.Object{
			ID: strfmt.UUID(uuid.NewSHA1(uuid.Nil, []byte(item.Key)).String()), Class: c.class(),
			Properties: map[string]any{keyProperty: item.Key, labelsProperty: item.Labels, amountProperty: item.Amount},
			Vectors:    models.Vectors{vectorName: item.Vector},
		}
	}
	results, err := x.client.Batch().ObjectsBatcher().WithObjects(rows...).Do(ctx)
	if err != nil {
		return classify(err)
	}
	if err := outcome(results); err != nil {
		return err
	}
	return x.settle(ctx, c.class(), "")
}

// DropOtherEditions removes the catalogue's other editions. A process that still
// searches one of them notices, and goes on without.
func (x *Index) DropOtherEditions(ctx context.Context, c Catalogue) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	schema, err := x.client.Schema().Getter().Do(ctx)
	if err != nil {
		return fmt.Errorf("list the classes: %w", classify(err))
	}
	for _, class := range schema.Classes {
		if !strings.HasPrefix(class.Class, c.Name+"_") || class.Class == c.class() {
			continue
		}
		if err := x.client.Schema().ClassDeleter().WithClassName(class.Class).Do(ctx); err != nil {
			return fmt.Errorf("drop class %s: %w", class.Class, classify(err))
		}
	}
	return nil
}

// CountCatalogue is how many items the edition holds.
func (x *Index) CountCatalogue(ctx context.Context, c Catalogue) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	response, err := x.client.GraphQL().Aggregate().WithClassName(c.class()).
		WithFields(graphql.Field{Name: "meta", Fields: []graphql.Field{{Name: "count"}}}).Do(ctx)
	if err := classifyCatalogue(response, err); err != nil {
		return 0, fmt.Errorf("count the items of %s: %w", c.class(), err)
	}
	var data struct {
		Aggregate map[string][]struct{ Meta struct{ Count int } }
	}
	if err := decode(response, &data); err != nil {
		return 0, fmt.Errorf("count the items of %s: %w", c.class(), err)
	}
	if found := data.Aggregate[c.class()]; len(found) > 0 {
		return found[0].Meta.Count, nil
	}
	return 0, nil
}

// FindNear returns the items nearest in meaning, best first. It fails with
// [ErrNoCatalogue] or [ErrUnavailable], and like [Index.Search] at once for a moment
// after several failures in a row.
func (x *Index) FindNear(ctx context.Context, c Catalogue, q Nearest) ([]Near, error) {
	var found []Near
	err := x.guarded(func() (err error) {
		found, err = x.findNear(ctx, c, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", c.class(), err)
	}
	return found, nil
}

func (x *Index) findNear(ctx context.Context, c Catalogue, q Nearest) ([]Near, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	get := x.client.GraphQL().Get().WithClassName(c.class()).WithLimit(q.Limit).
		WithNearVector(x.client.GraphQL().NearVectorArgBuilder().WithVector(q.Vector).WithTargetVectors(vectorName)).
		WithFields(graphql.Field{Name: keyProperty}, graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "distance"}}})
	if where := q.where(); where != nil {
		get = get.WithWhere(where)
	}
	response, err := get.Do(ctx)
	if err := classifyCatalogue(response, err); err != nil {
		return nil, err
	}
	var data struct {
		Get map[string][]struct {
			Key        string
			Additional struct{ Distance float64 } `json:"_additional"`
		}
	}
	if err := decode(response, &data); err != nil {
		return nil, err
	}
	found := make([]Near, len(data.Get[c.class()]))
	for i, item := range data.Get[c.class()] {
		found[i] = Near{Key: item.Key, Cosine: 1 - item.Additional.Distance}
	}
	return found, nil
}

func (q Nearest) where() *filters.WhereBuilder {
	var all []*filters.WhereBuilder
	for _, group := range q.Labels {
		all = append(all, filters.Where().WithPath([]string{labelsProperty}).WithOperator(filters.ContainsAny).WithValueText(group...))
	}
	if q.MostAmount > 0 {
		all = append(all, filters.Where().WithPath([]string{amountProperty}).WithOperator(filters.LessThanEqual).WithValueInt(int64(q.MostAmount)))
	}
	return together(all)
}

// classifyCatalogue tells a class that is not there, which GraphQL knows as a field
// that it does not have, from other refusals.
func classifyCatalogue(response *models.GraphQLResponse, err error) error {
	err = classifyGraphQL(response, err)
	if err != nil && (strings.Contains(err.Error(), "Cannot query field") || strings.Contains(err.Error(), "no graphql provider")) {
		return fmt.Errorf("%w: %w", ErrNoCatalogue, err)
	}
	return err
}
