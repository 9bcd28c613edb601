package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/requests"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Correction puts something else in a turn's place.
type Correction struct {
	Subject, Memory uuid.UUID
	IdempotencyKey  string
	Body            []byte
	Text            string
}

// Correct accepts other words for a turn, as [Store.Accept] does. The turn stays as it is
// until they are stored; then it is taken back with what was learnt from it, and stays to
// be seen. Errors: [failure.NotFound], [failure.InvalidInput] for what is no turn or was
// corrected already, [failure.IdempotencyConflict].
func (s *Store) Correct(ctx context.Context, c Correction) (w Write, start RememberInput, fresh bool, err error) {
	var row queries.MemoryNode
	err = s.db.Read(ctx, c.Subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.MemoryNode(ctx, c.Subject, c.Memory)
		return unlessFound(err, "memory")
	})
	if err != nil {
		return Write{}, RememberInput{}, false, fmt.Errorf("correct a memory: %w", err)
	}
	switch Kind(row.Kind) {
	case Turn:
	case Vault:
		return Write{}, RememberInput{}, false, noMemory()
	default:
		return Write{}, RememberInput{}, false, notReplaceable()
	}
	return s.Accept(ctx, Offer{
		Subject: c.Subject, IdempotencyKey: "correct " + c.Memory.String() + " " + c.IdempotencyKey, Body: c.Body,
		Session: valueOf(row.SessionID), Content: Content{Text: c.Text}, SaidAt: row.SaidAt, Replaces: c.Memory,
	})
}

// rectification is the register's entry of a correction, which is met at once.
func (s *Store) rectification(ctx context.Context, subject, about uuid.UUID, at time.Time) (requests.Received, error) {
	id, err := s.requests.Name(ctx, requests.Rectification, about)
	if err != nil {
		return requests.Received{}, err
	}
	return s.requests.Prepare(ctx, requests.New{ID: id, Subject: subject, Kind: requests.Rectification, Law: requests.GDPR, At: at, Done: true})
}

func notReplaceable() error {
	return failure.New(failure.InvalidInput, "only a turn that holds can be corrected", nil)
}

// checkReplaceable refuses a correction of what is no turn, or was corrected already.
func checkReplaceable(ctx context.Context, q *queries.Queries, subject, id uuid.UUID) error {
	row, err := q.MemoryNode(ctx, subject, id)
	if err := unlessFound(err, "memory"); err != nil {
		return err
	}
	if Kind(row.Kind) != Turn || row.RetractedAt != nil {
		return notReplaceable()
	}
	return nil
}

// takeBack retracts a turn with its moment, its edges and what was learnt from it alone;
// what that had closed holds again. Patterns that rest on it go, and are found again where
// they still hold.
func (w *writing) takeBack(ctx context.Context, turn uuid.UUID) error {
	retracted, err := w.q.RetractTurn(ctx, &w.now, w.ref.Subject, turn)
	if err != nil {
		return fmt.Errorf("take turn %s back: %w", turn, err)
	}
	if !slices.Contains(retracted, turn) {
		return failure.New(failure.InvalidInput, "the memory to correct is not there any more", nil)
	}
	if err := w.q.RetractEdges(ctx, &w.now, w.ref.Subject, retracted); err != nil {
		return fmt.Errorf("take the edges of turn %s back: %w", turn, err)
	}
	facts, err := w.q.RetractFacts(ctx, &w.now, w.ref.Subject, turn)
	if err != nil {
		return fmt.Errorf("take what was learnt from turn %s back: %w", turn, err)
	}
	if err := reopenFacts(ctx, w.q, w.keys, append(facts, turn), w.now); err != nil {
		return fmt.Errorf("turn %s: %w", turn, err)
	}
	if _, err := dissolvePatterns(ctx, w.q, w.keys, []uuid.UUID{turn}); err != nil {
		return err
	}
	return nil
}

// Pin keeps a memory in sight, or lets go of it. Errors: [failure.NotFound].
func (s *Store) Pin(ctx context.Context, subject, id uuid.UUID, pinned bool) error {
	err := s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		var changed int64
		var err error
		if pinned {
			changed, err = q.PinMemory(ctx, new(s.now().UTC()), subject, id)
		} else {
			changed, err = q.UnpinMemory(ctx, subject, id)
		}
		if err == nil && changed == 0 {
			return noMemory()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("pin a memory: %w", err)
	}
	return nil
}

// Untrue takes a fact back that was never so; what it had closed holds again. Once more
// changes nothing. Errors:
// [failure.NotFound].
func (s *Store) Untrue(ctx context.Context, subject, fact uuid.UUID) error {
	keys, err := s.keys.Keys(ctx, subject)
	if err != nil {
		return fmt.Errorf("take a fact back: %w", err)
	}
	now := s.now().UTC()
	rectified, err := s.rectification(ctx, subject, fact, now)
	if err != nil {
		return fmt.Errorf("take a fact back: %w", err)
	}
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return err
		}
		changed, err := q.RetractFact(ctx, &now, subject, fact)
		if err != nil {
			return err
		}
		if changed == 0 {
			return failure.New(failure.NotFound, "there is no such fact", nil)
		}
		if err := reopenFacts(ctx, q, keys, []uuid.UUID{fact}, now); err != nil {
			return err
		}
		return rectified.Write(ctx, q)
	})
	if err != nil {
		return fmt.Errorf("take a fact back: %w", err)
	}
	return nil
}

// reopenFacts lets what the given facts or turns had closed hold again: until the end of the
// fact that had taken its place, where that had one.
func reopenFacts(ctx context.Context, q *queries.Queries, keys *keyring.Keys, closers []uuid.UUID, now time.Time) error {
	closed, err := q.FactsClosedBy(ctx, keys.Subject(), closers)
	if err != nil {
		return fmt.Errorf("find what they had closed: %w", err)
	}
	ends := map[uuid.UUID]queries.MemoryEdge{}
	rows, err := q.FactsByID(ctx, keys.Subject(), closers)
	if err != nil {
		return fmt.Errorf("read the facts that go: %w", err)
	}
	for _, row := range rows {
		ends[row.ID] = row
	}
	for _, row := range closed {
		if slices.Contains(closers, row.ID) {
			continue // it goes itself
		}
		e, err := openEdge(keys, row, nil)
		if err != nil {
			return err
		}
		again := identify(row.ID.String(), "reopened", int(now.UnixMicro()))
		reopened := queries.ReopenFactParams{SubjectID: keys.Subject(), ID: row.ID, Again: again, At: &now}
		if reopened.LabelSealed, err = keys.Seal([]byte(e.Label), factPlace(again)); err != nil {
			return err
		}
		// Along those that go, to the first end that stays.
		for by := row.ClosedBy; by != nil; {
			closer, isFact := ends[*by]
			if !isFact {
				if !slices.Contains(closers, *by) {
					reopened.ClosedBy = by
				}
				break
			}
			reopened.ValidTo, reopened.ClosedAt, reopened.Reason = closer.ValidTo, closer.ClosedAt, closer.Reason
			by = closer.ClosedBy
		}
		if reopened.ClosedBy == nil { // nothing that stays had closed it
			reopened.ValidTo, reopened.ClosedAt, reopened.Reason = nil, nil, nil
		}
		if err := q.ReopenFact(ctx, reopened); err != nil {
			return fmt.Errorf("reopen fact %s: %w", row.ID, err)
		}
	}
	return nil
}
