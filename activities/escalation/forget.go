package escalation

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/internal/postgres/queries"
)

// forgetPage is how many cases are opened at a time.
const forgetPage = 200

// CountAbout is how many cases that are not closed hold that they are about a person.
func (s *Store) CountAbout(ctx context.Context, subject uuid.UUID) (int64, error) {
	return s.eachAbout(ctx, subject, func(context.Context, *queries.Queries, uuid.UUID) (int64, error) { return 1, nil })
}

// Forget empties whom a case is about, for every case about a person who is erased, and
// returns how many there were. The cases stay, with what they are about, and whoever takes
// care of one finds nobody there any more.
func (s *Store) Forget(ctx context.Context, subject uuid.UUID) (int64, error) {
	return s.eachAbout(ctx, subject, func(ctx context.Context, q *queries.Queries, id uuid.UUID) (int64, error) {
		return q.ForgetInEscalation(ctx, id)
	})
}

// eachAbout goes through the cases about a person. Whom a case is about is sealed, so all
// are opened that are not closed; there are few.
func (s *Store) eachAbout(ctx context.Context, subject uuid.UUID, do func(context.Context, *queries.Queries, uuid.UUID) (int64, error)) (n int64, err error) {
	for after := uuid.Nil; ; {
		var page []queries.EscalationsAboutSomebodyRow
		found := int64(0)
		err := s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			found = 0
			if page, err = q.EscalationsAboutSomebody(ctx, after, forgetPage); err != nil {
				return err
			}
			for _, row := range page {
				var about Person
				if err := s.unseal(ctx, row.ID, "person", row.PersonSealed, &about); err != nil {
					return err
				}
				if about.Subject != subject {
					continue
				}
				done, err := do(ctx, q, row.ID)
				if err != nil {
					return err
				}
				found += done
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("go through the escalations about a person: %w", err)
		}
		if n += found; len(page) < forgetPage {
			return n, nil
		}
		after = page[len(page)-1].ID
	}
}
