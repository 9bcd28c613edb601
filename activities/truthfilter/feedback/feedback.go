// Package feedback keeps what people say of what they were given, and lets it move
// TruthFilter's policy: each person's own at once, and everybody's by a nightly proposal
// that has to do no worse on the project's own cases.
//
// Of feedback a row holds ids, a rating and scores; no words and no feelings. What a person
// does not want to be reminded of is sealed with their keys.
package feedback

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"meai/activities/truthfilter"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Thing is what feedback is about: exactly one of an interaction and a resource.
type Thing struct {
	Interaction uuid.UUID
	Resource    string
}

func (t Thing) row() (kind, about string) {
	if t.Resource != "" {
		return "resource", t.Resource
	}
	return "interaction", t.Interaction.String()
}

// Answers knows how answers were judged; [synthesis.Store] is the real one.
type Answers interface {
	// Judged is the judgement of an answer, nil where there is none;
	// [failure.NotFound] for an interaction that is not the person's.
	Judged(ctx context.Context, subject, interaction uuid.UUID) (*truthfilter.Judgement, error)
}

// Options of a store. DB and Written are always needed, the others by what uses them.
type Options struct {
	DB *postgres.DB
	// Written is the policy that learned ones move.
	Written truthfilter.Policy
	Answers Answers
	// HasResource reports whether the library has a resource.
	HasResource func(ctx context.Context, id string) (bool, error)
	Keys        *keyring.Keyring
	Audit       *audit.Log
	Logger      *slog.Logger
}

// Store keeps feedback and learned policies.
type Store struct{ Options }

// NewStore returns a store.
func NewStore(o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{o}
}

// Rate keeps what a person says of a thing, in the place of what they said of it before.
// The same once more changes nothing. It returns since when the rating counts;
// [failure.NotFound] when there is no such thing for them.
func (s *Store) Rate(ctx context.Context, subject uuid.UUID, about Thing, rating truthfilter.Rating) (at time.Time, err error) {
	judged, err := s.look(ctx, subject, about)
	if err != nil {
		return time.Time{}, err
	}
	row := queries.RateThingParams{SubjectID: subject, Rating: string(rating)}
	row.Kind, row.About = about.row()
	if judged != nil {
		row.Policy = &judged.Policy
		if row.Scores, err = json.Marshal(scores(judged)); err != nil {
			return time.Time{}, fmt.Errorf("encode scores: %w", err)
		}
	}
	err = s.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		at, err = q.RateThing(ctx, row)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("keep feedback: %w", err)
	}
	return at.UTC(), nil
}

// look makes sure that there is such a thing for the person.
func (s *Store) look(ctx context.Context, subject uuid.UUID, about Thing) (*truthfilter.Judgement, error) {
	if about.Resource == "" {
		return s.Answers.Judged(ctx, subject, about.Interaction)
	}
	has, err := s.HasResource(ctx, about.Resource)
	if err == nil && !has {
		err = failure.New(failure.NotFound, "the library has no such resource", nil)
	}
	return nil, err
}

func scores(j *truthfilter.Judgement) map[truthfilter.Layer]float64 {
	by := map[truthfilter.Layer]float64{}
	for _, l := range j.Layers {
		by[l.Layer] = l.Score
	}
	return by
}

// Policy is the one that a person's texts are judged under: the learned one in force,
// with what their own feedback moves in it.
func (s *Store) Policy(ctx context.Context, subject uuid.UUID) (truthfilter.Policy, error) {
	_, policy, err := s.inForce(ctx)
	if err != nil {
		return s.Written, err
	}
	return s.adjust(ctx, policy, subject)
}

func (s *Store) adjust(ctx context.Context, policy truthfilter.Policy, subject uuid.UUID) (truthfilter.Policy, error) {
	now := time.Now()
	var rows []queries.FeedbackOfRow
	err := s.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.FeedbackOf(ctx, subject, now.Add(-truthfilter.Remembered))
		return err
	})
	if err != nil {
		return policy, fmt.Errorf("read a person's feedback: %w", err)
	}
	told := make([]truthfilter.Told, len(rows))
	for i, r := range rows {
		told[i] = truthfilter.Told{Rating: truthfilter.Rating(r.Rating), Times: int(r.Times), Oldest: now.Sub(r.Oldest)}
	}
	return policy.Adjust(truthfilter.Adjustments(told)...), nil
}

// Reset takes all feedback of a person back: from now on it counts neither for them nor
// in what is learned. Nobody has feedback before they have a session.
func (s *Store) Reset(ctx context.Context, subject uuid.UUID) error {
	err := s.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.WithdrawFeedback(ctx, subject)
		return err
	})
	if err != nil && !failure.Is(err, failure.NotFound) {
		return fmt.Errorf("take feedback back: %w", err)
	}
	return nil
}
