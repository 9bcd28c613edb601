package escalation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	idPurpose keyring.Purpose = "escalation-id"
	// byService is the actor of what no person does.
	byService = "escalations"
)

// Store keeps cases.
type Store struct {
	db    *postgres.DB
	keys  *keyring.Keyring
	audit *audit.Log
}

// NewStore returns a store on the given database and keyring.
func NewStore(db *postgres.DB, keys *keyring.Keyring) *Store {
	return &Store{db: db, keys: keys, audit: audit.New(audit.Options{DB: db, Keys: keys})}
}

// ID is the id of the case for an interaction: always the same, and nothing leads
// back from it without the keyring.
func (s *Store) ID(ctx context.Context, interaction uuid.UUID) (uuid.UUID, error) {
	system, err := s.keys.System(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return uuid.NewSHA1(uuid.Nil, system.Blind(idPurpose, interaction[:])), nil
}

// Raised is a case that is ready to be written.
type Raised struct {
	ID            uuid.UUID
	about, person []byte
	entry         audit.Entry
}

// Prepare makes everything of a case that must not be made within a transaction.
func (s *Store) Prepare(ctx context.Context, person Person, about About) (Raised, error) {
	id, err := s.ID(ctx, person.Interaction)
	if err != nil {
		return Raised{}, err
	}
	r := Raised{ID: id}
	if r.about, err = s.seal(ctx, id, "about", about); err != nil {
		return Raised{}, err
	}
	if r.person, err = s.seal(ctx, id, "person", person); err != nil {
		return Raised{}, err
	}
	r.entry, err = s.entry(ctx, id, audit.Entry{Actor: byService, Role: "system", Act: audit.EscalationRaised})
	return r, err
}

// Write writes the case and its audit entry in the caller's transaction, last of all
// in it. It is idempotent.
func (r Raised) Write(ctx context.Context, q *queries.Queries) error {
	fresh, err := q.CreateEscalation(ctx, r.ID, r.about, r.person)
	if err != nil {
		return fmt.Errorf("raise escalation %s: %w", r.ID, err)
	}
	if fresh == 0 {
		return nil
	}
	_, err = audit.Append(ctx, q, r.entry)
	return err
}

// Who acts, for the audit log.
type Who struct {
	ID   uuid.UUID
	Role string
}

// Case reads one, with an entry that says who did. [failure.NotFound] when there is none.
func (s *Store) Case(ctx context.Context, who Who, id uuid.UUID) (Case, error) {
	return s.act(ctx, who, id, audit.EscalationRead, func(context.Context, *queries.Queries, Case) (bool, error) { return true, nil })
}

// Cases lists cases, newest first, before one; the zero UUID begins, and an empty
// state is any. Whom they are about is left out.
func (s *Store) Cases(ctx context.Context, who Who, state State, before uuid.UUID, limit int32) (list []Case, err error) {
	entry := audit.Entry{Role: who.Role, Act: audit.EscalationRead, Outcome: audit.Succeeded, Reason: "list"}
	if entry.Actor, err = s.audit.Person(ctx, who.ID); err != nil {
		return nil, err
	}
	err = s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.Escalations(ctx, queries.EscalationsParams{
			First: before == uuid.Nil, Before: before, AnyState: state == "", State: string(state), Page: limit,
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			row.PersonSealed = nil
			one, err := s.open(ctx, row)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list escalations: %w", err)
	}
	return list, nil
}

// Acknowledge says that somebody takes care of a case: nobody else is told any more.
// The same one may say so again; [failure.Decided] once another has, or it is closed.
func (s *Store) Acknowledge(ctx context.Context, who Who, id uuid.UUID) (Case, error) {
	return s.act(ctx, who, id, audit.EscalationAcknowledged, func(ctx context.Context, q *queries.Queries, c Case) (bool, error) {
		switch {
		case c.State == Closed:
			return false, failure.New(failure.Decided, "the escalation is closed", nil)
		case c.AcknowledgedBy == nil:
			return true, q.AcknowledgeEscalation(ctx, &who.ID, id)
		case *c.AcknowledgedBy == who.ID:
			return false, nil
		default:
			return false, failure.New(failure.Decided, "another one takes care of it", nil)
		}
	})
}

// Close ends a case, whoever has acknowledged it, and forgets whom it was about. The
// same outcome may be given again; [failure.Decided] for another.
func (s *Store) Close(ctx context.Context, who Who, id uuid.UUID, outcome Outcome) (Case, error) {
	return s.act(ctx, who, id, audit.EscalationHandled, func(ctx context.Context, q *queries.Queries, c Case) (bool, error) {
		if c.State != Closed {
			return true, q.CloseEscalation(ctx, &who.ID, string(outcome), id)
		}
		if c.Outcome != outcome {
			return false, failure.New(failure.Decided, "the escalation is closed with another outcome", nil)
		}
		return false, nil
	}, string(outcome))
}

// act changes a case and records that, in one transaction; change reports whether
// there is anything to record.
func (s *Store) act(ctx context.Context, who Who, id uuid.UUID, act audit.Act,
	change func(context.Context, *queries.Queries, Case) (bool, error), reason ...string,
) (after Case, err error) {
	actor, err := s.audit.Person(ctx, who.ID)
	if err != nil {
		return Case{}, err
	}
	entry, err := s.entry(ctx, id, audit.Entry{Actor: actor, Role: who.Role, Act: act})
	if err != nil {
		return Case{}, err
	}
	if len(reason) > 0 {
		entry.Reason = reason[0]
	}
	err = s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.LockEscalation(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return failure.New(failure.NotFound, "no such escalation", nil)
		}
		if err != nil {
			return err
		}
		before, err := s.open(ctx, row)
		if err != nil {
			return err
		}
		changed, err := change(ctx, q, before)
		if err != nil {
			return err
		}
		if row, err = q.Escalation(ctx, id); err != nil {
			return err
		}
		if after, err = s.open(ctx, row); err != nil {
			return err
		}
		seen, err := s.seen(ctx, entry, after)
		if err != nil {
			return err
		}
		if changed {
			seen = append([]audit.Entry{entry}, seen...)
		}
		for _, e := range seen {
			if _, err := audit.Append(ctx, q, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Case{}, fmt.Errorf("%s %s: %w", act, id, err)
	}
	return after, nil
}

// seen is the entry, with the person, of who is shown whom a case is about.
func (s *Store) seen(ctx context.Context, by audit.Entry, c Case) ([]audit.Entry, error) {
	if c.Person == nil {
		return nil, nil
	}
	object, err := s.audit.Object(ctx, audit.Subject, c.Person.Subject.String())
	if err != nil {
		return nil, err
	}
	return []audit.Entry{{
		Actor: by.Actor, Role: by.Role, Act: audit.EscalationRead, Kind: audit.Subject, Object: object, Outcome: audit.Succeeded,
	}}, nil
}

// read reads a case for the service itself.
func (s *Store) read(ctx context.Context, id uuid.UUID) (c Case, err error) {
	err = s.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Escalation(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return failure.New(failure.NotFound, "no such escalation", nil)
		}
		if err != nil {
			return err
		}
		row.PersonSealed = nil
		c, err = s.open(ctx, row)
		return err
	})
	if err != nil {
		return Case{}, fmt.Errorf("read escalation %s: %w", id, err)
	}
	return c, nil
}

func (s *Store) open(ctx context.Context, row queries.EscalationCase) (Case, error) {
	c := Case{
		ID: row.ID, State: State(row.State), CreatedAt: row.CreatedAt, Level: int(row.Level), Notifications: int(row.Notifications),
		NotifiedAt: row.NotifiedAt, AcknowledgedBy: row.AcknowledgedBy, AcknowledgedAt: row.AcknowledgedAt,
		UnansweredAt: row.UnansweredAt, ClosedBy: row.ClosedBy, ClosedAt: row.ClosedAt,
	}
	if row.Outcome != nil {
		c.Outcome = Outcome(*row.Outcome)
	}
	if err := s.unseal(ctx, row.ID, "about", row.AboutSealed, &c.About); err != nil {
		return Case{}, err
	}
	if row.PersonSealed == nil {
		return c, nil
	}
	c.Person = &Person{}
	return c, s.unseal(ctx, row.ID, "person", row.PersonSealed, c.Person)
}

func (s *Store) seal(ctx context.Context, id uuid.UUID, column string, value any) ([]byte, error) {
	system, err := s.keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode an escalation: %w", err)
	}
	return system.Seal(plain, place(id, column))
}

func (s *Store) unseal(ctx context.Context, id uuid.UUID, column string, sealed []byte, into any) error {
	system, err := s.keys.System(ctx)
	if err != nil {
		return fmt.Errorf("load the system's keys: %w", err)
	}
	plain, err := system.Open(sealed, place(id, column))
	if err != nil {
		return fmt.Errorf("open escalation %s: %w", id, err)
	}
	return json.Unmarshal(plain, into)
}

func place(id uuid.UUID, column string) keyring.Location {
	return keyring.Location{Table: "escalation_cases", Column: column, Row: id}
}

func (s *Store) entry(ctx context.Context, id uuid.UUID, e audit.Entry) (audit.Entry, error) {
	object, err := s.audit.Object(ctx, audit.Escalation, id.String())
	e.Kind, e.Object = audit.Escalation, object
	if e.Outcome == "" {
		e.Outcome = audit.Succeeded
	}
	return e, err
}
