package postgres

import (
	"context"
	"fmt"
)

// Statistics are what PostgreSQL counts of the database since its server began.
type Statistics struct {
	// Hits are blocks that were found in the server's memory, Reads those that were not.
	Hits, Reads int64
	// Connections are those to all databases of the server, of at most Most.
	Connections, Most int64
	// Bytes is the size of the database on disk.
	Bytes int64
}

// Statistics reads the server's own counters: nothing of anybody. They are a second behind.
func (db *DB) Statistics(ctx context.Context) (s Statistics, err error) {
	err = db.pool.QueryRow(ctx, `select blks_hit, blks_read, (select sum(numbackends) from pg_stat_database)::bigint, current_setting('max_connections')::bigint, pg_database_size(datid)
		from pg_stat_database where datname = current_database()`).Scan(&s.Hits, &s.Reads, &s.Connections, &s.Most, &s.Bytes)
	if err != nil {
		return Statistics{}, fmt.Errorf("read the database's statistics: %w", err)
	}
	return s, nil
}
