package synthesis

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// maxPage bounds one page of a list.
const maxPage = 100

// Record is one interaction as its person may read it. Words, Context, Answer
// and AnsweredAt are set once it is answered.
type Record struct {
	Ref        interaction.Ref
	State      interaction.State
	AcceptedAt time.Time
	AnsweredAt *time.Time
	Words      string
	Context    interaction.Context
	// Steps are in the order of the story; those not begun are absent.
	Steps  []interaction.StepRecord
	Answer *Answer
}

// Interaction returns one interaction of a session.
func (s *Store) Interaction(ctx context.Context, subject, session, id uuid.UUID) (Record, error) {
	var row queries.InteractionRow
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.Interaction(ctx, subject, session, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, failure.New(failure.NotFound, "interaction "+id.String()+" does not exist", nil)
	}
	if err != nil {
		return Record{}, fmt.Errorf("read interaction: %w", err)
	}
	records, err := s.openRecords(ctx, subject, []queries.InteractionRow{row})
	if err != nil {
		return Record{}, err
	}
	return records[0], nil
}

// clockSkew is how far the clocks of two processes may differ. A session and its
// interactions can get their ids from different ones.
const clockSkew = time.Hour

// Interactions lists a session's interactions, newest first. before is the last
// id of the page before; the zero UUID begins with the newest. limit is at most
// 100.
func (s *Store) Interactions(ctx context.Context, subject, session, before uuid.UUID, limit int) ([]Record, error) {
	page := queries.InteractionsParams{
		SubjectID: subject, SessionID: session, Before: before, Page: int32(min(max(limit, 1), maxPage)),
	}
	var rows []queries.InteractionsRow
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := readSession(ctx, q, subject, session)
		if err != nil {
			return err
		}
		page.After = firstID(row.CreatedAt.Add(-clockSkew))
		if before == uuid.Nil {
			page.Before = firstID(row.ExpiresAt.Add(clockSkew))
		}
		rows, err = q.Interactions(ctx, page)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list interactions: %w", err)
	}
	same := make([]queries.InteractionRow, len(rows))
	for i, row := range rows {
		same[i] = queries.InteractionRow(row)
	}
	return s.openRecords(ctx, subject, same)
}

const (
	// remembered is how many answers have to pass before a question may return, and
	// heldAgainst how many a draft is held against.
	remembered, heldAgainst = 10, 5
	// lookBack bounds the time for that: an answer that does without it is better than one
	// that is late.
	lookBack = 500 * time.Millisecond
)

// Before are the texts of the session's last answers before an interaction, newest first;
// none when they cannot be read in time.
func (s *Store) Before(ctx context.Context, ref interaction.Ref) []string {
	var texts []string
	for _, answer := range s.answersBefore(ctx, ref, heldAgainst) {
		texts = append(texts, answer.Text)
	}
	return texts
}

func (s *Store) answersBefore(ctx context.Context, ref interaction.Ref, most int) []Answer {
	ctx, cancel := context.WithTimeout(ctx, lookBack)
	defer cancel()
	records, err := s.Interactions(ctx, ref.Subject, ref.Session, ref.Interaction, most)
	if err != nil {
		return nil
	}
	var answers []Answer
	for _, r := range records {
		if r.Answer != nil {
			answers = append(answers, *r.Answer)
		}
	}
	return answers
}

// firstID is the least UUIDv7 of a millisecond (RFC 9562, section 5.7).
func firstID(at time.Time) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	return id
}

// openRecords asks for the person's keys only when there is something to open.
func (s *Store) openRecords(ctx context.Context, subject uuid.UUID, rows []queries.InteractionRow) ([]Record, error) {
	var keys *keyring.Keys
	records := make([]Record, len(rows))
	for i, row := range rows {
		var err error
		if keys == nil && row.Interaction.AnswerSealed != nil {
			if keys, err = s.keysOf(ctx, subject); err != nil {
				return nil, err
			}
		}
		if records[i], err = openRecord(keys, row); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func openRecord(keys *keyring.Keys, row queries.InteractionRow) (Record, error) {
	i := row.Interaction
	rec := Record{
		Ref:   interaction.Ref{Subject: i.SubjectID, Session: i.SessionID, Interaction: i.ID, Workflow: i.WorkflowID},
		State: interaction.State(i.State), AcceptedAt: i.AcceptedAt.UTC(), AnsweredAt: inUTC(i.AnsweredAt),
	}
	if err := json.Unmarshal(row.Steps, &rec.Steps); err != nil {
		return Record{}, fmt.Errorf("decode steps of %s: %w", i.ID, err)
	}
	for n := range rec.Steps {
		step := &rec.Steps[n]
		step.StartedAt, step.CompletedAt = step.StartedAt.UTC(), inUTC(step.CompletedAt)
	}
	interaction.SortSteps(rec.Steps)
	if i.AnswerSealed == nil {
		return rec, nil
	}
	return rec, rec.open(keys, i)
}

// open fills in what is sealed.
func (r *Record) open(keys *keyring.Keys, i queries.Interaction) error {
	words, err := keys.Open(i.WordsSealed, interactionColumn("words", i.ID))
	if err != nil {
		return err
	}
	var answer Answer
	if err := errors.Join(
		openJSON(keys, i.ContextSealed, interactionColumn("context", i.ID), &r.Context),
		openJSON(keys, i.AnswerSealed, interactionColumn("answer", i.ID), &answer),
	); err != nil {
		return err
	}
	r.Words, r.Answer = string(words), &answer
	return nil
}

// alarm is what people on call have to look at in this interaction; nil for nothing.
func (a Answer) alarm() *crisis.Assessment {
	switch {
	case a.Crisis != nil && a.Crisis.NeedsSafeAnswer():
		return a.Crisis
	case a.Review != nil && a.Review.Escalate:
		return &crisis.Assessment{Severity: crisis.Explicit, Kinds: []crisis.Kind{crisis.ChildSexualContent}}
	default:
		return nil
	}
}
