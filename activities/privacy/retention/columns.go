package retention

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/privacy/datamap"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// textual are the types of columns that could hold what somebody said.
var textual = []string{"text", "text[]", "jsonb", "json", "bytea", "name", "character varying"}

// CheckColumns holds every column of every table that could hold words to the class that the
// data map says: what is sealed begins as sealed values do and under a version that is known,
// and codes, ids and blinded values are none that could be a sentence. Tables that are too
// large are looked at here and there.
func (e *Encryption) CheckColumns(ctx context.Context, _ LookInput) (Look, error) {
	columns, err := e.DB.Columns(ctx)
	if err != nil {
		return Look{}, err
	}
	known, err := e.systemVersions(ctx)
	if err != nil {
		return Look{}, err
	}
	look, f := Look{}, found{}
	for n, c := range columns {
		if err := e.checkColumn(ctx, c, known, f, &look.Looked); err != nil {
			return Look{}, fmt.Errorf("look at column %s.%s: %w", c.Table, c.Column, err)
		}
		activity.RecordHeartbeat(ctx, n)
	}
	look.Findings = f.list()
	return look, nil
}

// systemVersions are the versions of the system's key.
func (e *Encryption) systemVersions(ctx context.Context) (map[uint32]bool, error) {
	if _, err := e.Keys.System(ctx); err != nil { // which makes them where there are none
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	versions, err := e.Keys.Versions(ctx, uuid.Nil)
	if err != nil {
		return nil, fmt.Errorf("list the versions of the system's key: %w", err)
	}
	known := map[uint32]bool{}
	for _, v := range versions {
		known[v.ID] = true
	}
	return known, nil
}

func (e *Encryption) checkColumn(ctx context.Context, c postgres.TableColumn, known map[uint32]bool, f found, looked *Looked) error {
	store, ok := e.Map.Store(c.Table)
	column, declared := store.Columns[c.Column]
	if !ok || !declared {
		f.add(Undeclared, c.Table, c.Column, 1)
		return nil
	}
	if !slices.Contains(textual, c.Type) || column.Class == datamap.Public {
		return nil
	}
	var row queries.ClassCheckRow
	err := e.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.ClassCheck(ctx, queries.ClassCheckParams{TableName: c.Table, ColumnName: c.Column, Class: string(column.Class), Most: sampleRows})
		return err
	})
	if err != nil {
		return err
	}
	looked.Columns++
	looked.Rows += row.Seen
	if column.Class != datamap.Sealed {
		f.add(NotOfItsClass, c.Table, c.Column, row.Bad)
		return nil
	}
	f.add(NotSealed, c.Table, c.Column, row.Bad)
	if store.Person == "subject_id" {
		if !slices.ContainsFunc(postgres.SealedColumns, func(s postgres.SealedColumn) bool { return s.Table == c.Table && s.Column == c.Column }) {
			f.add(Unlisted, c.Table, c.Column, 1)
		}
		return nil
	}
	return e.checkVersions(ctx, c, known, f)
}

// checkVersions looks under which keys a column of the system's is sealed.
func (e *Encryption) checkVersions(ctx context.Context, c postgres.TableColumn, known map[uint32]bool, f found) error {
	prefixes, err := e.DB.SealedPrefixes(ctx, c.Table, c.Column, len(keyring.Prefix(0)), sampleRows)
	if err != nil {
		return err
	}
	for _, prefix := range prefixes {
		if version, err := keyring.Version(prefix); err == nil && !known[version] {
			f.add(UnknownVersion, c.Table, c.Column, 1)
		}
	}
	return nil
}
