package stores

import (
	"context"

	"github.com/google/uuid"

	"meai/internal/postgres"
)

// tablePage is how many rows one transaction deletes: a second's work where memories
// hang together.
const tablePage = 500

// Table is a table that holds rows of people.
type Table struct {
	DB    *postgres.DB
	Table postgres.PersonTable
}

// Tables are all tables that hold rows of people, as the catalogue knows them.
func Tables(ctx context.Context, db *postgres.DB) ([]Store, error) {
	tables, err := db.PersonTables(ctx)
	if err != nil {
		return nil, err
	}
	var all []Store
	for _, t := range tables {
		all = append(all, &Table{db, t})
	}
	return all, nil
}

// Name implements [Store].
func (t *Table) Name() string { return tablesPrefix + t.Table.Name }

// Count implements [Store].
func (t *Table) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	return t.DB.CountRows(ctx, subject, t.Table.Name)
}

// Sample implements [Store].
func (t *Table) Sample(ctx context.Context, subject uuid.UUID, n int) ([][]byte, error) {
	return t.DB.SampleRows(ctx, subject, t.Table, n)
}

// Delete implements [Store].
func (t *Table) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (done int64, err error) {
	for {
		n, err := t.DB.ErasePage(ctx, subject, t.Table.Name, tablePage)
		if err != nil || n == 0 {
			return done, err
		}
		done += n
		beat(done)
	}
}

// Find implements [Finder].
func (t *Table) Find(ctx context.Context, found func(uuid.UUID) error) error {
	return t.DB.Strangers(ctx, t.Table.Name, found)
}
