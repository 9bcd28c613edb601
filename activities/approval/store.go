package approval

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	decisionPurpose keyring.Purpose = "approval-decision"
	idPurpose       keyring.Purpose = "approval-id"
)

// Store keeps requests and decisions.
type Store struct {
	DB    *postgres.DB
	Keys  *keyring.Keyring
	Audit *audit.Log
}

// Asked is a new request, as its requester makes it.
type Asked struct {
	// Key is the requester's Idempotency-Key: the same one is the same request.
	Key        string
	Act        Act
	Parameters map[string]string
	Requester  uuid.UUID
	Reason     string
	Lifetime   time.Duration
	// Role is the requester's, for the audit log.
	Role string
}

// Ask records a request with its audit entry, once for a requester's key. The
// caller has held the parameters to [Check]. The same key for something else is
// [failure.IdempotencyConflict].
func (s *Store) Ask(ctx context.Context, a Asked) (Approval, error) {
	id, err := s.id(ctx, a)
	if err != nil {
		return Approval{}, err
	}
	reason, err := s.seal(ctx, id, a.Reason)
	if err != nil {
		return Approval{}, err
	}
	parameters, err := json.Marshal(a.Parameters)
	if err != nil {
		return Approval{}, fmt.Errorf("write parameters: %w", err)
	}
	entry, err := s.by(ctx, a.Requester, id, audit.Entry{Role: a.Role, Act: audit.ApprovalRequested, Outcome: audit.Succeeded})
	if err != nil {
		return Approval{}, err
	}
	if entry.Note, err = s.Audit.Note(ctx, a.Reason); err != nil {
		return Approval{}, err
	}
	err = s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		fresh, err := q.CreateApproval(ctx, queries.CreateApprovalParams{
			ID: id, Act: string(a.Act), Parameters: parameters, Requester: a.Requester,
			ReasonSealed: reason, Required: int16(Required(a.Act)), LifetimeSeconds: a.Lifetime.Seconds(),
		})
		if err != nil || fresh == 0 {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return Approval{}, fmt.Errorf("record the request for approval %s: %w", id, err)
	}
	found, err := s.Approval(ctx, id)
	if err == nil && (!found.Covers(a.Act, a.Parameters) || found.Reason != a.Reason) {
		err = failure.New(failure.IdempotencyConflict, "the key was used for another request", nil)
	}
	return found, err
}

// id makes the same id of the same requester's key.
func (s *Store) id(ctx context.Context, a Asked) (uuid.UUID, error) {
	system, err := s.Keys.System(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return uuid.NewSHA1(a.Requester, system.Blind(idPurpose, append(a.Requester[:], a.Key...))), nil
}

// Approval reads one; [failure.NotFound] when there is none.
func (s *Store) Approval(ctx context.Context, id uuid.UUID) (found Approval, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Approval(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return failure.New(failure.NotFound, "no such approval", nil)
		}
		if err != nil {
			return err
		}
		found, err = s.open(ctx, q, row)
		return err
	})
	if err != nil {
		return Approval{}, fmt.Errorf("read approval %s: %w", id, err)
	}
	return found, nil
}

// Approvals lists requests, newest first, before one; the zero UUID begins.
func (s *Store) Approvals(ctx context.Context, before uuid.UUID, limit int32) (list []Approval, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.Approvals(ctx, before == uuid.Nil, before, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			one, err := s.open(ctx, q, queries.ApprovalRow(row))
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list approvals: %w", err)
	}
	return list, nil
}

// Decryption returns the approval by which a principal may decode a person's
// payloads now; false without one.
func (s *Store) Decryption(ctx context.Context, principal, subject uuid.UUID) (id uuid.UUID, ok bool, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		id, err = q.DecryptionApproval(ctx, principal, subject.String())
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("look for an approval: %w", err)
	}
	return id, true, nil
}

