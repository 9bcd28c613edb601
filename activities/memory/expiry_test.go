package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/postgres/queries"
)

// aged sets back when a person's memories were recorded, to when they were said.
func (p *person) aged(t *testing.T) {
	t.Helper()
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update memory_nodes set recorded_at = said_at where subject_id = $1", p.id)
		return err
	})
}

// expires has the person's memories from before a time expire, as retention does.
func (p *person) expires(t *testing.T, before time.Time, spare ...uuid.UUID) (f memory.Forgetting, recorded int) {
	t.Helper()
	e := memory.Expiry{Subject: p.id, ID: uuid.New(), Before: before, Spare: spare}
	for range 2 { // it is planned once
		var err error
		f, err = p.w.store.Expire(t.Context(), e, func(_ context.Context, _ *queries.Queries, n int) error {
			recorded += n
			return nil
		})
		require.NoError(t, err)
	}
	if f.ID != uuid.Nil {
		require.Equal(t, memory.Confirmed, f.State)
		p.carriesOut(t, f.ID)
	}
	return f, recorded
}

func years(n int) time.Time { return time.Now().AddDate(-n, 0, 0).UTC() }

func TestOldMemoriesExpireWithAllThatCameOfThem(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, years(9), "I live in Oslo with Tom.")
	p.saysAt(t, years(8), "I met Tom in Porto.")
	p.saysAt(t, years(1), "Porto is loud at night, said Ana.")
	p.aged(t)
	kept := p.w.newPerson(t)
	kept.saysAt(t, years(8), "I met Tom in Porto.") // told yesterday of long ago
	before := kept.graphCounts(t)

	f, recorded := p.expires(t, years(7))
	require.Equal(t, 2, f.Counts["turn"])
	require.Equal(t, 2, recorded, "once, though it was planned twice")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))
	require.Zero(t, p.count(t, "select count(*) from memory_edges where relation = 'fact'"), "a fact rests on nothing any more")
	require.Empty(t, p.asks(t, p.w.Activities, memory.RecallInput{Entities: []string{"Tom"}}))
	require.Equal(t, []string{"Porto is loud at night, said Ana."}, p.asks(t, p.w.Activities, memory.RecallInput{Entities: []string{"Porto"}}))
	count, err := p.w.index.Count(t.Context(), p.id)
	require.NoError(t, err)
	require.Equal(t, 1, count)

	f, recorded = p.expires(t, years(7))
	require.Zero(t, f)
	require.Zero(t, recorded)
	f, _ = kept.expires(t, years(7))
	require.Zero(t, f, "what was recorded of late is kept, whenever it was")
	require.Equal(t, before, kept.graphCounts(t), "and others' memories are as they were")
}

func TestWhatIsSparedStaysWithWhatBelongsToIt(t *testing.T) {
	p := newWorld(t).newPerson(t)
	first := p.saysAt(t, years(9), "I live in Oslo.")
	p.saysAt(t, years(9).Add(time.Hour), "I planted tulips.")
	correction := memory.Correction{Subject: p.id, Memory: p.turnOf(t, first), IdempotencyKey: "c", Body: []byte("{}"), Text: "I live in Ghent."}
	_, start, _, err := p.w.store.Correct(t.Context(), correction)
	require.NoError(t, err)
	corrected := p.tells(t, p.w.Activities, start)

	p.aged(t)
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update memory_nodes set recorded_at = now() where subject_id = $1 and id = any($2)", p.id, corrected.Nodes)
		return err
	})
	f, _ := p.expires(t, years(7))
	require.Equal(t, map[string]int{"turn": 1}, f.Counts, "what was corrected yesterday stays, with what it was before")
	require.Equal(t, 2, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))

	p.aged(t)
	f, _ = p.expires(t, years(7), p.turnOf(t, first))
	require.Zero(t, f, "one of them is spared, so both are")
	f, _ = p.expires(t, years(7), start.Ref.Interaction)
	require.Zero(t, f, "by the message that it came with")
	f, _ = p.expires(t, years(7))
	require.Equal(t, 2, f.Counts["turn"])
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))
}

func TestALongPastExpiresInTurns(t *testing.T) {
	p := newWorld(t).newPerson(t)
	const many = 1200
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, text_sealed, terms_version, importance, said_at, recorded_at)
			select $1, gen_random_uuid(), 'vault', gen_random_uuid(), gen_random_uuid(), '\x00', '1', 0.5, t, t
			from generate_series(1, $2) n, lateral (select now() - interval '10 years' + n * interval '1 hour' as t) x`, p.id, many)
		return err
	})
	gone, turns := 0, 0
	for {
		f, recorded := p.expires(t, years(7))
		if f.ID == uuid.Nil {
			break
		}
		gone, turns = gone+recorded, turns+1
	}
	require.Equal(t, many, gone)
	require.Equal(t, 3, turns)
	require.Zero(t, p.count(t, "select count(*) from memory_nodes"))
}
