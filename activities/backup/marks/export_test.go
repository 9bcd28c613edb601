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

// Connect has the settings under which a mark is taken.
var Connect = connect

// CompareIn is [Compare] within a transaction.
func CompareIn(ctx context.Context, tx pgx.Tx, mark repository.Mark) ([]string, error) {
	found, err := contents(ctx, tx)
	return differences(mark.Tables, found), err
}

// Histories is the part of [Check] that looks into Temporal.
func Histories(ctx context.Context, r Restored) (found map[string]string, problems []string, err error) {
	found = map[string]string{}
	problems, err = histories(ctx, r, found)
	return found, problems, err
}
