package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool shows the pool behind a DB to the tests that attack it.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// ChangeMarks are the tables whose changes an index finds, each with its condition, and
// those that change together with one of them.
func ChangeMarks() (marked map[string]string, others []string) {
	marked = map[string]string{}
	for _, m := range changeMarks {
		marked[m.table] = m.since
	}
	return marked, unmarked
}

// LeastID is the least UUIDv7 of a time.
var LeastID = leastID
