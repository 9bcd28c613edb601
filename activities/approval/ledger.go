package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

const (
	ledgerPrefix    = "approval/"
	parameterPrefix = "parameter_"
	digestField     = "digest"
)

// The ledger is kept for good, so it knows people by their aliases alone: whom an act is
// about, and who asked for it and agreed, who may be people of this system as well.

// given is an approval as the ledger has it.
type given struct {
	// Request has no requester, and an alias for a person among its parameters.
	Request
	requester alias.Alias
	approvers []alias.Alias
}

// commitment is the ledger's act for an approved request: everything that is
// needed to restore it where a restored database lacks it.
func (s *Store) commitment(ctx context.Context, r Request, approvers []uuid.UUID) (ledger.Act, error) {
	var failed error
	name := func(id uuid.UUID) string {
		a, err := alias.Of(ctx, s.Keys, id)
		failed = errors.Join(failed, err)
		return a.String()
	}
	names := make([]string, len(approvers))
	for i, a := range approvers {
		names[i] = name(a)
	}
	fields := map[string]string{
		"id": r.ID.String(), "act": string(r.Act), "requester": name(r.Requester), "required": strconv.Itoa(r.Required),
		"expires": r.ExpiresAt.UTC().Format(time.RFC3339), "approvers": strings.Join(names, ":"),
	}
	for parameter, value := range r.Parameters {
		if id, err := uuid.Parse(value); parameter == subjectParameter && err == nil {
			value = name(id)
		}
		fields[parameterPrefix+parameter] = value
	}
	fields[digestField] = digestOf(fields)
	return ledger.Act{Kind: ledger.ApprovalGiven, ID: ledgerPrefix + r.ID.String(), Fields: fields}, failed
}

// digestOf is the SHA-256 of all fields but the digest itself, in hexadecimal digits.
func digestOf(fields map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != digestField {
			fmt.Fprintf(&text, "%s %s\n", name, fields[name])
		}
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])
}

// fromLedger reads what [Store.commitment] wrote.
func fromLedger(fields map[string]string) (given, error) {
	g := given{Request: Request{Act: Act(fields["act"]), Parameters: map[string]string{}}}
	var errs [4]error
	g.ID, errs[0] = uuid.Parse(fields["id"])
	g.requester, errs[1] = alias.Parse(fields["requester"])
	g.Required, errs[2] = strconv.Atoi(fields["required"])
	g.ExpiresAt, errs[3] = time.Parse(time.RFC3339, fields["expires"])
	err := errors.Join(errs[:]...)
	for _, name := range strings.Split(fields["approvers"], ":") {
		a, malformed := alias.Parse(name)
		g.approvers, err = append(g.approvers, a), errors.Join(err, malformed)
	}
	for name, value := range fields {
		if bare, ok := strings.CutPrefix(name, parameterPrefix); ok {
			g.Parameters[bare] = value
		}
	}
	if err != nil || digestOf(fields) != fields[digestField] {
		return given{}, failure.New(failure.InvalidInput, "the ledger's entry is no approval", err)
	}
	return g, nil
}

// ApplyGiven is the ledger's applier of given approvals: it brings the approval, and
// what follows from it at once, into a database that may be older than both.
func (s *Store) ApplyGiven(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	g, err := fromLedger(e.Fields)
	if err != nil {
		return err
	}
	if err := s.ensureRows(ctx, q, g, e.Time); err != nil {
		return err
	}
	fresh, err := q.ConcludeApproval(ctx, string(Approved), e.Time, g.ID)
	if err != nil {
		return err
	}
	row, err := q.LockApproval(ctx, g.ID)
	if err != nil {
		return err
	}
	g.Requester = row.Requester
	if fresh > 0 && g.Act == Decrypt {
		if err := json.Unmarshal(row.Parameters, &g.Parameters); err != nil {
			return fmt.Errorf("read parameters: %w", err)
		}
		return s.noteAccess(ctx, q, g.Request)
	}
	if g.Act != Elevate || State(row.State) != Approved {
		return nil
	}
	return s.grant(ctx, q, g.Request, e.Time)
}

