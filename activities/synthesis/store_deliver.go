package synthesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/escalation"
	"meai/activities/interaction"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Deliver makes an answer readable, in one transaction: the sealed interaction,
// its steps, the session's counters and current emotion, what is to be remembered
// or why it is not, and an escalation when the answer met a crisis. It is idempotent by interaction: a second delivery
// changes nothing and returns the time and the escalation of the first.
func (s *Store) Deliver(ctx context.Context, in DeliverInput) (Delivered, error) {
	delivered, _, err := s.deliver(ctx, in)
	return delivered, err
}

// deliver tells besides whether it was this delivery that made the answer readable, and none
// before it.
func (s *Store) deliver(ctx context.Context, in DeliverInput) (delivered Delivered, first bool, err error) {
	keys, err := s.keysOf(ctx, in.Ref.Subject)
	if err != nil {
		return Delivered{}, false, err
	}
	row, err := sealDelivery(keys, in, s.clock())
	if err != nil {
		return Delivered{}, false, fmt.Errorf("seal answer: %w", err)
	}
	raised, err := s.raise(ctx, in)
	if err != nil {
		return Delivered{}, false, err
	}
	var at *time.Time
	escalated := raised.ID != uuid.Nil
	err = s.db.Write(ctx, in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		at, err = q.DeliverInteraction(ctx, row)
		if errors.Is(err, pgx.ErrNoRows) {
			before, err := q.Answered(ctx, row.SubjectID, row.ID)
			at, escalated = before.AnsweredAt, before.Escalated
			return err
		}
		if err != nil {
			return err
		}
		first = true
		if err := interaction.FinishSteps(ctx, q, in.Ref, in.Steps); err != nil || !escalated {
			return err
		}
		return raised.Write(ctx, q)
	})
	if err != nil {
		return Delivered{}, false, fmt.Errorf("deliver answer: %w", err)
	}
	delivered.At = at.UTC()
	if escalated {
		delivered.Escalation, err = s.cases.ID(ctx, in.Ref.Interaction)
	}
	return delivered, first, err
}

// raise prepares the case for people on call; the zero value when the answer needs none.
func (s *Store) raise(ctx context.Context, in DeliverInput) (escalation.Raised, error) {
	alarm := in.Answer.alarm()
	if alarm == nil {
		return escalation.Raised{}, nil
	}
	raised, err := s.cases.Prepare(ctx,
		escalation.Person{Subject: in.Ref.Subject, Interaction: in.Ref.Interaction},
		escalation.About{Severity: alarm.Severity, Kinds: alarm.Kinds})
	if err != nil {
		return escalation.Raised{}, fmt.Errorf("prepare an escalation: %w", err)
	}
	return raised, nil
}

func sealDelivery(keys *keyring.Keys, in DeliverInput, at time.Time) (queries.DeliverInteractionParams, error) {
	id := in.Ref.Interaction
	row := queries.DeliverInteractionParams{
		SubjectID: in.Ref.Subject, ID: id, SessionID: in.Ref.Session, WorkflowID: in.Ref.Workflow,
		AcceptedAt: in.AcceptedAt, AnsweredAt: &at,
	}
	if in.Unremembered != "" {
		row.Unremembered = &in.Unremembered
	}
	var errs [5]error
	row.WordsSealed, errs[0] = keys.Seal([]byte(in.Words), interactionColumn("words", id))
	row.ContextSealed, errs[1] = sealJSON(keys, in.Context, interactionColumn("context", id))
	row.AnswerSealed, errs[2] = sealJSON(keys, in.Answer, interactionColumn("answer", id))
	if in.Answer.Analysis != nil {
		row.Emotion, errs[3] = keys.Seal([]byte(in.Answer.Analysis.Primary), sessionColumn("emotion", in.Ref.Session))
	}
	if alarm := in.Answer.alarm(); alarm != nil {
		at := keyring.Location{Table: "escalations", Column: "assessment", Row: id}
		row.AssessmentSealed, errs[4] = sealJSON(keys, alarm, at)
	}
	return row, errors.Join(errs[:]...)
}
