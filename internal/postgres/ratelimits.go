package postgres

import (
	"context"
	"fmt"
	"time"

	"meai/internal/postgres/queries"
)

// TakeRateLimit counts one request of a key by the generic cell rate algorithm,
// in one statement and by the database's clock: each request moves the key
// emission further ahead of now, at most burst. ahead is how far ahead the key is
// afterwards; a request that is not allowed does not move it. key has 16 bytes.
func (db *DB) TakeRateLimit(ctx context.Context, key []byte, emission, burst time.Duration) (allowed bool, ahead time.Duration, err error) {
	take := func() (queries.TakeRateLimitRow, error) {
		return queries.New(db.pool).TakeRateLimit(ctx, key, emission, burst)
	}
	row, err := take()
	if lostConnection(err) {
		// The server was restarted under the pool. To count one request twice is
		// better than to fail it.
		db.pool.Reset()
		row, err = take()
	}
	if err != nil {
		return false, 0, fmt.Errorf("count a request: %w", err)
	}
	return row.Allowed, row.Ahead, nil
}

// SweepRateLimits deletes what no longer limits anything, at most 10,000 rows,
// and returns how many there were.
func (db *DB) SweepRateLimits(ctx context.Context) (int64, error) {
	swept, err := queries.New(db.pool).SweepRateLimits(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep rate limits: %w", err)
	}
	return swept, nil
}
