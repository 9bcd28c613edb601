package synthesis

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/truthfilter"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// Judged is how the answer of an interaction was judged, whatever its session; nil for an
// answer that was not judged, and while there is none.
func (s *Store) Judged(ctx context.Context, subject, interaction uuid.UUID) (*truthfilter.Judgement, error) {
	var sealed []byte
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		sealed, err = q.AnswerOf(ctx, subject, interaction)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, failure.New(failure.NotFound, "interaction "+interaction.String()+" does not exist", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	if sealed == nil {
		return nil, nil
	}
	keys, err := s.keysOf(ctx, subject)
	if err != nil {
		return nil, err
	}
	var answer Answer
	if err := openJSON(keys, sealed, interactionColumn("answer", interaction), &answer); err != nil {
		return nil, err
	}
	return answer.Review, nil
}
