// Package requests keeps the register of what people have asked for by one of their rights,
// with the time that the law gives, and the legal holds that keep what would otherwise go.
//
// The register and the holds name a person by their alias, hold no words of theirs, and so
// outlive an erasure. Time limits warn in the log, in metrics and to those whom the
// configuration names, and never do anything else. Holds are acts of the ledger: a restore
// does not undo them.
package requests

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
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

// Kind is the right that a request is for.
type Kind string

// The kinds. Access is also the right to take one's data elsewhere.
const (
	Access        Kind = "access"
	Erasure       Kind = "erasure"
	Rectification Kind = "rectification"
	Restriction   Kind = "restriction"
	OptOut        Kind = "opt_out"
)

// Kinds lists them all.
var Kinds = []Kind{Access, Erasure, Rectification, Restriction, OptOut}

// State is where a request stands.
type State string

// The states. Only Open changes.
const (
	Open      State = "open"
	Completed State = "completed"
	Cancelled State = "cancelled"
	Refused   State = "refused"
)

// New is a request that arrives.
type New struct {
	// ID is the request's own; what carries it out is named after it. It is no id of anything
	// that is erased with the person.
	ID uuid.UUID
	// Subject is who asks.
	Subject uuid.UUID
	Kind    Kind
	Law     Law
	// At is when it arrived.
	At time.Time
	// Begins is when work on it may begin, such as the end of the time in which the person can
	// take it back; zero for At. MeAi's own promise counts from there, the law's time does not.
	Begins time.Time
	// Unconfirmed: nobody has told the person yet that it has arrived. What comes through the
	// API is confirmed by its answer.
	Unconfirmed bool
	// Done: it was met at once.
	Done bool
}

// Request is an entry of the register. Times are in UTC.
type Request struct {
	ID uuid.UUID
	// Subject is who asked; zero once they are erased.
	Subject    uuid.UUID
	Alias      alias.Alias
	Kind       Kind
	Law        Law
	State      State
	ReceivedAt time.Time
	// ConfirmedAt is when the person was told that it has arrived; ConfirmBy is until when the
	// law wants that, zero for no such limit.
	ConfirmedAt, ConfirmBy time.Time
	// DueAt is until when the law wants it done, an extension included, and PromisedAt until
	// when MeAi promises it; zero for no promise.
	DueAt, PromisedAt time.Time
	ExtendedAt        time.Time
	// Reason is a code: of the extension, or of a refusal.
	Reason  string
	EndedAt time.Time
}

// Who acts, for the audit log.
type Who struct {
	// ID is the opaque id of the account; zero for MeAi itself, or a command.
	ID   uuid.UUID
	Role string
}

// Store keeps the register. It is safe for concurrent use.
type Store struct {
	db    *postgres.DB
	keys  *keyring.Keyring
	audit *audit.Log
	now   func() time.Time
}

// NewStore returns a store on a database and a keyring.
func NewStore(db *postgres.DB, keys *keyring.Keyring) *Store {
	return &Store{db: db, keys: keys, audit: audit.New(audit.Options{DB: db, Keys: keys}), now: time.Now}
}