// ensureRows makes the rows of an approval that are not there. Nobody is looked for whose
// rows are.
func (s *Store) ensureRows(ctx context.Context, q *queries.Queries, g given, at time.Time) error {
	row, err := q.Approval(ctx, g.ID)
	absent := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !absent {
		return err
	}
	decided, err := q.ApprovalDecisions(ctx, g.ID)
	if err != nil {
		return err
	}
	wanted := slices.Clone(g.approvers)
	for _, d := range decided {
		known, err := alias.Of(ctx, s.Keys, d.Approver)
		if err != nil {
			return err
		}
		wanted = slices.DeleteFunc(wanted, func(a alias.Alias) bool { return a == known || a.UUID() == d.Approver })
	}
	if !absent && len(wanted) == 0 {
		return nil
	}
	ids, err := s.principals(ctx, q, append(slices.Clone(wanted), g.requester))
	if err != nil {
		return err
	}
	if absent {
		row.Requester = ids[g.requester]
		if err := s.restore(ctx, q, g, row.Requester, at); err != nil {
			return err
		}
	}
	for _, approver := range wanted {
		if _, err := q.CreateApprovalDecision(ctx, queries.CreateApprovalDecisionParams{
			ApprovalID: g.ID, Approver: ids[approver], Requester: row.Requester, Approves: true,
		}); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the row of a request. A person whom the database does not know keeps the alias.
func (s *Store) restore(ctx context.Context, q *queries.Queries, g given, requester uuid.UUID, at time.Time) error {
	parameters := maps.Clone(g.Parameters)
	if who, err := alias.Parse(parameters[subjectParameter]); err == nil {
		subject, known, err := alias.Find(ctx, q, s.Keys, who)
		if err != nil {
			return err
		}
		if known {
			parameters[subjectParameter] = subject.String()
		}
	}
	written, err := json.Marshal(parameters)
	if err != nil {
		return fmt.Errorf("write parameters: %w", err)
	}
	return q.RestoreApproval(ctx, queries.RestoreApprovalParams{
		ID: g.ID, Act: string(g.Act), Parameters: written, Requester: requester, Required: int16(g.Required),
		CreatedAt: created(at, g.ExpiresAt), ExpiresAt: g.ExpiresAt,
	})
}

// principalsPage is how many principals are looked at a time.
const principalsPage = 1000

// principals finds whom aliases are of, among all who ever signed in. What stands for an
// alias of nobody is its own id, [alias.Alias.UUID].
func (s *Store) principals(ctx context.Context, q *queries.Queries, wanted []alias.Alias) (map[alias.Alias]uuid.UUID, error) {
	found := map[alias.Alias]uuid.UUID{}
	for _, a := range wanted {
		found[a] = a.UUID()
	}
	for after, left := uuid.Nil, len(found); left > 0; {
		page, err := q.PrincipalsAfter(ctx, after, principalsPage)
		if err != nil {
			return nil, fmt.Errorf("list principals: %w", err)
		}
		for _, id := range page {
			a, err := alias.Of(ctx, s.Keys, id)
			if err != nil {
				return nil, err
			}
			if _, is := found[a]; is {
				found[a] = id
				left--
			}
		}
		if len(page) < principalsPage {
			break
		}
		after = page[len(page)-1]
	}
	return found, nil
}

// created is a time of creation that fits what is known of a request. The database
// checks it for a row that is there already as well, and by another clock.
func created(approved, expires time.Time) time.Time {
	at := approved.Add(-time.Second)
	if latest := expires.Add(-time.Second); at.After(latest) {
		at = latest
	}
	if earliest := expires.Add(-MaxLifetime); at.Before(earliest) {
		at = earliest
	}
	return at
}

// grant gives the requester the role that was approved, from a time on.
func (s *Store) grant(ctx context.Context, q *queries.Queries, r Request, from time.Time) error {
	n, err := strconv.Atoi(r.Parameters["minutes"])
	if err != nil {
		return failure.New(failure.InvalidInput, "the approval names no minutes", err)
	}
	object, err := s.Audit.Object(ctx, audit.Role, r.ID.String())
	if err != nil {
		return err
	}
	actor, err := s.Audit.Person(ctx, r.Requester)
	if err != nil {
		return err
	}
	fresh, err := q.GrantRole(ctx, queries.GrantRoleParams{
		ID: r.ID, PrincipalID: r.Requester, Role: r.Parameters["role"],
		GrantedAt: from, ExpiresAt: from.Add(time.Duration(n) * time.Minute),
	})
	if err != nil || fresh == 0 {
		return err
	}
	_, err = audit.Append(ctx, q, audit.Entry{
		Actor: actor, Role: r.Parameters["role"], Act: audit.ElevationGranted,
		Kind: audit.Role, Object: object, Outcome: audit.Succeeded, Approval: r.ID.String(),
	})
	return err
}

// usage is the ledger's act for an approval that is spent: the same one for the
// same user, so that a retry finds its own, and another's conflicts.
func usage(id uuid.UUID, by string) ledger.Act {
	return ledger.Act{Kind: ledger.ApprovalUsed, ID: "approval-use/" + id.String(), Fields: map[string]string{"id": id.String(), "by": by}}
}

// ApplyUsed is the ledger's applier of spent approvals.
func (s *Store) ApplyUsed(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	id, err := uuid.Parse(e.Fields["id"])
	if err != nil {
		return failure.New(failure.InvalidInput, "the ledger's entry is no use of an approval", err)
	}
	by := e.Fields["by"]
	entry, err := s.entry(ctx, id, audit.Entry{Actor: "approvals", Role: "system", Act: audit.ApprovalUsed, Outcome: audit.Succeeded, Request: by})
	if err != nil {
		return err
	}
	fresh, err := q.UseApproval(ctx, &by, id)
	if err != nil || fresh == 0 {
		return err
	}
	_, err = audit.Append(ctx, q, entry)
	return err
}
