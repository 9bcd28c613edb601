package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/postgres/queries"
)

func TestAGlanceSeesOnePersonsRowsAndOnlyReads(t *testing.T) {
	db, _, anna := newPerson(t)
	ben := newSubject(t, db)
	for _, subject := range []uuid.UUID{anna, ben} {
		require.NoError(t, db.Write(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
			return q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: subject, ID: subject})
		}))
	}
	glance := func(subject uuid.UUID, fn func(context.Context, *queries.Queries) error) error {
		return db.Glance(t.Context(), subject, fn)
	}
	for n := range 20 { // more than there are connections: each is given back
		require.NoError(t, glance(anna, func(ctx context.Context, q *queries.Queries) error {
			own, err := q.Session(ctx, anna, anna)
			require.NoError(t, err, "%d", n)
			require.Equal(t, anna, own.ID)
			_, err = q.Session(ctx, ben, ben)
			require.Error(t, err, "another person's")
			many, err := q.WorkflowsOfSubject(ctx, anna, uuid.Nil, 1)
			require.Empty(t, many)
			return err
		}))
	}
	err := glance(anna, func(ctx context.Context, q *queries.Queries) error { return q.FreezeSubject(ctx, anna) })
	require.Error(t, err)
	err = glance(anna, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.EndSession(ctx, nil, anna, anna) // a statement that returns rows, and writes
		return err
	})
	require.ErrorContains(t, err, "read-only transaction")
	require.NoError(t, db.ReadShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
		_, err := q.Session(ctx, anna, anna)
		require.Error(t, err, "the connection is nobody's afterwards")
		return nil
	}))

}
