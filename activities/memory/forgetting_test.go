package memory_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/failure"
	"meai/internal/signing"
)

// forgets has a selection forgotten, step by step as the workflow does.
func (p *person) forgets(t *testing.T, what memory.Selection) (memory.Forgetting, memory.Receipt) {
	t.Helper()
	f, err := p.w.store.PreviewForgetting(t.Context(), p.id, what)
	require.NoError(t, err)
	confirmed, err := p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.NoError(t, err)
	require.Equal(t, memory.Confirmed, confirmed.State)
	return f, p.carriesOut(t, f.ID)
}

func (p *person) carriesOut(t *testing.T, id uuid.UUID) memory.Receipt {
	t.Helper()
	ref := memory.ForgettingRef{Subject: p.id, Forgetting: id}
	for range 2 { // every step may be tried again
		_, err := p.w.Forget(t.Context(), ref)
		require.NoError(t, err)
	}
	for range 2 {
		_, err := p.w.ForgetCopies(t.Context(), ref)
		require.NoError(t, err)
	}
	receipt, err := p.w.ProveForgotten(t.Context(), ref)
	require.NoError(t, err)
	again, err := p.w.ProveForgotten(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, receipt.Signed, again.Signed, "there is one receipt")
	return receipt
}

func TestWhatIsForgottenIsGoneFromEveryStoreWithAllThatCameOfIt(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I had a quiet day.")
	secret := p.tells(t, p.w.Activities, p.intenseInput())
	p.says(t, "The quiet came back.")
	turn := secret.Nodes

	f, receipt := p.forgets(t, memory.Selection{Theme: "shaking sister"})
	require.Equal(t, map[string]int{"turn": 1, "marker": 1}, f.Counts)
	require.Len(t, f.Shown, 2)
	require.Equal(t, f.Counts, receipt.Deleted)
	for store, left := range receipt.Left {
		require.Zero(t, left, store)
	}
	require.Len(t, receipt.Left, 7)

	require.Zero(t, p.count(t, "select count(*) from memory_nodes where id = any($1)", turn))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'entity'"), "nothing is about them any more")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'follows'"), "the turns beside it follow each other")
	held, err := p.w.index.Holds(t.Context(), p.id, turn...)
	require.NoError(t, err)
	require.Empty(t, held)
	require.NotContains(t, p.recalls(t, "what did my sister Maya tell me, shaking"), intense)
	count, err := p.w.index.Count(t.Context(), p.id)
	require.NoError(t, err)
	require.Equal(t, 2, count)

	key, err := signing.Derive(t.Context(), p.w.keys, "meai-receipts", "receipt-signature")
	require.NoError(t, err)
	text, err := key.Open([]byte(receipt.Signed))
	require.NoError(t, err)
	var signed struct {
		Forgetting uuid.UUID
		Left       map[string]int
	}
	require.NoError(t, json.Unmarshal([]byte(text), &signed))
	require.Equal(t, f.ID, signed.Forgetting)
	require.Equal(t, receipt.Left, signed.Left)
}

func TestAnEntityIsForgottenWithAllThatIsAboutIt(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I met Tom in Porto.")
	p.says(t, "I live in Porto. I called Tom today.")
	p.says(t, "Porto is loud at night, said Ana.")
	p.saysAt(t, day(1), "I live in Oslo.")
	require.NotEmpty(t, p.recalls(t, "Tom"))

	f, _ := p.forgets(t, memory.Selection{Entity: "tom"})
	require.Equal(t, map[string]int{"turn": 2, "entity": 1, "fact": 1}, f.Counts)
	require.Empty(t, p.asks(t, p.w.Activities, memory.RecallInput{Entities: []string{"Tom"}}))
	require.Equal(t, []string{"Porto is loud at night, said Ana."}, p.asks(t, p.w.Activities, memory.RecallInput{Entities: []string{"Porto"}}))
	require.Equal(t, []string{"me lives in Oslo"}, p.believed(t, time.Now(), time.Now()), "it holds again: what had closed it is gone")
}

