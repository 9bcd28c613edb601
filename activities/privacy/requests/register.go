package requests

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/postgres/queries"
)

// Standing is how the time of an open request stands.
type Standing string

// The standings. Any stands for requests in every state, the ended ones included.
const (
	Any     Standing = ""
	Opened  Standing = "open"
	DueSoon Standing = "due_soon"
	Overdue Standing = "overdue"
)

// lawSoon and promiseSoon are how long before its end a time limit counts as near.
const (
	lawSoon     = 7 * 24 * time.Hour
	promiseSoon = 24 * time.Hour
)

// Request reads one. Errors: [failure.NotFound].
func (s *Store) Request(ctx context.Context, id uuid.UUID) (r Request, err error) {
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.PrivacyRequest(ctx, id)
		if err := unlessFound(err); err != nil {
			return err
		}
		r = requestOf(row)
		return nil
	})
	if err != nil {
		return Request{}, fmt.Errorf("read request %s: %w", id, err)
	}
	return r, nil
}

// OfPerson lists what a person has asked for, newest first, before one of theirs; the zero
// UUID begins.
func (s *Store) OfPerson(ctx context.Context, subject, before uuid.UUID, limit int32) (list []Request, err error) {
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.RequestsOfPerson(ctx, queries.RequestsOfPersonParams{PersonID: subject, First: before == uuid.Nil, Before: before, Page: limit})
		list = requestsOf(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the requests of a person: %w", err)
	}
	return list, nil
}

// Register lists everybody's requests, newest first, before one, with an entry in the audit
// log that says who did; the zero UUID begins.
func (s *Store) Register(ctx context.Context, who Who, standing Standing, before uuid.UUID, limit int32) (list []Request, err error) {
	entry, err := s.by(ctx, who, audit.Entry{Act: audit.RegisterRead, Outcome: audit.Succeeded, Reason: string(standing)})
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	err = s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.RequestRegister(ctx, queries.RequestRegisterParams{
			First: before == uuid.Nil, Before: before, Standing: string(standing), Page: limit,
			Now: now, LawSoon: now.Add(lawSoon), PromiseSoon: now.Add(promiseSoon),
		})
		if err != nil {
			return err
		}
		list = requestsOf(rows)
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the register: %w", err)
	}
	return list, nil
}

// StandingAt is how an open request stands at a time; "" for one that has ended.
func (r Request) StandingAt(now time.Time) Standing {
	switch promised := r.PromisedAt; {
	case r.State != Open:
		return Any
	case !now.Before(r.DueAt), !promised.IsZero() && !now.Before(promised):
		return Overdue
	case !now.Before(r.DueAt.Add(-lawSoon)), !promised.IsZero() && !now.Before(promised.Add(-promiseSoon)):
		return DueSoon
	default:
		return Opened
	}
}

func requestsOf(rows []queries.PrivacyRequest) []Request {
	list := make([]Request, len(rows))
	for i, row := range rows {
		list[i] = requestOf(row)
	}
	return list
}

func requestOf(row queries.PrivacyRequest) Request {
	r := Request{
		ID: row.ID, Kind: Kind(row.Kind), Law: Law(row.Law), State: State(row.State), ReceivedAt: row.ReceivedAt.UTC(),
		ConfirmedAt: at(row.ConfirmedAt), DueAt: row.DueAt.UTC(), PromisedAt: at(row.PromisedAt),
		ExtendedAt: at(row.ExtendedAt), EndedAt: at(row.EndedAt), Alias: alias.Alias(row.Alias),
	}
	if row.PersonID != nil {
		r.Subject = *row.PersonID
	}
	if row.Reason != nil {
		r.Reason = *row.Reason
	}
	if limits, _ := limitsOf(r.Law, r.Kind); limits.confirm != nil {
		r.ConfirmBy = limits.confirm(r.ReceivedAt)
	}
	return r
}

// at is a time in UTC; zero for none.
func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
