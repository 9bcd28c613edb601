package vectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/fault"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/graphql"
	"github.com/weaviate/weaviate/entities/models"

	"meai/internal/keyring"
)

const (
	className = "Memory"
	// vectorName is the named vector that holds the embedding of a memory's text.
	vectorName = "text"
)

// The searched properties hold blinded terms of the memory itself, and of its
// neighbours in the session.
const (
	turnProperty       = "turn"
	neighboursProperty = "neighbours"
	// formerProperty held the terms of the session around a memory: more than all else
	// of an object, and nobody searched them. Classes and objects of before have it.
	formerProperty = "session"
	kindProperty   = "kind"
	saidAtProperty = "said_at"
	modelProperty  = "model"
)

// BM25 with little length normalisation and early saturation suits short turns:
// LoCoMo turn-level recall@10 rose from .612 (k1 1.2, b .75) to .719 together
// with the terms of the turns beside and of the session, which the ranking weighs now.
const (
	bm25K1 = 0.9
	bm25B  = 0.4
)

// rescored is how many of the vectors nearest by their signs alone are compared in full,
// where fewer are asked for.
const rescored = 100

// class declares the collection. The vector index is flat with binary quantisation
// and exact rescoring: one person's memories are thousands, not millions. With 10,000
// vectors of 512 values a search took 8 ms of CPU, as long as with HNSW and a third of
// flat without quantisation, and an idle tenant costs no graph. (Rotational
// quantisation was no faster, and fails on an empty tenant.)
//
// There is no cache of the quantised vectors. It made no search faster (4 ms in the middle
// with and without, 10,000 vectors), and Weaviate 1.35.2 fills it from segments alone: when
// a crash has left all of a tenant's vectors in the log, searches found nothing until the
// tenant was loaded once more.
func class() *models.Class {
	return &models.Class{
		Class:       className,
		Description: "Memories by blinded terms and embedding. A copy; PostgreSQL holds the original.",
		MultiTenancyConfig: &models.MultiTenancyConfig{
			Enabled: true,
			// A late write must not bring an erased person's tenant back.
			AutoTenantCreation:   false,
			AutoTenantActivation: true,
		},
		InvertedIndexConfig: &models.InvertedIndexConfig{
			Bm25:      &models.BM25Config{B: bm25B, K1: bm25K1},
			Stopwords: &models.StopwordConfig{Preset: "none"}, // stop words never get here
		},
		Properties: []*models.Property{
			terms(turnProperty), terms(neighboursProperty),
			label(kindProperty), label(modelProperty), instant(saidAtProperty),
		},
		VectorConfig: map[string]models.VectorConfig{vectorName: {
			Vectorizer:      map[string]any{"none": map[string]any{}},
			VectorIndexType: "flat",
			VectorIndexConfig: map[string]any{
				"distance": "cosine",
				"bq":       map[string]any{"enabled": true, "cache": false, "rescoreLimit": rescored},
			},
		}},
	}
}

func terms(name string) *models.Property {
	return &models.Property{
		Name: name, DataType: []string{"text"}, Tokenization: models.PropertyTokenizationWhitespace,
		IndexSearchable: new(true), IndexFilterable: new(false),
	}
}

func label(name string) *models.Property {
	return &models.Property{
		Name: name, DataType: []string{"text"}, Tokenization: models.PropertyTokenizationField,
		IndexSearchable: new(false), IndexFilterable: new(true),
	}
}

func instant(name string) *models.Property {
	return &models.Property{
		Name: name, DataType: []string{"date"},
		IndexFilterable: new(false), IndexRangeFilters: new(true),
	}
}

// EnsureClass makes the class, adds properties that a newer version brought, and
// fails when what exists cannot serve. It is idempotent and safe to run twice at
// the same time.
func (x *Index) EnsureClass(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	existing, err := x.class(ctx)
	if err != nil {
		return err
	}
	if existing == nil {
		createErr := classify(x.client.Schema().ClassCreator().WithClass(class()).Do(ctx))
		if createErr == nil {
			return nil
		}
		// Somebody else may have made it at the same moment.
		if existing, err = x.class(ctx); err != nil || existing == nil {
			return fmt.Errorf("make class %s: %w", className, errors.Join(createErr, err))
		}
	}
	if err := checkClass(existing); err != nil {
		return err
	}
	if err := x.tune(ctx, existing); err != nil {
		return err
	}
	return x.addProperties(ctx, existing)
}