func TestAPatternIsForgottenWithWhatItRestsOn(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.moves(t)
	p.tellsOn(t, 50, "joy", 0.9, "I got the promotion.")
	p.consolidates(t)
	story := p.patterns(t).Storylines[0]
	_, err := p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Echo: story.ID})
	require.True(t, failure.Is(err, failure.NotFound), "it is no echo: %v", err)
	_, err = p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Storyline: story.ID, Theme: "the move"})
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
	f, receipt := p.forgets(t, memory.Selection{Storyline: story.ID})
	require.Equal(t, []int{4, 4, 1}, []int{f.Counts["turn"], f.Counts["marker"], f.Counts["storyline"]})
	for store, left := range receipt.Left {
		require.Zero(t, left, store)
	}
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"), "the promotion stays")
	p.consolidates(t)
	require.Empty(t, p.patterns(t).Storylines, "there is nothing to tell it of")

	p.sundays(t, 10)
	p.consolidates(t)
	echo := echoSaying(p.patterns(t), "You have been sad nearly every Sunday.")
	f, _ = p.forgets(t, memory.Selection{Echo: echo.ID})
	require.Equal(t, 10, f.Counts["turn"])
	require.Equal(t, 21, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))
}

func TestATimeIsForgotten(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for n := range 4 {
		p.saysAt(t, day(n+1), "On this day I planted tulips.")
	}
	f, _ := p.forgets(t, memory.Selection{From: day(2), To: day(4)})
	require.Equal(t, map[string]int{"turn": 2}, f.Counts)
	require.Equal(t, 2, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))
}

func TestWhatIsForgottenDoesNotComeBack(t *testing.T) {
	p := newWorld(t).newPerson(t)
	offer := memory.Offer{Subject: p.id, IdempotencyKey: "k", Body: []byte("{}"), Content: memory.Content{Text: "I buried the cat."}, SaidAt: day(1)}
	_, start, fresh, err := p.w.store.Accept(t.Context(), offer)
	require.NoError(t, err)
	require.True(t, fresh)
	kept := p.tells(t, p.w.Activities, start)

	_, receipt := p.forgets(t, memory.Selection{Memories: kept.Nodes[:1]})
	require.Equal(t, 1, receipt.Deleted["turn"])
	_, err = p.w.Remember(t.Context(), start)
	require.True(t, failure.Is(err, failure.NotFound), "a late retry: %v", err)
	again, _, fresh, err := p.w.store.Accept(t.Context(), offer)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, memory.WriteForgotten, again.State)
	_, _, err = p.w.store.Retry(t.Context(), p.id, again.ID)
	require.True(t, failure.Is(err, failure.NotFound))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes"))
}

func TestNothingIsForgottenWithoutAPersonsWord(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I met Tom in Porto.")
	before := p.graphCounts(t)
	for name, what := range map[string]memory.Selection{
		"nothing": {}, "two ways": {Entity: "Tom", Theme: "Porto"}, "no word that says something": {Theme: "the and of"},
	} {
		_, err := p.w.store.PreviewForgetting(t.Context(), p.id, what)
		require.True(t, failure.Is(err, failure.InvalidInput), "%s: %v", name, err)
	}
	_, err := p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Entity: "Nobody"})
	require.True(t, failure.Is(err, failure.NotFound), err)

	f, err := p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Entity: "Tom"})
	require.NoError(t, err)
	_, err = p.w.Forget(t.Context(), memory.ForgettingRef{Subject: p.id, Forgetting: f.ID})
	require.True(t, failure.Is(err, failure.NotFound) || err == nil)
	require.Equal(t, before, p.graphCounts(t), "a preview changes nothing")

	p.count(t, "with late as (update memory_forgettings set expires_at = now() - interval '1 minute' returning 1) select count(*) from late")
	_, err = p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.True(t, failure.Is(err, failure.NotFound), "an expired preview: %v", err)

	other := p.w.newPerson(t)
	_, err = p.w.store.ConfirmForgetting(t.Context(), other.id, f.ID)
	require.True(t, failure.Is(err, failure.NotFound), "another person's preview: %v", err)
}

func TestAProofFailsWhileAnythingIsLeft(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I met Tom in Porto.")
	f, err := p.w.store.PreviewForgetting(t.Context(), p.id, memory.Selection{Entity: "Tom"})
	require.NoError(t, err)
	_, err = p.w.store.ConfirmForgetting(t.Context(), p.id, f.ID)
	require.NoError(t, err)
	ref := memory.ForgettingRef{Subject: p.id, Forgetting: f.ID}
	_, err = p.w.ProveForgotten(t.Context(), ref)
	require.ErrorContains(t, err, "left in")
	_, err = p.w.Forget(t.Context(), ref)
	require.NoError(t, err)
	_, err = p.w.ProveForgotten(t.Context(), ref)
	require.ErrorContains(t, err, "left in weaviate_objects")
	p.carriesOut(t, f.ID)
}

