package consent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Store keeps decisions. DB and Keys are enough to ask; it is safe for concurrent use.
type Store struct {
	DB   *postgres.DB
	Keys *keyring.Keyring
	// Audit records decisions. It is needed to take them, and to apply the ledger's acts.
	Audit *audit.Log
	// Ledger takes withdrawals and restrictions, and applies them with the store's
	// [Store.ApplyWithdrawn], [Store.ApplyRestricted] and [Store.ApplyLifted].
	Ledger audit.Committer
	// Register keeps a request that was met at once, by its right and time, however often it
	// is told; nil for nobody.
	Register func(ctx context.Context, subject uuid.UUID, right Right, at time.Time) error
	// Now is the clock; nil for the machine's.
	Now func() time.Time
}

// Right is what a person has made use of at once.
type Right string

// The rights.
const (
	// ToRestrict: their data is only stored.
	ToRestrict Right = "restriction"
	// ToOptOut: nothing of theirs is sold or shared.
	ToOptOut Right = "opt_out"
)

// register tells the register of a request. Who died before they could is made up for by
// the repetition of the request.
func (s *Store) register(ctx context.Context, subject uuid.UUID, right Right, at time.Time) error {
	if s.Register == nil {
		return nil
	}
	if err := s.Register(ctx, subject, right, at); err != nil {
		return fmt.Errorf("register a request: %w", err)
	}
	return nil
}

// clock is the current time as the database can hold it: microseconds, UTC.
func (s *Store) clock() time.Time {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	return now().UTC().Truncate(time.Microsecond)
}

// Permitted is what a person's data may be used for at one moment.
type Permitted struct {
	purposes   map[Purpose]bool
	restricted bool
}

// Allows reports whether it may be used for a purpose that was asked about.
func (p Permitted) Allows(purpose Purpose) bool { return p.purposes[purpose] }

// Check fails with [failure.ProcessingRestricted] or [failure.ConsentMissing] when it may
// not be used for a purpose.
func (p Permitted) Check(purpose Purpose) error {
	switch {
	case p.restricted:
		return failure.New(failure.ProcessingRestricted, "the person has their data stored only", nil)
	case !p.Allows(purpose):
		return failure.New(failure.ConsentMissing, "there is no consent to "+string(purpose), nil)
	default:
		return nil
	}
}

// Permit fails, for good, with [failure.ConsentMissing] when a person does not agree now to
// a purpose, and with [failure.ProcessingRestricted] when their data is only stored. Any
// other error means that it is not known: nothing is done then, and asking again may help.
// It is one round trip and one look-up by the primary key.
func (s *Store) Permit(ctx context.Context, subject uuid.UUID, purpose Purpose) error {
	p, err := s.Permitted(ctx, subject, purpose)
	if err != nil {
		return err
	}
	return p.Check(purpose)
}

// Under is [Store.Permit] for purposes of which the first is what cannot be done without:
// what is done under the context that it returns may do what the others permit as well.
func (s *Store) Under(ctx context.Context, subject uuid.UUID, purpose Purpose, also ...Purpose) (context.Context, error) {
	p, err := s.Permitted(ctx, subject, append(also, purpose)...)
	if err != nil {
		return nil, err
	}
	return WithPermitted(ctx, p), p.Check(purpose)
}

// Permitted looks at several purposes at once, at the price of [Store.Permit].
func (s *Store) Permitted(ctx context.Context, subject uuid.UUID, purposes ...Purpose) (Permitted, error) {
	p := Permitted{purposes: make(map[Purpose]bool, len(purposes))}
	asked := []string{string(Sharing)}
	for _, purpose := range purposes {
		asked = append(asked, string(purpose))
	}
	var rows []queries.PermissionRow
	err := s.DB.Glance(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.Permission(ctx, subject, asked)
		return err
	})
	if err != nil {
		return Permitted{}, fmt.Errorf("look what a person agrees to: %w", err)
	}
	now, optedOut := s.clock(), false
	for _, row := range rows {
		p.restricted = row.RestrictedAt != nil
		if Purpose(row.Purpose) == Sharing {
			optedOut = row.Decision == string(Withdrawn)
			continue
		}
		p.purposes[Purpose(row.Purpose)] = counts(row, now)
	}
	for _, purpose := range purposes {
		if d, known := Defined(purpose); !known || p.restricted || optedOut && d.Operation == SharingData {
			p.purposes[purpose] = false
		}
	}
	return p, nil
}

// counts: the newest decision is a consent to what is done now, whose time is not over.
func counts(row queries.PermissionRow, now time.Time) bool {
	d, known := Defined(Purpose(row.Purpose))
	return known && row.Decision == string(Given) && int(row.TextVersion) >= d.Accepts &&
		(row.ExpiresAt == nil || row.ExpiresAt.After(now))
}

// Register makes a person's keys and their row, keys first: a person without keys can then
// only mean that they were lost, and lost keys are never quietly replaced. It is idempotent;
// it fails with [failure.SubjectInactive] when erasure of this person has begun.
func Register(ctx context.Context, db *postgres.DB, keys *keyring.Keyring, subject uuid.UUID) error {
	known, err := db.KnowsSubject(ctx, subject)
	if err != nil || known {
		return err
	}
	if err := keys.Create(ctx, subject); err != nil {
		return fmt.Errorf("create keys: %w", err)
	}
	return db.EnsureSubject(ctx, subject)
}

// introduce registers a person under their alias, which is what the ledger calls them.
func (s *Store) introduce(ctx context.Context, subject uuid.UUID) (a alias.Alias, err error) {
	if err := Register(ctx, s.DB, s.Keys, subject); err != nil {
		return a, err
	}
	if err := s.DB.CheckActive(ctx, subject); err != nil {
		return a, err
	}
	// By itself: in a transaction that shares the person's row with others, two that
	// each want to write it would wait for one another.
	err = s.DB.Alone(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		a, err = alias.Ensure(ctx, q, s.Keys, subject)
		return err
	})
	return a, err
}

// entry is the audit log's entry of what a person did about their own data. It names them
// by their alias, since it outlives them.
func (s *Store) entry(ctx context.Context, a alias.Alias, subject uuid.UUID, e audit.Entry) (audit.Entry, error) {
	object, err := s.Audit.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return e, err
	}
	e.Actor, e.Role, e.Kind, e.Object, e.Outcome = a.String(), "person", audit.Subject, object, audit.Succeeded
	return e, nil
}

// Restriction is since when a person's data is only stored; zero for not at all.
func (s *Store) Restriction(ctx context.Context, subject uuid.UUID) (since time.Time, err error) {
	err = s.DB.Alone(ctx, func(ctx context.Context, q *queries.Queries) error {
		at, err := q.RestrictedAt(ctx, subject)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil && at != nil {
			since = at.UTC()
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("look whether processing is restricted: %w", err)
	}
	return since, nil
}
