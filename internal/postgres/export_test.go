package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool shows the pool behind a DB to the tests that attack it.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }
