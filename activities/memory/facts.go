package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Reason says why something holds no longer, or never did.
type Reason string

const (
	// Superseded: something newer took its place.
	Superseded Reason = "superseded"
	// Denied: the person said that it is so no more.
	Denied Reason = "denied"
	// Corrected: the person put it right.
	Corrected Reason = "corrected"
)

const (
	// toldOnce is the strength of a fact from one message; each further message that says
	// the same halves what is missing to certainty.
	toldOnce = 0.5
	// mostFacts bounds the facts of one text.
	mostFacts = 12
)

// learn writes what the text states. A fact that is known gains evidence; a new answer to
// a question that has one closes the old one, which stays to be seen with its reason.
func (w *writing) learn(ctx context.Context, d draft, book addressBook) error {
	for i, f := range d.facts[:min(len(d.facts), mostFacts)] {
		subject, known := book.find(subjectName(f))
		if !known {
			continue // an end to what was never told
		}
		began := d.saidAt
		if at, dated := d.began[f.Sentence]; dated {
			began = at
		}
		s := statement{Fact: f, subject: subject, slot: w.keys.Blind(keyring.FactSlot, []byte(f.Slot)), began: began, turn: d.turn.id, ordinal: i}
		if f.Object != "" {
			if s.object, known = book.find(f.Object); !known || s.object == s.subject {
				continue // what ends was never told, or the text says somebody is themselves
			}
		}
		if err := w.state(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func subjectName(f extraction.Fact) string {
	if f.Subject == "" {
		return me
	}
	return f.Subject
}

// statement is a fact with its place in the graph.
type statement struct {
	extraction.Fact
	subject, object uuid.UUID // object is zero where none is known
	slot            []byte
	began           time.Time
	turn            uuid.UUID
	ordinal         int
}

// state brings one statement together with what its slot holds.
func (w *writing) state(ctx context.Context, s statement) error {
	held, err := w.q.FactsOfSlot(ctx, w.ref.Subject, s.subject, s.slot)
	if err != nil {
		return fmt.Errorf("read what is known: %w", err)
	}
	if s.Ends {
		return w.end(ctx, s, held)
	}
	if s.Inferred && slices.ContainsFunc(held, func(f queries.FactsOfSlotRow) bool { return f.ValidTo == nil && !f.Inferred }) {
		return nil // the person's own words outweigh it
	}
	holds, next := around(held, s.began)
	for _, f := range []*queries.FactsOfSlotRow{holds, next} {
		if f == nil {
			continue
		}
		label, err := w.keys.Open(f.LabelSealed, factPlace(f.ID))
		if err != nil {
			return fmt.Errorf("read fact %s: %w", f.ID, err)
		}
		if f.ToID == s.object && string(label) == s.Label {
			return w.confirm(ctx, *f, s)
		}
		if f == holds {
			break // what comes next is another answer than the one that holds
		}
	}
	return w.replace(ctx, s, holds, next)
}

// around is the answer that holds at a time, and the one that begins next after it.
func around(held []queries.FactsOfSlotRow, at time.Time) (holds, next *queries.FactsOfSlotRow) {
	for i, f := range held {
		switch {
		case f.ValidFrom.After(at):
			if next == nil {
				next = &held[i]
			}
		case f.ValidTo == nil || f.ValidTo.After(at):
			holds = &held[i]
		}
	}
	return holds, next
}

// end closes what holds of the object, or of any when the text names none.
func (w *writing) end(ctx context.Context, s statement, held []queries.FactsOfSlotRow) error {
	for _, f := range held {
		if f.ValidTo != nil || f.ValidFrom.After(s.began) || (s.Object != "" && f.ToID != s.object) || (s.Inferred && !f.Inferred) {
			continue
		}
		if err := w.close(ctx, f.ID, s.began, Denied, s.turn); err != nil {
			return err
		}
	}
	return nil
}

// confirm gives a fact one more message that says so.
func (w *writing) confirm(ctx context.Context, f queries.FactsOfSlotRow, s statement) error {
	return w.q.ConfirmFact(ctx, queries.ConfirmFactParams{
		SubjectID: w.ref.Subject, ID: f.ID, TurnID: s.turn, ValidFrom: s.began,
		Strength: f.Strength + (1-f.Strength)/2,
	})
}

// replace writes a new fact. It closes the one that holds, and holds itself until the next
// that is known already, as when an older conversation is imported.
func (w *writing) replace(ctx context.Context, s statement, holds, next *queries.FactsOfSlotRow) error {
	id, err := identify(w.ref.Workflow, "memory_fact", s.ordinal), error(nil)
	row := queries.InsertFactParams{
		SubjectID: w.ref.Subject, ID: id, FromID: s.subject, ToID: s.object, SlotHmac: s.slot,
		Strength: toldOnce, ValidFrom: s.began, TurnID: s.turn, Inferred: s.Inferred,
	}
	if row.LabelSealed, err = w.keys.Seal([]byte(s.Label), factPlace(id)); err != nil {
		return err
	}
	if next != nil {
		row.ValidTo, row.ClosedBy, row.Reason = &next.ValidFrom, &next.ID, new(string(Superseded))
	}
	if holds != nil {
		if err := w.close(ctx, holds.ID, s.began, Superseded, id); err != nil {
			return err
		}
	}
	if err := w.q.InsertFact(ctx, row); err != nil {
		return fmt.Errorf("write fact %s: %w", id, err)
	}
	return nil
}

// close ends a fact, and has the turn contradict those that it rests on.
func (w *writing) close(ctx context.Context, id uuid.UUID, at time.Time, why Reason, by uuid.UUID) error {
	evidence, err := w.q.CloseFact(ctx, queries.CloseFactParams{
		SubjectID: w.ref.Subject, ID: id, ValidTo: at, Reason: string(why), ClosedBy: by,
	})
	if err != nil {
		return fmt.Errorf("close fact %s: %w", id, err)
	}
	turn := identify(w.ref.Workflow, "memory", turnOrdinal)
	for _, earlier := range evidence {
		if earlier != turn && !slices.ContainsFunc(w.edges, func(e edge) bool { return e.Relation == contradicts && e.To == earlier }) {
			w.connect(turn, contradicts, earlier, at)
		}
	}
	return nil
}

func factPlace(id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "memory_edges", Column: "label_sealed", Row: id}
}
