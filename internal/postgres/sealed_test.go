package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

func TestEverySealedColumnIsKnown(t *testing.T) {
	_, urls, _ := newPerson(t)
	inSchema := query[string](t, connect(t, urls.Owner), `
		select c.relname || '.' || a.attname from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
		  and a.attname like '%\_sealed'
		  -- What is sealed under the system's key belongs to nobody; that key does not retire.
		  and exists (select from pg_attribute s where s.attrelid = c.oid and s.attname = 'subject_id')
		order by 1`)
	var known []string
	for _, c := range postgres.SealedColumns {
		known = append(known, c.Table+"."+c.Column)
	}
	slices.Sort(known)
	require.Equal(t, inSchema, known, "a column that SealedColumns does not name keeps old key versions alive, and is lost when they retire")
}

func TestResealingGoesPageByPageOverThePersonsOwnRows(t *testing.T) {
	db, urls, alice := newPerson(t)
	bob := newSubject(t, db)
	conn := connect(t, urls.App)
	old, fresh := []byte{1, 0, 0, 0, 1}, []byte{1, 0, 0, 0, 2}
	for _, person := range []uuid.UUID{alice, bob} {
		exec(t, conn, "select set_config('app.subject', $1, false)", person.String())
		for i := range 5 {
			exec(t, conn, `insert into sessions (subject_id, id, created_at, expires_at, device_sealed) values ($1, $2, now(), now(), $3)`,
				person, uuid.New(), append(slices.Clone(old), byte(i)))
		}
	}
	device := postgres.SealedColumns[slices.IndexFunc(postgres.SealedColumns, func(c postgres.SealedColumn) bool { return c.Column == "device_sealed" })]
	var pages []int
	for after := uuid.Nil; ; {
		last, seen, err := db.Reseal(t.Context(), alice, device, fresh, after, 2, func(_ uuid.UUID, sealed []byte) ([]byte, error) {
			return append(slices.Clone(fresh), sealed[5:]...), nil
		})
		require.NoError(t, err)
		if pages = append(pages, seen); seen < 2 {
			break
		}
		after = last
	}
	require.Equal(t, []int{2, 2, 1}, pages)
	for person, prefixes := range map[uuid.UUID][2]bool{alice: {false, true}, bob: {true, false}} {
		for i, prefix := range [][]byte{old, fresh} {
			found, err := db.HoldsSealed(t.Context(), person, prefix)
			require.NoError(t, err)
			require.Equal(t, prefixes[i], found)
		}
	}
	exec(t, conn, "select set_config('app.subject', $1, false)", alice.String())
	var ends []byte
	for _, sealed := range query[[]byte](t, conn, "select device_sealed from sessions order by device_sealed") {
		ends = append(ends, sealed[5:]...)
	}
	require.Equal(t, []byte{0, 1, 2, 3, 4}, ends)

	t.Run("one that fails changes nothing", func(t *testing.T) {
		broken := errors.New("does not open")
		_, _, err := db.Reseal(t.Context(), bob, device, fresh, uuid.Nil, 10, func(uuid.UUID, []byte) ([]byte, error) { return nil, broken })
		require.ErrorIs(t, err, broken)
	})
	t.Run("a frozen person's rows are left alone", func(t *testing.T) {
		require.NoError(t, db.Freeze(t.Context(), bob))
		_, _, err := db.Reseal(t.Context(), bob, device, fresh, uuid.Nil, 10, func(_ uuid.UUID, sealed []byte) ([]byte, error) { return bytes.Clone(fresh), nil })
		require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
	})
}

func TestAPersonIsFrozenThenErased(t *testing.T) {
	db, _, alice := newPerson(t)
	require.NoError(t, db.CheckActive(t.Context(), alice))
	require.NoError(t, db.CheckActive(t.Context(), uuid.New()), "an unknown person is nobody's business here")
	records := 0
	record := func(context.Context, *queries.Queries) error { records++; return nil }
	require.NoError(t, db.MarkErased(t.Context(), alice, record))
	require.NoError(t, db.CheckActive(t.Context(), alice), "only a frozen person is erased")

	for range 2 {
		require.NoError(t, db.Freeze(t.Context(), alice))
		require.True(t, failure.Is(db.CheckActive(t.Context(), alice), failure.SubjectInactive))
	}
	for range 2 {
		require.NoError(t, db.MarkErased(t.Context(), alice, record))
	}
	require.Equal(t, 1, records, "what changes nothing is not recorded")
	require.NoError(t, db.Freeze(t.Context(), alice), "a repeat finds it done")
	require.True(t, failure.Is(db.Freeze(t.Context(), uuid.New()), failure.NotFound))
}
