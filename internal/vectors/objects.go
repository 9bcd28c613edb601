package vectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/google/uuid"
	"github.com/weaviate/weaviate/entities/models"
)

// batchSize bounds one request: 100 objects of 512 values are about 1 MB.
const batchSize = 100

// Term is a blinded word: the first 8 bytes of a keyed hash of its stem. With a
// vocabulary of 20,000 stems two of one person's words collide with a
// probability of about 1e-11.
type Term uint64

// String is the term as Weaviate stores it: 16 hexadecimal digits.
func (t Term) String() string {
	const digits = 16
	s := strconv.FormatUint(uint64(t), 16)
	return strings.Repeat("0", digits-len(s)) + s
}

// Object is one memory as the index holds it.
type Object struct {
	ID     uuid.UUID
	Kind   string
	SaidAt time.Time
	// Model names what made Vector.
	Model string
	// Vector is the embedding of the memory's text, of unit length.
	Vector []float32
	// Turn holds the terms of the memory, Neighbours those of the turns before and
	// after it.
	Turn, Neighbours []Term
}

// Put writes objects to the subject's tenant, replacing those with the same id.
// It fails with [ErrNoTenant] or [ErrUnavailable]; some of the objects may have
// been written then, and [Index.Replace] makes good whatever was not. What it has written
// outlives a crash of Weaviate. Like [Index.Search]
// it fails at once for a moment after several failures in a row: callers hold a
// transaction open meanwhile.
func (x *Index) Put(ctx context.Context, subject uuid.UUID, objects ...Object) error {
	for batch := range slices.Chunk(objects, batchSize) {
		err := x.guarded(func() error { return x.put(ctx, subject, batch) })
		if err != nil {
			return fmt.Errorf("index %d memories of %s: %w", len(batch), subject, err)
		}
	}
	return nil
}

func (x *Index) put(ctx context.Context, subject uuid.UUID, batch []Object) error {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	rows := make([]*models.Object, len(batch))
	for i, o := range batch {
		rows[i] = o.row(subject)
	}
	results, err := x.client.Batch().ObjectsBatcher().WithObjects(rows...).Do(ctx)
	if err != nil {
		return classify(err)
	}
	if err := outcome(results); err != nil {
		return err
	}
	return x.settle(ctx, className, TenantOf(subject))
}

// outcome reads the errors of single objects, which come beside status 200.
func outcome(results []models.ObjectsGetResponse) error {
	var failed error
	for _, r := range results {
		if r.Result == nil || r.Result.Errors == nil {
			continue
		}
		for _, e := range r.Result.Errors.Error {
			if mentionsMissingTenant(e.Message) {
				return fmt.Errorf("%w: %s", ErrNoTenant, e.Message)
			}
			failed = errors.Join(failed, fmt.Errorf("object %s: %s", r.ID, e.Message))
		}
	}
	return failed
}

func (o Object) row(subject uuid.UUID) *models.Object {
	return &models.Object{
		ID: strfmt.UUID(o.ID.String()), Class: className, Tenant: TenantOf(subject),
		Properties: o.properties(), Vectors: models.Vectors{vectorName: o.Vector},
	}
}

func (o Object) properties() map[string]any {
	return map[string]any{
		turnProperty: line(o.Turn), neighboursProperty: line(o.Neighbours),
		kindProperty: o.Kind, modelProperty: o.Model,
		saidAtProperty: o.SaidAt.UTC().Format(time.RFC3339Nano),
	}
}

// line writes each term once, in the order of the keyed hashes, which has nothing
// to do with the order of the words.
func line(terms []Term) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(terms)))
	words := make([]string, len(sorted))
	for i, t := range sorted {
		words[i] = t.String()
	}
	return strings.Join(words, " ")
}
