package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Decision is what a person was asked, or has said.
type Decision string

// The decisions. That somebody was asked decides nothing.
const (
	Asked     Decision = "asked"
	Given     Decision = "given"
	Refused   Decision = "refused"
	Withdrawn Decision = "withdrawn"
)

// State is where a purpose stands with a person now.
type State string

// The states besides those of the same name as a [Decision].
const (
	Unasked State = "none"
	// Expired: a consent whose time is over, or to a text that says less than is done now.
	Expired State = "expired"
)

// Answer is one decision, before it is recorded.
type Answer struct {
	Subject  uuid.UUID
	Purpose  Purpose
	Decision Decision
	// Version and Language are of the text that the person saw. Who withdraws need not
	// say: zero is the text that they had agreed to, or the newest one in English.
	Version  int
	Language string
}

// Record is one decision as it is kept.
type Record struct {
	ID       uuid.UUID
	Purpose  Purpose
	Decision Decision
	At       time.Time
	// Version, Language and Hash are of the text that the person saw.
	Version  int
	Language string
	Hash     [32]byte
	// Expires is until when a consent counts; zero for no end.
	Expires time.Time
	// Receipt is the signed note; "" for who was only asked.
	Receipt string
}

// repeatWithin is how long the same answer once more is the first one's repetition, and not
// a consent that is given anew.
const repeatWithin = time.Hour

// Decide records what a person was asked or has said, and returns it with its receipt. A
// withdrawal is in the ledger, and so outlives every restore, when it returns; who refuses
// what they had agreed to withdraws it. Repeating an answer returns what is recorded. Errors: [failure.InvalidInput] for a purpose or text
// that there is not, or a consent to a text that is not the newest; [failure.SubjectInactive].
func (s *Store) Decide(ctx context.Context, a Answer) (Record, error) {
	d, known := Defined(a.Purpose)
	if !known {
		return Record{}, failure.New(failure.InvalidInput, "there is no such purpose", nil)
	}
	named, err := s.introduce(ctx, a.Subject)
	if err != nil {
		return Record{}, err
	}
	before, err := s.newest(ctx, a.Subject)
	if err != nil {
		return Record{}, err
	}
	r, err := d.record(a, before[a.Purpose], s.clock())
	if err != nil {
		return Record{}, err
	}
	if last := before[a.Purpose].decided; repeats(r, last) {
		return *last, s.optedOut(ctx, a.Subject, *last)
	}
	if r.Decision == Withdrawn {
		if _, err := s.Ledger.Commit(ctx, withdrawal(named, r)); err != nil {
			return Record{}, fmt.Errorf("withdraw a consent: %w", err)
		}
		if err := s.optedOut(ctx, a.Subject, r); err != nil {
			return Record{}, err
		}
		r.Receipt, err = s.receipt(ctx, named, r)
		return r, err
	}
	if r.Decision != Asked {
		if r.Receipt, err = s.receipt(ctx, named, r); err != nil {
			return Record{}, err
		}
	}
	return r, s.keep(ctx, named, a.Subject, r)
}

// optedOut registers a decision that is a request not to sell or share.
func (s *Store) optedOut(ctx context.Context, subject uuid.UUID, r Record) error {
	if r.Purpose != Sharing || r.Decision != Withdrawn {
		return nil
	}
	return s.register(ctx, subject, ToOptOut, r.At)
}

// record is what an answer comes to after what was said before.
func (d Definition) record(a Answer, before history, now time.Time) (Record, error) {
	r := Record{ID: uuid.Must(uuid.NewV7()), Purpose: d.Purpose, Decision: before.meant(a.Decision), Version: a.Version, Language: a.Language, At: now}
	if r.Version == 0 && a.Decision == Withdrawn {
		r.Version, r.Language = d.Current().Number, Languages[0]
		if before.decided != nil {
			r.Version, r.Language = before.decided.Version, before.decided.Language
		}
	}
	version, known := d.version(r.Version)
	text, written := version.In(r.Language)
	switch {
	case !known || !written:
		return Record{}, failure.New(failure.InvalidInput, "there is no such text", nil)
	case a.Decision == Given && r.Version != d.Current().Number:
		return Record{}, failure.New(failure.InvalidInput, "there is a newer text to agree to", nil)
	}
	r.Hash = text.Hash()
	if last := before.last(); !r.At.After(last) { // clocks differ, and the later word counts
		r.At = last.Add(time.Microsecond)
	}
	if r.Decision == Given {
		r.Expires = d.expires(r.At)
	}
	return r, nil
}

