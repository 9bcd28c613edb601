package requests

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Seen is one time that somebody saw something of a person, or was not let. Whoever it was
// is told by their role.
type Seen struct {
	At time.Time
	// Act is what they did, as the audit log names it.
	Act     string
	Role    string
	Outcome audit.Outcome
	// Self: the person did so themself.
	Self bool
	// Approved: others had allowed it.
	Approved bool
}

// system is the role of what no person does.
const system = "system"

// accessPage is how many rows are read at once.
const accessPage = 200

// Accesses lists who saw something of a person, newest first, before a time: what the audit
// log has of the person and was not done by MeAi itself, and each access to their vault. It
// may return some more than limit, all of them of the last one's moment: pages end between
// moments.
func (s *Store) Accesses(ctx context.Context, subject uuid.UUID, before time.Time, limit int) (list []Seen, err error) {
	object, err := s.audit.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return nil, err
	}
	own, err := alias.Of(ctx, s.keys, subject)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		// Entries from before people had aliases name them by their id.
		if list, err = recorded(ctx, q, object, []string{own.String(), subject.String()}, before, limit); err != nil {
			return err
		}
		rows, err := q.VaultAccesses(ctx, queries.VaultAccessesParams{SubjectID: subject, BeforeTime: before, BeforeID: uuid.Nil, Page: int32(limit) + 1})
		for _, row := range rows {
			list = append(list, Seen{At: row.At.UTC(), Act: "vault." + row.Act, Role: "person", Outcome: audit.Succeeded, Self: true})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list who saw data of a person: %w", err)
	}
	slices.SortStableFunc(list, func(a, b Seen) int { return b.At.Compare(a.At) })
	return page(list, limit), nil
}

// page is the first limit of a list, and what is of the same moment as the last of them.
func page(list []Seen, limit int) []Seen {
	end := min(limit, len(list))
	for end > 0 && end < len(list) && list[end].At.Equal(list[end-1].At) {
		end++
	}
	return list[:end]
}

// recorded is what the audit log has, at least one more than limit where there is; own are the
// names of the person themself.
func recorded(ctx context.Context, q *queries.Queries, object audit.HMAC, own []string, before time.Time, limit int) (list []Seen, err error) {
	for len(list) <= limit {
		bound := binary.BigEndian.AppendUint64(nil, uint64(before.UnixMicro()))
		rows, err := q.AuditEntriesOfObjectBefore(ctx, object[:], bound, accessPage)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			e, err := audit.Decode(row.Leaf)
			if err != nil {
				return nil, fmt.Errorf("read audit entry %d: %w", row.LeafIndex, err)
			}
			before = e.Time
			if e.Role != system {
				list = append(list, Seen{At: e.Time, Act: string(e.Act), Role: e.Role, Outcome: e.Outcome, Self: slices.Contains(own, e.Actor), Approved: e.Approval != ""})
			}
		}
		if len(rows) < accessPage {
			return list, nil
		}
	}
	return list, nil
}

// Person is what staff may know of a person: states, counts and dates.
type Person struct {
	Subject uuid.UUID
	// State is active, freezing or erased.
	State     string
	CreatedAt time.Time
	// RestrictedAt is since when what is kept is not used; zero for never.
	RestrictedAt  time.Time
	LastMessageAt time.Time
	// Counts by what is counted.
	Counts map[string]int
	// Requests are those that are open, newest first; for privacy officers all of them, at
	// most 100.
	Requests []Request
	// Held: a hold is on something of the person.
	Held bool
	// Holds are for privacy officers alone, newest first, at most 100.
	Holds []ListedHold
}

// View shows one of the staff what they may know of a person, with an entry in the audit log
// before it is shown, and before it is known whether there is such a person. Everything
// includes all requests and holds. Errors: [failure.NotFound].
func (s *Store) View(ctx context.Context, who Who, subject uuid.UUID, everything bool) (Person, error) {
	object, err := s.audit.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return Person{}, err
	}
	entry, err := s.by(ctx, who, audit.Entry{Act: audit.PersonViewed, Kind: audit.Subject, Object: object, Outcome: audit.Succeeded})
	if err != nil {
		return Person{}, err
	}
	if _, err := s.audit.Record(ctx, entry); err != nil {
		return Person{}, fmt.Errorf("record a look at a person: %w", err)
	}
	p, err := s.counts(ctx, subject)
	if err != nil {
		return Person{}, fmt.Errorf("look at a person: %w", err)
	}
	if p.Requests, err = s.OfPerson(ctx, subject, uuid.Nil, mostShown); err != nil {
		return Person{}, err
	}
	if p.Holds, err = s.holdsOf(ctx, subject, false); err != nil {
		return Person{}, err
	}
	p.Held = slices.ContainsFunc(p.Holds, func(h ListedHold) bool { return !h.Over(s.now()) })
	if !everything {
		p.Holds = nil
		p.Requests = slices.DeleteFunc(p.Requests, func(r Request) bool { return r.State != Open })
	}
	return p, nil
}

func (s *Store) counts(ctx context.Context, subject uuid.UUID) (p Person, err error) {
	err = s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.CountsOfPerson(ctx, subject)
		if errors.Is(err, pgx.ErrNoRows) {
			return failure.New(failure.NotFound, "there is no such person", nil)
		}
		p = Person{
			Subject: subject, State: row.State, CreatedAt: row.CreatedAt.UTC(), RestrictedAt: at(row.RestrictedAt),
			Counts: map[string]int{
				"sessions": int(row.Sessions), "messages": int(row.Messages), "memories": int(row.Memories),
				"writes_waiting": int(row.Waiting), "writes_failed": int(row.Failed),
			},
		}
		if row.Messages > 0 {
			p.LastMessageAt = row.LastMessageAt.UTC()
		}
		return err
	})
	return p, err
}