// tune has a class of before compare as many vectors in full as a new one, and keep none in
// memory, which holds for a tenant from the next time that it is loaded.
func (x *Index) tune(ctx context.Context, existing *models.Class) error {
	declared := existing.VectorConfig[vectorName]
	settings, _ := declared.VectorIndexConfig.(map[string]any)
	quantised, _ := settings["bq"].(map[string]any)
	if quantised == nil || fmt.Sprint(quantised["rescoreLimit"]) == strconv.Itoa(rescored) && quantised["cache"] == false {
		return nil
	}
	quantised["rescoreLimit"], quantised["cache"] = rescored, false
	if err := x.client.Schema().ClassUpdater().WithClass(existing).Do(ctx); err != nil {
		return fmt.Errorf("tune class %s: %w", className, classify(err))
	}
	return nil
}

// class reads the class as it is; nil when it does not exist.
func (x *Index) class(ctx context.Context) (*models.Class, error) {
	existing, err := x.client.Schema().ClassGetter().WithClassName(className).Do(ctx)
	var answered *fault.WeaviateClientError
	if errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read class %s: %w", className, classify(err))
	}
	return existing, nil
}

func (x *Index) addProperties(ctx context.Context, existing *models.Class) error {
	for _, wanted := range class().Properties {
		if slices.ContainsFunc(existing.Properties, func(p *models.Property) bool { return p.Name == wanted.Name }) {
			continue
		}
		err := x.client.Schema().PropertyCreator().WithClassName(className).WithProperty(wanted).Do(ctx)
		if err != nil {
			return fmt.Errorf("add property %s to class %s: %w", wanted.Name, className, classify(err))
		}
		x.log.InfoContext(ctx, "added a property to the vector index", "property", wanted.Name)
	}
	return nil
}

// checkClass refuses a class that would mix people or could not be searched.
func checkClass(existing *models.Class) error {
	if existing.MultiTenancyConfig == nil || !existing.MultiTenancyConfig.Enabled || existing.MultiTenancyConfig.AutoTenantCreation {
		return fmt.Errorf("class %s exists without the isolation of tenants; drop it and rebuild from PostgreSQL", className)
	}
	if _, ok := existing.VectorConfig[vectorName]; !ok {
		return fmt.Errorf("class %s exists without the vector %q; drop it and rebuild from PostgreSQL", className, vectorName)
	}
	return nil
}

// TenantOf names a person's tenant. Weaviate keeps what tenants were called in the log of
// its consensus, also when they are deleted, so it is not told the person's id.
func TenantOf(subject uuid.UUID) string { return TenantOfDigest(keyring.Digest(subject)) }

// TenantOfDigest is [TenantOf] for a digest of [keyring.Digest]: its first half, which two
// of a billion people share with a probability of about 1e-21.
func TenantOfDigest(digest string) string { return digest[:len(digest)/2] }

// EnsureTenant makes the subject's tenant. It is idempotent.
func (x *Index) EnsureTenant(ctx context.Context, subject uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	err := x.client.Schema().TenantsCreator().WithClassName(className).
		WithTenants(models.Tenant{Name: TenantOf(subject)}).Do(ctx)
	if err != nil {
		return fmt.Errorf("make tenant %s: %w", subject, classify(err))
	}
	return nil
}

// DeleteTenant removes everything that is indexed for the subject. It is idempotent.
func (x *Index) DeleteTenant(ctx context.Context, subject uuid.UUID) error {
	return x.DeleteTenantNamed(ctx, TenantOf(subject))
}

// DeleteTenantNamed is [Index.DeleteTenant] for whom nobody knows any more, of whom the
// index still has a tenant.
func (x *Index) DeleteTenantNamed(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	err := classify(x.client.Schema().TenantsDeleter().WithClassName(className).WithTenants(name).Do(ctx))
	if err != nil && !errors.Is(err, ErrNoTenant) {
		return fmt.Errorf("delete tenant %s: %w", name, err)
	}
	return nil
}

// Count is how many memories are indexed for the subject; 0 without a tenant.
func (x *Index) Count(ctx context.Context, subject uuid.UUID) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	response, err := x.client.GraphQL().Aggregate().WithClassName(className).WithTenant(TenantOf(subject)).
		WithFields(graphql.Field{Name: "meta", Fields: []graphql.Field{{Name: "count"}}}).Do(ctx)
	if err = classifyGraphQL(response, err); errors.Is(err, ErrNoTenant) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count the memories of %s: %w", subject, err)
	}
	var data struct {
		Aggregate struct {
			Memory []struct{ Meta struct{ Count int } }
		}
	}
	if err := decode(response, &data); err != nil {
		return 0, fmt.Errorf("count the memories of %s: %w", subject, err)
	}
	if len(data.Aggregate.Memory) == 0 {
		return 0, nil
	}
	return data.Aggregate.Memory[0].Meta.Count, nil
}

// decode reads a GraphQL answer, which the client leaves as maps of maps.
func decode(response *models.GraphQLResponse, into any) error {
	raw, err := json.Marshal(response.Data)
	if err != nil {
		return fmt.Errorf("encode weaviate's answer: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode weaviate's answer: %w", err)
	}
	return nil
}
