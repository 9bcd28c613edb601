package vectors

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/filters"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
)

// searched weighs the properties: what was said counts most, what was said right beside
// it helps to find a turn that only makes sense in its conversation. The terms of the
// conversation around are left to the ranking: they stand with twenty turns each, and
// searching them took more than everything else.
var searched = []string{turnProperty + "^2", neighboursProperty}

// Query asks for the memories nearest to a text, by its Terms or by its Vector: what
// each brings is weighed by who asks.
type Query struct {
	Terms []Term
	// Vector is the embedding of the text, by the model that embedded the memories.
	Vector []float32
	// Kinds, when there are any, are the only kinds to return.
	Kinds []string
	// From and To bound when it was said; nil for no bound. To is exclusive.
	From, To *time.Time
	// Limit is the most hits to return; it must be positive.
	Limit int
}

// Hit is one memory that was found.
type Hit struct {
	ID uuid.UUID
	// Score is the cosine of the embeddings in a search by vector. In one by terms it is
	// that of BM25, which ranks within one search only.
	Score float64
}

// Search returns the nearest memories, best first; none without terms and vector. It
// fails with [ErrNoTenant] or [ErrUnavailable]; after several failures in a row it fails
// at once for a moment.
func (x *Index) Search(ctx context.Context, subject uuid.UUID, q Query) ([]Hit, error) {
	switch {
	case len(q.Terms) == 0 && len(q.Vector) == 0:
		return nil, nil
	case len(q.Terms) > 0 && len(q.Vector) > 0:
		return nil, errors.New("a search goes by terms or by a vector, not by both")
	}
	var hits []Hit
	err := x.guarded(func() (err error) {
		hits, err = x.search(ctx, subject, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search the memories of %s: %w", subject, err)
	}
	return hits, nil
}

func (x *Index) search(ctx context.Context, subject uuid.UUID, q Query) ([]Hit, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	get := x.client.GraphQL().Get().WithClassName(className).WithTenant(TenantOf(subject)).WithLimit(q.Limit)
	measure := "score"
	if len(q.Vector) > 0 {
		measure = "distance"
		get = get.WithNearVector(x.client.GraphQL().NearVectorArgBuilder().WithVector(q.Vector).WithTargetVectors(vectorName))
	} else {
		get = get.WithBM25(x.client.GraphQL().Bm25ArgBuilder().WithQuery(line(q.Terms)).WithProperties(searched...))
	}
	get = get.WithFields(graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "id"}, {Name: measure}}})
	if where := q.where(); where != nil {
		get = get.WithWhere(where)
	}
	response, err := get.Do(ctx)
	if err = classifyGraphQL(response, err); err != nil {
		return nil, err
	}
	var data struct{ Get struct{ Memory []found } }
	if err := decode(response, &data); err != nil {
		return nil, err
	}
	return hits(data.Get.Memory)
}

func (q Query) where() *filters.WhereBuilder {
	var all []*filters.WhereBuilder
	if len(q.Kinds) > 0 {
		all = append(all, filters.Where().WithPath([]string{kindProperty}).
			WithOperator(filters.ContainsAny).WithValueText(q.Kinds...))
	}
	if q.From != nil {
		all = append(all, filters.Where().WithPath([]string{saidAtProperty}).
			WithOperator(filters.GreaterThanEqual).WithValueDate(q.From.UTC()))
	}
	if q.To != nil {
		all = append(all, filters.Where().WithPath([]string{saidAtProperty}).
			WithOperator(filters.LessThan).WithValueDate(q.To.UTC()))
	}
	return together(all)
}

// together joins conditions that must all hold; nil for none.
func together(all []*filters.WhereBuilder) *filters.WhereBuilder {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return filters.Where().WithOperator(filters.And).WithOperands(all)
	}
}

// found is one object of a GraphQL answer; Weaviate writes scores as text, and distances
// as numbers.
type found struct {
	Additional struct {
		ID       uuid.UUID `json:"id"`
		Score    string    `json:"score"`
		Distance float64   `json:"distance"`
	} `json:"_additional"`
}

func hits(objects []found) ([]Hit, error) {
	list := make([]Hit, len(objects))
	for i, o := range objects {
		list[i] = Hit{ID: o.Additional.ID, Score: 1 - o.Additional.Distance}
		if o.Additional.Score == "" {
			continue
		}
		var err error
		if list[i].Score, err = strconv.ParseFloat(o.Additional.Score, 64); err != nil {
			return nil, fmt.Errorf("read the score of object %s: %w", o.Additional.ID, err)
		}
	}
	return list, nil
}
