package export

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/postgres/queries"
)

// Account is what is known of a person's account: ids and times.
type Account struct {
	Subject    uuid.UUID `json:"subject"`
	State      string    `json:"state"`
	Registered time.Time `json:"registered"`
	// Restricted is since when the processing of the data is restricted.
	Restricted *time.Time `json:"restricted,omitempty"`
	// Linked is when an account of an identity provider was linked with the person. Its own
	// id is kept blinded.
	Linked  []time.Time `json:"linked"`
	APIKeys []Key       `json:"api_keys"`
}

// Key is an API key of the person's, without its secret, which is kept nowhere.
type Key struct {
	ID        uuid.UUID  `json:"id"`
	Roles     []string   `json:"roles"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// Request is one for a right of the person's.
type Request struct {
	ID          uuid.UUID  `json:"id"`
	Kind        string     `json:"kind"`
	Law         string     `json:"law"`
	State       string     `json:"state"`
	ReceivedAt  time.Time  `json:"received_at"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
	DueAt       time.Time  `json:"due_at"`
	ExtendedAt  *time.Time `json:"extended_at,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
}

// Act is an entry of the audit log about the person: what they did, or what was done to
// what is theirs, by whom.
type Act struct {
	Index int64     `json:"index"`
	At    time.Time `json:"at"`
	// Actor is "you", or the role of who acted: staff are named by role alone.
	Actor   string `json:"actor"`
	Act     string `json:"act"`
	Object  string `json:"object,omitempty"` // its kind
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Approved: others had agreed to it.
	Approved bool `json:"approved,omitempty"`
}

// history writes how the person's data was processed: account, requests for rights, and
// what the audit log has of them. What tables have of it, as accesses to the vault,
// consents and exports, is among the data.
func (w *writing) history(ctx context.Context) error {
	account, err := w.account(ctx)
	if err != nil {
		return err
	}
	if err := w.document(historyFolder+"account.json", schemaName+"#/$defs/account", account); err != nil {
		return err
	}
	if err := w.requests(ctx); err != nil {
		return err
	}
	return w.file(historyFolder+"audit.json", schemaName+"#/$defs/audit", func(out io.Writer) (int64, error) {
		all := &list{to: out}
		if err := w.acts(ctx, func(a Act) error { return all.addValue(a) }); err != nil {
			return 0, err
		}
		return all.end()
	})
}

func (w *writing) account(ctx context.Context) (Account, error) {
	q, subject := w.snapshot.Queries(), w.snapshot.Subject()
	row, err := q.ExportAccount(ctx, subject)
	if err != nil {
		return Account{}, fmt.Errorf("read the account: %w", err)
	}
	a := Account{Subject: subject, State: row.State, Registered: row.CreatedAt.UTC(), Restricted: row.RestrictedAt, Linked: []time.Time{}, APIKeys: []Key{}}
	linked, err := q.ExportLinked(ctx, subject)
	if err != nil {
		return Account{}, fmt.Errorf("read the account: %w", err)
	}
	for _, at := range linked {
		a.Linked = append(a.Linked, at.UTC())
	}
	keys, err := q.ExportAPIKeys(ctx, subject)
	if err != nil {
		return Account{}, fmt.Errorf("read API keys: %w", err)
	}
	for _, k := range keys {
		a.APIKeys = append(a.APIKeys, Key{ID: k.ID, Roles: k.Roles, Scopes: k.Scopes, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(), RevokedAt: k.RevokedAt})
	}
	return a, nil
}

func (w *writing) requests(ctx context.Context) error {
	rows, err := w.snapshot.Queries().ExportRequests(ctx, w.snapshot.Subject())
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	return w.file(historyFolder+"requests.json", schemaName+"#/$defs/requests", func(out io.Writer) (int64, error) {
		all := &list{to: out}
		for _, row := range rows {
			r := Request{
				ID: row.ID, Kind: row.Kind, Law: row.Law, State: row.State, ReceivedAt: row.ReceivedAt.UTC(), ConfirmedAt: row.ConfirmedAt,
				DueAt: row.DueAt.UTC(), ExtendedAt: row.ExtendedAt, EndedAt: row.EndedAt,
			}
			if row.Reason != nil {
				r.Reason = *row.Reason
			}
			if err := all.addValue(r); err != nil {
				return 0, err
			}
		}
		return all.end()
	})
}

// logPage is how many entries of the audit log are looked through at a time.
const logPage = 100_000

// acts hands out the entries of the audit log about the person.
func (w *writing) acts(ctx context.Context, do func(Act) error) error {
	q, subject := w.snapshot.Queries(), w.snapshot.Subject()
	object, err := w.exports.Audit.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return err
	}
	named, err := alias.Of(ctx, w.exports.Keyring, subject)
	if err != nil {
		return err
	}
	size, err := q.AuditSize(ctx)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	own := map[string]bool{subject.String(): true, named.String(): true}
	for first := int64(0); first < size; first += logPage {
		rows, err := q.ExportAuditEntries(ctx, queries.ExportAuditEntriesParams{
			First: first, Until: min(first+logPage, size), Object: object[:], Actor: subject.String(), Alias: named.String(),
		})
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		for _, row := range rows {
			entry, err := audit.Decode(row.Leaf)
			if err != nil {
				return fmt.Errorf("read audit entry %d: %w", row.LeafIndex, err)
			}
			if err := do(actOf(entry, own)); err != nil {
				return err
			}
		}
	}
	return nil
}

// actOf tells an entry to the person: other people in it stay unnamed.
func actOf(e audit.Entry, own map[string]bool) Act {
	a := Act{
		Index: e.Index, At: e.Time.UTC(), Actor: e.Role, Act: string(e.Act), Object: string(e.Kind), Outcome: string(e.Outcome),
		Reason: e.Reason, Approved: e.Approval != "",
	}
	if own[e.Actor] {
		a.Actor = "you"
	}
	return a
}
