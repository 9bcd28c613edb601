package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// CountRows is how many rows a table holds of a person, whatever their state.
func (db *DB) CountRows(ctx context.Context, subject uuid.UUID, table string) (n int64, err error) {
	err = db.transactTx(ctx, reading(subject), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select count(*) from "+name(table)+" where subject_id = $1", subject).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", table, err)
	}
	return n, nil
}

// sampled is how long a sample of a value is.
const sampled = 32

// SampleRows is up to n samples of what is bytes in the person's rows of a table: pieces
// from the middle of sealed and blinded values, and the ids that are in its key. Digests of
// what everybody has, such as the text of a consent, are nobody's.
func (db *DB) SampleRows(ctx context.Context, subject uuid.UUID, t PersonTable, n int) (samples [][]byte, err error) {
	var values []string
	for _, column := range t.Binary {
		if strings.HasSuffix(column, "_hash") {
			continue
		}
		values = append(values, fmt.Sprintf("substr(%[1]s, greatest(octet_length(%[1]s) / 2 - %[2]d, 1), %[3]d)", name(column), sampled/2, sampled))
	}
	err = db.transactTx(ctx, reading(subject), func(ctx context.Context, tx pgx.Tx) error {
		for _, column := range t.Key {
			var is bool
			if err := tx.QueryRow(ctx, isID, t.Name, column).Scan(&is); err != nil {
				return err
			}
			if is {
				values = append(values, "uuid_send("+name(column)+")")
			}
		}
		for _, value := range values {
			rows, err := tx.Query(ctx, fmt.Sprintf("select distinct s from (select %s as s from %s where subject_id = $1 limit $2) t where octet_length(s) >= 8",
				value, name(t.Name)), subject, max(n/len(values), 1))
			if err != nil {
				return err
			}
			some, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
			if err != nil {
				return err
			}
			samples = append(samples, some...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take samples of %s: %w", t.Name, err)
	}
	return samples[:min(len(samples), n)], nil
}

// isID tells the columns whose values are ids of a person's things.
const isID = `select $2::text <> 'subject_id' and atttypid = 'uuid'::regtype from pg_attribute where attrelid = $1::text::regclass and attname = $2::text`

// ErasePage deletes at most so many of a person's rows from a table and returns how many
// it did. The person is erased, or the registry does not know them: anybody else's rows
// are refused.
func (db *DB) ErasePage(ctx context.Context, subject uuid.UUID, table string, page int) (n int64, err error) {
	err = db.transactTx(ctx, sharing(pgx.TxOptions{}), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select meai_erase_page($1, $2, $3)", table, subject, page).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("delete rows of %s: %w", table, err)
	}
	return n, nil
}

// shards is how many parts meai_shard cuts a table of people into.
const shards = 8

// Strangers hands out the people of whom a table holds rows although they are erased or
// not registered. It looks at each person once, so a large table takes a while.
func (db *DB) Strangers(ctx context.Context, table string, found func(uuid.UUID) error) error {
	for shard := range shards {
		rows, err := db.pool.Query(ctx, "select distinct meai_strangers($1, $2)", table, shard)
		if err != nil {
			return fmt.Errorf("look whom %s holds rows of: %w", table, err)
		}
		people, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("look whom %s holds rows of: %w", table, err)
		}
		for _, person := range people {
			if err := found(person); err != nil {
				return err
			}
		}
	}
	return nil
}
