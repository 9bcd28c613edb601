package marks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/repository"
)

// countings are a statement for each of the product's tables, which counts its rows and
// sums their hashes, partitions with their parent. Rows are summed because their order is
// nobody's. A value without a hash of its own, such as json, is hashed as it is printed.
//
// What no crash survives (unlogged) is left out; meai_lock_for_mark locks the same tables.
const countings = `
select c.relname::text, format('select count(*), coalesce(sum(hash_record_extended(row(%s), 0)), 0)::text from %s',
  (select string_agg(quote_ident(a.attname) || case when exists (
      select from pg_opclass o
      join pg_am m on m.oid = o.opcmethod and m.amname = 'hash'
      join pg_amproc p on p.amprocfamily = o.opcfamily and p.amproclefttype = o.opcintype and p.amprocrighttype = o.opcintype and p.amprocnum = 2
      where o.opcdefault and o.opcintype = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
    ) then '' else '::text' end, ', ' order by a.attnum)
   from pg_attribute a join pg_type t on t.oid = a.atttypid
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  c.oid::regclass)
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'`

// contents counts and sums every table as the transaction sees it.
func contents(ctx context.Context, tx pgx.Tx) (map[string]repository.Contents, error) {
	rows, err := tx.Query(ctx, countings)
	if err != nil {
		return nil, fmt.Errorf("list the database's tables: %w", err)
	}
	statements := map[string]string{}
	var table, statement string
	_, err = pgx.ForEachRow(rows, []any{&table, &statement}, func() error {
		statements[table] = statement
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the database's tables: %w", err)
	}
	found := make(map[string]repository.Contents, len(statements))
	for table, statement := range statements {
		var c repository.Contents
		if err := tx.QueryRow(ctx, statement).Scan(&c.Rows, &c.Sum); err != nil {
			return nil, fmt.Errorf("count and sum the table %s: %w", table, err)
		}
		found[table] = c
	}
	return found, nil
}

// Compare counts and sums a restored database and names every table in which it is not
// what the mark says. Problems hold names and numbers alone. The URL's role must be able
// to read every row.
func Compare(ctx context.Context, url string, mark repository.Mark) (problems []string, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var found map[string]repository.Contents
	err = pgx.BeginTxFunc(ctx, conn, reading, func(tx pgx.Tx) error {
		found, err = contents(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return differences(mark.Tables, found), nil
}

func differences(wanted, found map[string]repository.Contents) (problems []string) {
	for _, table := range slices.Sorted(maps.Keys(wanted)) {
		want := wanted[table]
		got, there := found[table]
		switch {
		case !there:
			problems = append(problems, fmt.Sprintf("table %s: it is missing, with %d rows", table, want.Rows))
		case got.Rows != want.Rows:
			problems = append(problems, fmt.Sprintf("table %s: %d rows instead of %d", table, got.Rows, want.Rows))
		case got.Sum != want.Sum:
			problems = append(problems, fmt.Sprintf("table %s: not the same contents in its %d rows", table, want.Rows))
		}
	}
	for _, table := range slices.Sorted(maps.Keys(found)) {
		if _, known := wanted[table]; !known {
			problems = append(problems, fmt.Sprintf("table %s: it was not there, and has %d rows", table, found[table].Rows))
		}
	}
	return problems
}
