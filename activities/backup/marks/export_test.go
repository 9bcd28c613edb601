package marks

import (
	"context"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/repository"
)

// TakeUnguarded is [Take] as it would be without holding up writing: the point and the
// snapshot are taken by one statement, and nothing else could be more at once.
func TakeUnguarded(ctx context.Context, url string) (mark repository.Mark, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return repository.Mark{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = pgx.BeginTxFunc(ctx, conn, reading, func(tx pgx.Tx) error {
		if mark, err = here(ctx, tx); err != nil {
			return err
		}
		mark.Tables, err = contents(ctx, tx)
		return err
	})
	return mark, err
}