// Name is the id of a request that is about something of a person's: always the same, and
// nothing leads back from it without the keyring.
func (s *Store) Name(ctx context.Context, kind Kind, about uuid.UUID) (uuid.UUID, error) {
	system, err := s.keys.System(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return uuid.NewSHA1(uuid.Nil, system.Blind(idPurpose, append([]byte(kind+"\x00"), about[:]...))), nil
}

const idPurpose keyring.Purpose = "privacy-request-id"

// Received is a request that is ready to be written.
type Received struct {
	row   queries.ReceiveRequestParams
	entry audit.Entry
}

// Prepare makes everything of a request that must not be made within a transaction.
func (s *Store) Prepare(ctx context.Context, n New) (Received, error) {
	limits, known := limitsOf(n.Law, n.Kind)
	switch {
	case !known || !slices.Contains(Kinds, n.Kind):
		return Received{}, failure.New(failure.InvalidInput, "no such law or kind of request", nil)
	case n.ID == uuid.Nil || n.Subject == uuid.Nil || n.At.IsZero():
		return Received{}, failure.New(failure.InvalidInput, "a request has an id, a person and a time", nil)
	}
	a, err := alias.Of(ctx, s.keys, n.Subject)
	if err != nil {
		return Received{}, err
	}
	at := n.At.UTC().Truncate(time.Microsecond)
	r := Received{row: queries.ReceiveRequestParams{
		ID: n.ID, PersonID: &n.Subject, Alias: a[:], Kind: string(n.Kind), Law: string(n.Law), State: string(Open), ReceivedAt: at, DueAt: limits.due(at),
	}}
	if !n.Unconfirmed {
		r.row.ConfirmedAt = &at
	}
	if n.Done {
		r.row.State, r.row.EndedAt = string(Completed), &at
	}
	if n.Kind == Erasure {
		r.row.PromisedAt = new(promised(at, n.Begins))
	}
	r.entry, err = s.entry(ctx, n.ID, audit.Entry{Actor: a.String(), Role: "person", Act: audit.RequestReceived, Reason: string(n.Kind)})
	return r, err
}

// Write writes the request and its audit entry in the caller's transaction, last of all in
// it. It is idempotent; [failure.IdempotencyConflict] when the id is another request's.
func (r Received) Write(ctx context.Context, q *queries.Queries) error {
	fresh, err := q.ReceiveRequest(ctx, r.row)
	if err != nil {
		return fmt.Errorf("register request %s: %w", r.row.ID, err)
	}
	if fresh == 0 {
		there, err := q.PrivacyRequest(ctx, r.row.ID)
		if err != nil {
			return fmt.Errorf("register request %s: %w", r.row.ID, err)
		}
		if !slices.Equal(there.Alias, r.row.Alias) || there.Kind != r.row.Kind {
			return failure.New(failure.IdempotencyConflict, "the id is that of another request", nil)
		}
		return nil
	}
	_, err = audit.Append(ctx, q, r.entry)
	return err
}

// Receive registers a request, once. Errors: [failure.InvalidInput],
// [failure.IdempotencyConflict] when the id is another request's.
func (s *Store) Receive(ctx context.Context, n New) error {
	r, err := s.Prepare(ctx, n)
	if err != nil {
		return fmt.Errorf("register request %s: %w", n.ID, err)
	}
	return s.db.WriteShared(ctx, r.Write)
}

var code = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)

// Finish ends a request; once more with the same outcome changes nothing. Reason is a code,
// "" for none, and required of a refusal. Errors: [failure.NotFound], [failure.Decided] when
// it has ended otherwise, [failure.InvalidInput].
func (s *Store) Finish(ctx context.Context, id uuid.UUID, outcome State, reason string) error {
	return s.finish(ctx, Who{}, id, outcome, reason)
}

// FinishBy is [Store.Finish] by one of the staff.
func (s *Store) FinishBy(ctx context.Context, who Who, id uuid.UUID, outcome State, reason string) error {
	return s.finish(ctx, who, id, outcome, reason)
}

func (s *Store) finish(ctx context.Context, who Who, id uuid.UUID, outcome State, reason string) error {
	if !slices.Contains([]State{Completed, Cancelled, Refused}, outcome) || outcome == Refused && reason == "" || reason != "" && !code.MatchString(reason) {
		return failure.New(failure.InvalidInput, "a request ends completed, cancelled or refused, and a refusal has a reason, which is a code", nil)
	}
	return s.change(ctx, who, id, audit.Entry{Act: audit.RequestEnded, Reason: string(outcome)}, func(ctx context.Context, q *queries.Queries, r queries.PrivacyRequest) (bool, error) {
		switch State(r.State) {
		case Open:
			changed, err := q.FinishRequest(ctx, queries.FinishRequestParams{ID: id, State: string(outcome), EndedAt: s.now().UTC(), Reason: reason})
			return changed > 0, err
		case outcome:
			return false, nil
		default:
			return false, failure.New(failure.Decided, "the request is "+r.State, nil)
		}
	})
}

// Detach takes the person's id off their requests, in the caller's transaction: their alias
// stays. What is open of them is cancelled, but for the erasure.
func (s *Store) Detach(ctx context.Context, q *queries.Queries, subject uuid.UUID) error {
	if err := q.DetachRequests(ctx, subject); err != nil {
		return fmt.Errorf("detach the requests of a person: %w", err)
	}
	return nil
}