// open reads a row with its decisions. A request whose time is over counts as
// expired even if its workflow has not said so yet.
func (s *Store) open(ctx context.Context, q *queries.Queries, row queries.ApprovalRow) (Approval, error) {
	request, err := request(row.ID, row.Act, row.Parameters, row.Requester, row.Required, row.ExpiresAt)
	if err != nil {
		return Approval{}, err
	}
	a := Approval{
		Request: request, State: State(row.State), CreatedAt: row.CreatedAt, DecidedAt: row.DecidedAt, UsedAt: row.UsedAt,
	}
	if row.UsedBy != nil {
		a.UsedBy = *row.UsedBy
	}
	if a.State == Pending && !row.ReadAt.Before(row.ExpiresAt) {
		a.State = Expired
	}
	if len(row.ReasonSealed) > 0 {
		if a.Reason, err = s.unseal(ctx, row.ID, row.ReasonSealed); err != nil {
			return Approval{}, err
		}
	}
	a.Decisions, err = decisions(ctx, q, row.ID)
	return a, err
}

func decisions(ctx context.Context, q *queries.Queries, id uuid.UUID) ([]Given, error) {
	rows, err := q.ApprovalDecisions(ctx, id)
	if err != nil {
		return nil, err
	}
	given := make([]Given, len(rows))
	for i, d := range rows {
		given[i] = Given(d)
	}
	return given, nil
}

func request(id uuid.UUID, act string, parameters []byte, requester uuid.UUID, required int16, expires time.Time) (Request, error) {
	r := Request{ID: id, Act: Act(act), Requester: requester, Required: int(required), ExpiresAt: expires.UTC().Truncate(time.Second)}
	if err := json.Unmarshal(parameters, &r.Parameters); err != nil {
		return Request{}, fmt.Errorf("read the parameters of approval %s: %w", id, err)
	}
	return r, nil
}

// Sign completes a decision with the MAC that proves that it came through the API,
// which alone authenticates approvers.
func (s *Store) Sign(ctx context.Context, d Decision) (Decision, error) {
	mac, err := s.mac(ctx, d)
	d.MAC = mac
	return d, err
}

func (s *Store) verify(ctx context.Context, d Decision) error {
	mac, err := s.mac(ctx, d)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, d.MAC) {
		return failure.New(failure.NotAllowed, "this decision did not come through the API", nil)
	}
	return nil
}

func (s *Store) mac(ctx context.Context, d Decision) ([]byte, error) {
	system, err := s.Keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	text := append(append([]byte{}, d.Approval[:]...), d.Approver[:]...)
	return system.Blind(decisionPurpose, strconv.AppendBool(text, d.Approves)), nil
}

func reasonPlace(id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "approvals", Column: "reason_sealed", Row: id}
}

func (s *Store) seal(ctx context.Context, id uuid.UUID, reason string) ([]byte, error) {
	system, err := s.Keys.System(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the system's keys: %w", err)
	}
	return system.Seal([]byte(reason), reasonPlace(id))
}

func (s *Store) unseal(ctx context.Context, id uuid.UUID, sealed []byte) (string, error) {
	system, err := s.Keys.System(ctx)
	if err != nil {
		return "", fmt.Errorf("load the system's keys: %w", err)
	}
	reason, err := system.Open(sealed, reasonPlace(id))
	return string(reason), err
}

// entry completes an audit entry about an approval.
func (s *Store) entry(ctx context.Context, id uuid.UUID, e audit.Entry) (audit.Entry, error) {
	object, err := s.Audit.Object(ctx, audit.Approval, id.String())
	e.Kind, e.Object, e.Approval = audit.Approval, object, id.String()
	return e, err
}

// by is [Store.entry] for an act of somebody's.
func (s *Store) by(ctx context.Context, who, id uuid.UUID, e audit.Entry) (_ audit.Entry, err error) {
	if e.Actor, err = s.Audit.Person(ctx, who); err != nil {
		return audit.Entry{}, err
	}
	return s.entry(ctx, id, e)
}
