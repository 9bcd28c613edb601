package marks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoHeartbeat: an archive reaches to no heartbeat of the last day.
var ErrNoHeartbeat = errors.New("the archive holds no heartbeat that the database remembers")

// Beat is a heartbeat: whatever the database acknowledged before At lies in its
// write-ahead log before LSN, in PostgreSQL's notation.
type Beat struct {
	At  time.Time
	LSN string
}

// Heartbeat commits one heartbeat and returns when it is on the server's disk. It is for
// every ten seconds: a day of such heartbeats is kept. The URL connects as the role for
// backups.
func Heartbeat(ctx context.Context, url string) (b Beat, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return Beat{}, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return beat(ctx, conn)
}

func beat(ctx context.Context, conn *pgx.Conn) (b Beat, err error) {
	if err := conn.QueryRow(ctx, "select at, lsn::text from meai_heartbeat()").Scan(&b.At, &b.LSN); err != nil {
		return Beat{}, fmt.Errorf("commit a heartbeat: %w", err)
	}
	b.At = b.At.UTC()
	return b, nil
}

// Lag tells of an archive that durably holds the write-ahead log before an LSN since when
// it may lack something: the newest heartbeat that it covers, and how long ago that was by
// the server's clock. It is what would be lost, in time, were the server gone now.
// [ErrNoHeartbeat] when that is more than what is remembered, a day.
func Lag(ctx context.Context, url, lsn string) (covered Beat, lag time.Duration, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return Beat{}, 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = conn.QueryRow(ctx, `select at, lsn::text, clock_timestamp() - at from backup_heartbeats
		where lsn <= $1::text::pg_lsn order by backup_heartbeats.lsn desc limit 1`, lsn).Scan(&covered.At, &covered.LSN, &lag)
	if errors.Is(err, pgx.ErrNoRows) {
		return Beat{}, 0, ErrNoHeartbeat
	}
	if err != nil {
		return Beat{}, 0, fmt.Errorf("look for the heartbeat that is archived: %w", err)
	}
	covered.At = covered.At.UTC()
	return covered, lag, nil
}