// Wait says, in the caller's transaction, that the law forbids to begin with a request, as a
// legal hold does: nothing is promised until [Store.Begin]. The law's own time goes on.
func (s *Store) Wait(ctx context.Context, q *queries.Queries, id uuid.UUID) error {
	if err := q.UnpromiseRequest(ctx, id); err != nil {
		return fmt.Errorf("take back what is promised for request %s: %w", id, err)
	}
	return nil
}

// Begin says that work on an erasure may begin, earlier or later than was thought: MeAi's
// promise counts from then on. What has ended, and other kinds, stay as they are.
func (s *Store) Begin(ctx context.Context, id uuid.UUID, at time.Time) error {
	err := s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.PrivacyRequest(ctx, id)
		if err := unlessFound(err); err != nil {
			return err
		}
		return q.PromiseRequest(ctx, promised(row.ReceivedAt, at), id)
	})
	if err != nil {
		return fmt.Errorf("begin request %s: %w", id, err)
	}
	return nil
}

// Confirm says that the person knows that their request has arrived; once more changes
// nothing. Errors: [failure.NotFound].
func (s *Store) Confirm(ctx context.Context, who Who, id uuid.UUID) error {
	return s.change(ctx, who, id, audit.Entry{Act: audit.RequestConfirmed}, func(ctx context.Context, q *queries.Queries, _ queries.PrivacyRequest) (bool, error) {
		changed, err := q.ConfirmRequest(ctx, s.now().UTC(), id)
		return changed > 0, err
	})
}

// Extend takes the extension that the law allows for, once and before the time is over. The
// person sees it, with its reason, among their requests. Errors: [failure.NotFound],
// [failure.Decided] when it is too late or was extended already, [failure.InvalidInput] for
// what the law does not let extend, or for no reason that it knows.
func (s *Store) Extend(ctx context.Context, who Who, id uuid.UUID, reason string) (Request, error) {
	if !slices.Contains(ExtensionReasons, reason) {
		return Request{}, failure.New(failure.InvalidInput, "the law knows no such reason of an extension", nil)
	}
	err := s.change(ctx, who, id, audit.Entry{Act: audit.RequestExtended, Reason: reason}, func(ctx context.Context, q *queries.Queries, r queries.PrivacyRequest) (bool, error) {
		limits, _ := limitsOf(Law(r.Law), Kind(r.Kind))
		if limits.extended == nil {
			return false, failure.New(failure.InvalidInput, "the law does not let this be extended", nil)
		}
		changed, err := q.ExtendRequest(ctx, queries.ExtendRequestParams{ID: id, DueAt: limits.extended(r.ReceivedAt.UTC()), ExtendedAt: s.now().UTC(), Reason: reason})
		if err == nil && changed == 0 {
			err = failure.New(failure.Decided, "the request has ended or was extended, or its time is over", nil)
		}
		return true, err
	})
	if err != nil {
		return Request{}, err
	}
	return s.Request(ctx, id)
}

// change changes a request and records that, in one transaction; do reports whether there
// is anything to record.
func (s *Store) change(ctx context.Context, who Who, id uuid.UUID, entry audit.Entry,
	do func(context.Context, *queries.Queries, queries.PrivacyRequest) (bool, error),
) error {
	entry, err := s.by(ctx, who, entry)
	if err != nil {
		return err
	}
	if entry, err = s.entry(ctx, id, entry); err != nil {
		return err
	}
	err = s.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.PrivacyRequest(ctx, id)
		if err := unlessFound(err); err != nil {
			return err
		}
		changed, err := do(ctx, q, row)
		if err != nil || !changed {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", entry.Act, id, err)
	}
	return nil
}

// by says in an audit entry who acted: somebody by their alias, or MeAi itself.
func (s *Store) by(ctx context.Context, who Who, e audit.Entry) (audit.Entry, error) {
	if who.ID == uuid.Nil {
		e.Actor, e.Role = "privacy", cmp.Or(who.Role, system)
		return e, nil
	}
	a, err := alias.Of(ctx, s.keys, who.ID)
	e.Actor, e.Role = a.String(), who.Role
	return e, err
}

func (s *Store) entry(ctx context.Context, id uuid.UUID, e audit.Entry) (audit.Entry, error) {
	object, err := s.audit.Object(ctx, audit.PrivacyRequest, id.String())
	e.Kind, e.Object, e.Outcome = audit.PrivacyRequest, object, audit.Succeeded
	return e, err
}

func unlessFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "no such request", nil)
	}
	return err
}
