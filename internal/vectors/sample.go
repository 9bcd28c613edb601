package vectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Sample returns the ids and vectors of some of what the index holds for the subject, at
// most limit. Without a tenant there is nothing.
func (x *Index) Sample(ctx context.Context, subject uuid.UUID, limit int) ([]Object, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	found, err := x.client.Data().ObjectsGetter().WithClassName(className).WithTenant(TenantOf(subject)).
		WithVector().WithLimit(limit).Do(ctx)
	if err = classify(err); errors.Is(err, ErrNoTenant) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read samples of what is indexed for %s: %w", subject, err)
	}
	samples := make([]Object, len(found))
	for i, o := range found {
		if samples[i].ID, err = uuid.Parse(o.ID.String()); err == nil {
			samples[i].Vector, err = numbers(o.Vectors[vectorName])
		}
		if err != nil {
			return nil, fmt.Errorf("read samples of what is indexed for %s: %w", subject, err)
		}
	}
	return samples, nil
}

// numbers are a vector as the client leaves it, which depends on how the answer came.
func numbers(vector any) (v []float32, err error) {
	if v, ok := vector.([]float32); ok || vector == nil {
		return v, nil
	}
	raw, err := json.Marshal(vector)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}
