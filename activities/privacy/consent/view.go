package consent

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/postgres/queries"
)

// Standing is where one purpose stands with a person now.
type Standing struct {
	Definition Definition
	State      State
	// Last is the newest decision, or when the person was asked while there is none; nil
	// for never.
	Last *Record
	// AskAgain: the consent has ended, or the text has changed since.
	AskAgain bool
}

// Overview is everything that a person has said about their data.
type Overview struct {
	// Purposes are those that people are asked about, in their order.
	Purposes []Standing
	// Sharing is the flag of who has nothing sold or shared.
	Sharing Flag
	// Restricted is since when the data is only stored; zero for not at all.
	Restricted time.Time
}

// Flag is whether a person has said that nothing of theirs is sold or shared.
type Flag struct {
	On bool
	// Last is the newest decision about it; nil for none.
	Last *Record
}

// Overview reads where everything stands.
func (s *Store) Overview(ctx context.Context, subject uuid.UUID) (Overview, error) {
	newest, err := s.newest(ctx, subject)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Sharing: flag(newest)}
	if o.Restricted, err = s.Restriction(ctx, subject); err != nil {
		return Overview{}, err
	}
	now := s.clock()
	for _, d := range Purposes() {
		if !d.OptOut {
			o.Purposes = append(o.Purposes, d.standing(newest[d.Purpose], now))
		}
	}
	return o, nil
}

func (d Definition) standing(h history, now time.Time) Standing {
	st := Standing{Definition: d, State: Unasked, Last: h.decided}
	switch {
	case h.decided == nil && h.asked != nil:
		st.State, st.Last = State(Asked), h.asked
	case h.decided == nil:
	case h.decided.Decision == Given && (h.decided.Version < d.Accepts || !h.decided.Expires.IsZero() && !h.decided.Expires.After(now)):
		st.State, st.AskAgain = Expired, true
	default:
		st.State = State(h.decided.Decision)
		st.AskAgain = h.decided.Decision == Given && h.decided.Version < d.Current().Number
	}
	return st
}

func flag(newest map[Purpose]history) Flag {
	last := newest[Sharing].decided
	return Flag{On: last != nil && last.Decision == Withdrawn, Last: last}
}

// DoNotShare is the flag of who has nothing sold or shared.
func (s *Store) DoNotShare(ctx context.Context, subject uuid.UUID) (Flag, error) {
	newest, err := s.newest(ctx, subject)
	return flag(newest), err
}

// SetDoNotShare sets the flag. That it is on is in the ledger when it returns.
func (s *Store) SetDoNotShare(ctx context.Context, subject uuid.UUID, on bool) (Flag, error) {
	d, _ := Defined(Sharing)
	a := Answer{Subject: subject, Purpose: Sharing, Decision: Given, Version: d.Current().Number, Language: Languages[0]}
	if on {
		a.Decision, a.Version = Withdrawn, 0
	}
	r, err := s.Decide(ctx, a)
	return Flag{On: on, Last: &r}, err
}

// mostHistory bounds what is read of a history at once.
const mostHistory = 1000

// History is what a person was asked and has said, newest first, at most 1,000.
func (s *Store) History(ctx context.Context, subject uuid.UUID) (all []Record, err error) {
	err = s.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.ConsentHistory(ctx, subject, mostHistory)
		for _, row := range rows {
			all = append(all, recordOf(row))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a history of consents: %w", err)
	}
	return all, nil
}

// Count is how many people stand how towards a purpose.
type Count struct {
	Purpose Purpose
	State   State
	People  int64
}

// Counts are those of everybody who is not being erased, and how many people have their
// data stored only. A consent to a text that is no longer accepted counts as given.
func (s *Store) Counts(ctx context.Context) (counts []Count, restricted int64, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.ConsentCounts(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			counts = append(counts, Count{Purpose(row.Purpose), State(row.State), row.People})
		}
		restricted, err = q.CountRestricted(ctx)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("count consents: %w", err)
	}
	return counts, restricted, nil
}