// repeats: it says what was said before. A consent is given anew once some time has passed.
func repeats(r Record, last *Record) bool {
	if last == nil || r.Decision != last.Decision {
		return false
	}
	return r.Decision != Given || r.Version == last.Version && r.Language == last.Language && r.At.Sub(last.At) < repeatWithin
}

// keep writes a decision that no restore need bring back: who is asked once more loses
// nothing.
func (s *Store) keep(ctx context.Context, a alias.Alias, subject uuid.UUID, r Record) error {
	acts := map[Decision]audit.Act{Given: audit.ConsentGiven, Refused: audit.ConsentRefused}
	err := s.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if _, err := q.RecordConsent(ctx, r.row(subject)); err != nil || r.Decision == Asked {
			return err
		}
		entry, err := s.entry(ctx, a, subject, audit.Entry{Act: acts[r.Decision], Reason: string(r.Purpose), Request: recorded(r.ID)})
		if err != nil {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("record a decision: %w", err)
	}
	return nil
}

// recorded is what the audit log, which nothing is deleted from, has for a decision: whoever
// has the receipt finds the entry, and the entry leads to no row.
func recorded(id uuid.UUID) string {
	sum := sha256.Sum256(append([]byte("meai consent\x00"), id[:]...))
	return hex.EncodeToString(sum[:16])
}

func (r Record) row(subject uuid.UUID) queries.RecordConsentParams {
	row := queries.RecordConsentParams{
		SubjectID: subject, Purpose: string(r.Purpose), DecidedAt: r.At, ID: r.ID, Decision: string(r.Decision),
		TextVersion: int32(r.Version), Language: r.Language, TextHash: r.Hash[:],
	}
	if !r.Expires.IsZero() {
		row.ExpiresAt = &r.Expires
	}
	if r.Receipt != "" {
		row.Receipt = &r.Receipt
	}
	return row
}

func recordOf(row queries.ConsentDecision) Record {
	r := Record{
		ID: row.ID, Purpose: Purpose(row.Purpose), Decision: Decision(row.Decision), At: row.DecidedAt.UTC(),
		Version: int(row.TextVersion), Language: row.Language,
	}
	copy(r.Hash[:], row.TextHash)
	if row.ExpiresAt != nil {
		r.Expires = row.ExpiresAt.UTC()
	}
	if row.Receipt != nil {
		r.Receipt = *row.Receipt
	}
	return r
}

// history is the newest that was said and asked about a purpose; nil for never.
type history struct{ decided, asked *Record }

// meant is the decision that an answer comes to. Whoever refuses what they had agreed to
// takes it back, and did already where they were not asked since.
func (h history) meant(d Decision) Decision {
	if last := h.decided; d == Refused && last != nil &&
		(last.Decision == Given || last.Decision == Withdrawn && (h.asked == nil || h.asked.At.Before(last.At))) {
		return Withdrawn
	}
	return d
}

// last is the time of the newest of both; zero for none.
func (h history) last() (at time.Time) {
	for _, r := range []*Record{h.decided, h.asked} {
		if r != nil && r.At.After(at) {
			at = r.At
		}
	}
	return at
}

func (s *Store) newest(ctx context.Context, subject uuid.UUID) (map[Purpose]history, error) {
	found := map[Purpose]history{}
	err := s.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.NewestConsents(ctx, subject)
		for _, row := range rows {
			r := recordOf(row)
			h := found[r.Purpose]
			if r.Decision == Asked {
				h.asked = &r
			} else {
				h.decided = &r
			}
			found[r.Purpose] = h
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what a person decided: %w", err)
	}
	return found, nil
}