func TestACorrectionTakesTheOldWordsPlaceAndTheOldStayToBeSeen(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Oslo.")
	kept := p.saysAt(t, day(2), "I live in Porto.")
	between := time.Now()
	graph := memory.NewGraph(p.w.db, p.w.keys)
	turn := kept.Nodes[0]
	for _, id := range kept.Nodes {
		if m, err := graph.Memory(t.Context(), p.id, id); err == nil && m.Kind == memory.Turn {
			turn = id
		}
	}

	correction := memory.Correction{Subject: p.id, Memory: turn, IdempotencyKey: "c", Body: []byte("{}"), Text: "I live in Ghent."}
	_, start, fresh, err := p.w.store.Correct(t.Context(), correction)
	require.NoError(t, err)
	require.True(t, fresh)
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, time.Now(), time.Now()), "until the new words are stored")
	for range 2 {
		again, err := p.w.Remember(t.Context(), start)
		require.NoError(t, err)
		require.Equal(t, []uuid.UUID{turn}, again.Gone)
		_, err = p.w.IndexVectors(t.Context(), memory.IndexInput{Ref: start.Ref, Nodes: again.Nodes, Gone: again.Gone, Origin: start.Origin})
		require.NoError(t, err)
	}
	now := time.Now()
	require.Equal(t, []string{"me lives in Ghent"}, p.believed(t, now, now))
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, now, between), "what was believed before")
	old, err := graph.Memory(t.Context(), p.id, turn)
	require.NoError(t, err)
	require.Equal(t, memory.Corrected, old.Span.Reason)
	require.False(t, old.Span.RetractedAt.IsZero())
	held, err := p.w.index.Holds(t.Context(), p.id, turn)
	require.NoError(t, err)
	require.Empty(t, held)

	correction.IdempotencyKey = "d"
	_, _, _, err = p.w.store.Correct(t.Context(), correction)
	require.True(t, failure.Is(err, failure.InvalidInput), "it was corrected already: %v", err)
	_, _, _, err = p.w.store.Correct(t.Context(), memory.Correction{Subject: p.w.newPerson(t).id, Memory: turn, Text: "x"})
	require.True(t, failure.Is(err, failure.NotFound), "another person's: %v", err)
}

func TestAFactThatWasNeverSoIsTakenBack(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Oslo.")
	p.saysAt(t, day(2), "I live in Porto.")
	graph := memory.NewGraph(p.w.db, p.w.keys)
	facts, err := graph.Facts(t.Context(), p.id, memory.AsOf{}, uuid.Nil)
	require.NoError(t, err)
	require.Len(t, facts, 1)
	require.NoError(t, p.w.store.Untrue(t.Context(), p.id, facts[0].ID))
	require.Equal(t, []string{"me lives in Oslo"}, p.believed(t, time.Now(), time.Now()))
	require.NoError(t, p.w.store.Untrue(t.Context(), p.id, facts[0].ID), "once more changes nothing")
	require.Equal(t, []string{"me lives in Oslo"}, p.believed(t, time.Now(), time.Now()))
	require.True(t, failure.Is(p.w.store.Untrue(t.Context(), p.w.newPerson(t).id, facts[0].ID), failure.NotFound), "another person's")
}

func TestThePersonsWholeGraphIsReadInPages(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I live in Porto with Tom.")
	p.says(t, "My sister Maya moved to Oslo.")
	graph := memory.NewGraph(p.w.db, p.w.keys)
	memories, edges := 0, 0
	for after := uuid.Nil; ; {
		page, err := graph.Whole(t.Context(), p.id, memory.AsOf{}, after, 3)
		require.NoError(t, err)
		memories, edges = memories+len(page.Memories), edges+len(page.Edges)
		if len(page.Memories) < 3 {
			break
		}
		after = page.Memories[2].ID
	}
	require.Equal(t, p.count(t, "select count(*) from memory_nodes"), memories)
	require.Equal(t, p.count(t, "select count(*) from memory_edges"), edges)
}
