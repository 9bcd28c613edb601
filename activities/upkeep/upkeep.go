// Package upkeep keeps the database in shape while the system runs on.
package upkeep

import (
	"context"
	"time"

	"meai/internal/postgres"
)

// Activities are the steps of the nightly upkeep. Every exported method is an
// activity that can run twice without harm.
type Activities struct{ DB *postgres.DB }

// Partitioned counts the time partitions that were made.
type Partitioned struct {
	Created int `json:"created"`
}

// ExtendPartitions makes the time partitions of the coming year, as migrating
// does. Rows that came before their partition move into it.
func (a *Activities) ExtendPartitions(ctx context.Context, _ struct{}) (Partitioned, error) {
	created, err := a.DB.EnsurePartitions(ctx, time.Now().Add(postgres.PartitionsAhead))
	return Partitioned{Created: created}, err
}
