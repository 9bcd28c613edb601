package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/privacy/requests"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// holds puts everything of the person on hold, or some of their memories and messages, as the
// ledger's applier does, and returns what releases it.
func (p *person) holds(t *testing.T, items ...uuid.UUID) (release func()) {
	t.Helper()
	id := uuid.New()
	who, err := alias.Of(t.Context(), p.w.keys, p.id)
	require.NoError(t, err)
	log := audit.New(audit.Options{DB: p.w.db, Keys: p.w.keys})
	act := func(apply ledger.Applier, fields map[string]string, then ...func(context.Context, *queries.Queries) error) {
		require.NoError(t, p.w.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
			if err := apply(ctx, q, ledger.Entry{Time: time.Now(), Act: ledger.Act{Fields: fields}}); err != nil {
				return err
			}
			for _, do := range then {
				if err := do(ctx, q); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	fields := map[string]string{"hold": id.String(), "alias": who.String(), "reason": "litigation", "told": "yes", "until": time.Now().UTC().Add(time.Hour).Format(time.RFC3339)}
	if len(items) > 0 {
		fields["items"] = requests.DigestOf(items)
	}
	act(requests.ApplyPlaced(log), fields, func(ctx context.Context, q *queries.Queries) error {
		if err := q.ListHeld(ctx, id, items); err != nil {
			return err
		}
		return q.HoldListed(ctx, id)
	})
	return func() { act(requests.ApplyReleased(log), map[string]string{"hold": id.String()}) }
}

func TestWhatIsHeldIsNotForgotten(t *testing.T) {
	p := newWorld(t).newPerson(t)
	kept := p.tells(t, p.w.Activities, p.input("I met Tom in Porto."))
	p.says(t, "I planted tulips.")
	turn := p.turnOf(t, kept)
	preview := func(what memory.Selection) error {
		_, err := p.w.store.PreviewForgetting(t.Context(), p.id, what)
		return err
	}
	refused := func(err error) { t.Helper(); require.True(t, failure.Is(err, failure.Held), "%v", err) }

	t.Run("one memory", func(t *testing.T) {
		release := p.holds(t, turn)
		refused(preview(memory.Selection{Memories: []uuid.UUID{turn}}))
		refused(preview(memory.Selection{Entity: "Tom"}))
		require.NoError(t, preview(memory.Selection{Theme: "tulips"}), "another one is not held")
		release()
		require.NoError(t, preview(memory.Selection{Entity: "Tom"}))
	})
	t.Run("one message, with what is remembered of it", func(t *testing.T) {
		var message uuid.UUID
		require.NoError(t, p.w.db.Read(t.Context(), p.id, func(ctx context.Context, q *queries.Queries) error {
			row, err := q.MemoryNode(ctx, p.id, turn)
			message = *row.InteractionID
			return err
		}))
		release := p.holds(t, message)
		refused(preview(memory.Selection{Entity: "Tom"}))
		release()
	})
	t.Run("everything", func(t *testing.T) {
		release := p.holds(t)
		refused(preview(memory.Selection{Theme: "tulips"}))
		release()
		require.NoError(t, preview(memory.Selection{Theme: "tulips"}))
	})
}

func TestAHoldThatCameAfterThePreviewCounts(t *testing.T) {
	p := newWorld(t).newPerson(t)
	turn := p.turnOf(t, p.tells(t, p.w.Activities, p.input("I met Tom in Porto.")))
	before := p.graphCounts(t)
	f, err := p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Entity: "Tom"})
	require.NoError(t, err)
	release := p.holds(t, turn)
	_, err = p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.True(t, failure.Is(err, failure.Held), "%v", err)
	release()
	confirmed, err := p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.NoError(t, err)
	require.Equal(t, memory.Confirmed, confirmed.State)

	release = p.holds(t)
	_, err = p.w.Forget(t.Context(), memory.ForgettingRef{Subject: p.id, Forgetting: f.ID})
	require.True(t, failure.Is(err, failure.Held), "%v", err)
	require.Equal(t, before, p.graphCounts(t))
	release()
	p.carriesOut(t, f.ID)
	_, err = p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.NoError(t, err, "it is forgotten")
}

func TestAWriteThatIsHeldIsNotGivenUp(t *testing.T) {
	p := newWorld(t).newPerson(t)
	w, _, _, err := p.w.store.Accept(t.Context(), memory.Offer{Subject: p.id, IdempotencyKey: "k", Body: []byte("{}"), Content: memory.Content{Text: "I buried the cat."}, SaidAt: day(1)})
	require.NoError(t, err)
	release := p.holds(t)
	require.True(t, failure.Is(p.w.store.Drop(t.Context(), p.id, w.ID), failure.Held))
	release()
	require.NoError(t, p.w.store.Drop(t.Context(), p.id, w.ID))
}

func TestACorrectionIsARequestThatIsMetAtOnce(t *testing.T) {
	p := newWorld(t).newPerson(t)
	turn := p.turnOf(t, p.saysAt(t, day(1), "I live in Oslo."))
	register := requests.NewStore(p.w.db, p.w.keys)
	entries := func() []requests.Request {
		list, err := register.OfPerson(t.Context(), p.id, uuid.Nil, 10)
		require.NoError(t, err)
		return list
	}
	correction := memory.Correction{Subject: p.id, Memory: turn, IdempotencyKey: "k", Body: []byte("{}"), Text: "I live in Porto."}
	for range 2 {
		w, _, _, err := p.w.store.Correct(t.Context(), correction)
		require.NoError(t, err)
		require.Len(t, entries(), 1)
		r := entries()[0]
		require.Equal(t, []any{requests.Rectification, requests.Completed, p.id}, []any{r.Kind, r.State, r.Subject})
		require.True(t, r.EndedAt.Equal(r.ReceivedAt))
		require.NotEqual(t, w.ID, r.ID, "what outlives the person has no id of theirs")
	}
	_, _, _, err := p.w.store.Correct(t.Context(), memory.Correction{Subject: p.id, Memory: uuid.New(), IdempotencyKey: "k", Body: []byte("{}"), Text: "x"})
	require.True(t, failure.Is(err, failure.NotFound))
	require.Len(t, entries(), 1, "what is refused is none")

	facts, err := memory.NewGraph(p.w.db, p.w.keys).Facts(t.Context(), p.id, memory.AsOf{}, uuid.Nil)
	require.NoError(t, err)
	require.NotEmpty(t, facts)
	for range 2 {
		require.NoError(t, p.w.store.Untrue(t.Context(), p.id, facts[0].ID))
		require.Len(t, entries(), 2, "nor is a fact that is taken back once more")
	}
}
