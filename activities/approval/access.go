package approval

import (
	"context"

	"github.com/google/uuid"

	"meai/internal/audit"
	"meai/internal/postgres/queries"
)

// noteAccess records with the person that somebody may read their words from now on, for the
// person to see. It belongs at the end of a transaction (see [audit.Append]).
func (s *Store) noteAccess(ctx context.Context, q *queries.Queries, r Request) error {
	subject, err := uuid.Parse(r.Parameters["subject"])
	if err != nil {
		return nil // a restored database has never met them
	}
	object, err := s.Audit.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return err
	}
	requester, err := s.Audit.Person(ctx, r.Requester)
	if err != nil {
		return err
	}
	_, err = audit.Append(ctx, q, audit.Entry{
		Actor: requester, Role: "approver", Act: audit.ApprovalGiven, Kind: audit.Subject, Object: object,
		Outcome: audit.Succeeded, Reason: string(r.Act), Approval: r.ID.String(),
	})
	return err
}
