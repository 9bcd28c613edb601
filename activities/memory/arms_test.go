package memory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/internal/failure"
)

// alone says something in a conversation of its own.
func (p *person) alone(t testing.TB, text string) {
	t.Helper()
	p.session = uuid.New()
	p.says(t, text)
}

// chats fills the memory with what no question here is about: more than any arm brings.
func (p *person) chats(t testing.TB, turns int) {
	t.Helper()
	for i := range turns {
		p.alone(t, fmt.Sprintf("Bus %d passed the corner while cloud %d drifted over roof %d.", i+1000, i+3000, i+5000))
	}
}

// foundBy are the arms that found a text, nil when it was not found.
func foundBy(r memory.Recollection, text string) []memory.Arm {
	for _, m := range r.Memories {
		if m.Text == text {
			arms := []memory.Arm{}
			for _, f := range m.FoundBy {
				arms = append(arms, f.Arm)
			}
			return arms
		}
	}
	return nil
}

func reason(r memory.Recollection, text string, arm memory.Arm) string {
	for _, m := range r.Memories {
		for _, f := range m.FoundBy {
			if m.Text == text && f.Arm == arm {
				return f.Reason
			}
		}
	}
	return ""
}

// TestEachArmFindsWhatOnlyItCanFind asks for one thing after the other among a hundred
// others, in ways that leave one arm to find it.
func TestEachArmFindsWhatOnlyItCanFind(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.clock = time.Date(2025, 3, 5, 9, 0, 0, 0, time.UTC)
	p.alone(t, "I ate pancakes.")
	p.clock = time.Date(2025, 6, 1, 9, 0, 0, 0, time.UTC)
	p.alone(t, "My brother Tom lives in Oslo.")
	p.alone(t, "Tom hummed all evening.")
	p.alone(t, "Our dog ran off and I searched the forest for it.")
	p.alone(t, "The parcel from Zanzibar holds vetiver.")
	p.alone(t, "Did the vetiver ever bloom?")
	p.says(t, "Sadly never.")
	p.chats(t, 110)
	deafened := p.w.with(t, p.w.index, deaf{p.w.model})
	asked := p.clock.Add(time.Hour)
	in := func(query string) memory.RecallInput { return memory.RecallInput{Query: query, Limit: 50, At: &asked} }

	found := p.recollects(t, p.w.Activities, in("My pet got lost in the woods"))
	require.Equal(t, []memory.Arm{memory.ByMeaning}, foundBy(found, "Our dog ran off and I searched the forest for it."), "it shares no word")

	found = p.recollects(t, deafened, in("What grows out of vetiver?"))
	require.Equal(t, []memory.Arm{memory.ByWords}, foundBy(found, "The parcel from Zanzibar holds vetiver."), "there is no embedding")
	require.Equal(t, "shares words with the question", reason(found, "The parcel from Zanzibar holds vetiver.", memory.ByWords))
	require.Contains(t, foundBy(found, "Sadly never."), memory.ByWords, "the turn before holds the word")
	require.Equal(t, "was said beside words of the question", reason(found, "Sadly never.", memory.ByWords))

	found = p.recollects(t, deafened, in("What was my brother up to?"))
	require.Equal(t, []memory.Arm{memory.ByName}, foundBy(found, "Tom hummed all evening."), "only the graph knows that Tom is the brother")
	require.Equal(t, "is about Tom", reason(found, "Tom hummed all evening.", memory.ByName))

	found = p.recollects(t, deafened, in("What did I do in March?"))
	require.Equal(t, []memory.Arm{memory.ByTime}, foundBy(found, "I ate pancakes."), "the question says nothing but the time")
	require.Equal(t, "was said in the time asked about", reason(found, "I ate pancakes.", memory.ByTime))
	require.Len(t, found.Memories, 1)

	fresh := p.input("The moth sat on my sleeve.")
	_, err := p.w.Remember(t.Context(), fresh)
	require.NoError(t, err)
	found = p.recollects(t, p.w.Activities, in("the moth"))
	require.Equal(t, []memory.Arm{memory.Lately}, foundBy(found, fresh.Text), "the index does not have it yet")
}

func TestTheTurnBesideIsFoundThroughItsNeighbour(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.alone(t, "Was the old cello worth repairing?")
	p.says(t, "Frankly, four hundred.")
	p.chats(t, 110)
	// Without the index nothing but the rows of the conversation leads there.
	found := p.recollects(t, p.w.with(t, nowhere(t), deaf{p.w.model}), memory.RecallInput{Query: "What did repairing the cello cost?"})
	require.Equal(t, []memory.Arm{memory.Beside}, foundBy(found, "Frankly, four hundred."))
	require.Equal(t, "was said right before or after something that was found", reason(found, "Frankly, four hundred.", memory.Beside))
	require.Equal(t, []string{"embedding_unavailable", "vectors_unavailable"}, found.Degraded)
}

func TestAnEventNamesATime(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.clock = time.Date(2025, 2, 1, 9, 0, 0, 0, time.UTC)
	p.alone(t, "I worry about my savings.")
	p.clock = p.clock.AddDate(0, 1, 0)
	p.alone(t, "The removal to Porto is done, we moved.")
	p.clock = p.clock.AddDate(0, 2, 0)
	p.alone(t, "I worry about my knees.")
	p.alone(t, "I worry about my roof.")
	first := func(question string) string {
		found := p.recollects(t, p.w.Activities, memory.RecallInput{Query: question})
		require.NotEmpty(t, found.Memories)
		for _, m := range found.Memories {
			if strings.HasPrefix(m.Text, "I worry") {
				return m.Text
			}
		}
		return ""
	}
	require.Equal(t, "I worry about my savings.", first("What did I worry about before the removal to Porto?"))
	require.NotEqual(t, "I worry about my savings.", first("What did I worry about after the removal to Porto?"))
}

func TestTimesAreReadAtTheMomentOfTheQuestion(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for year := 2023; year < 2026; year++ {
		p.clock = time.Date(year, 4, 10, 9, 0, 0, 0, time.UTC)
		p.alone(t, fmt.Sprintf("I planted beans, it is %d.", year))
	}
	asked := time.Date(2024, 11, 1, 9, 0, 0, 0, time.UTC)
	require.Equal(t, "I planted beans, it is 2024.", p.asks(t, p.w.Activities, memory.RecallInput{Query: "What did I plant last spring?", At: &asked})[0])
	require.Equal(t, "I planted beans, it is 2023.", p.asks(t, p.w.Activities, memory.RecallInput{Query: "What did I plant in April 2023?", At: &asked})[0])
}

func TestDiversityPrefersWhatIsNotThereYet(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.alone(t, "The garden needs water, the garden is dry.")
	p.alone(t, "The garden needs water, so dry is the garden.")
	p.alone(t, "We sold apples from the garden.")
	garden := memory.RecallInput{Query: "the dry garden needs water", Limit: 2}
	require.NotContains(t, p.asks(t, p.w.Activities, garden), "We sold apples from the garden.")
	garden.Diversity = 0.7
	require.Contains(t, p.asks(t, p.w.Activities, garden), "We sold apples from the garden.")
}

func TestABudgetIsNotExceeded(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.alone(t, "The festival was loud and bright, and the festival lasted until the morning came over the harbour.")
	p.alone(t, "A festival, again.")
	found := p.asks(t, p.w.Activities, memory.RecallInput{Query: "the festival", Budget: 6})
	require.Equal(t, []string{"A festival, again."}, found, "what has no room is passed over")
	require.Len(t, p.asks(t, p.w.Activities, memory.RecallInput{Query: "the festival", Budget: 60}), 2)
	require.Empty(t, p.asks(t, p.w.Activities, memory.RecallInput{Query: "the festival", Budget: 1}))
}

func TestRecallRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t)
	for _, in := range []memory.RecallInput{{Diversity: 1.5}, {Diversity: -0.1}, {Budget: -1}} {
		in.Ref = interaction.Ref{Subject: uuid.New()}
		_, err := w.Recall(t.Context(), in)
		require.True(t, failure.Is(err, failure.InvalidInput), "%+v", in)
	}
}

func TestTheScoreIsTheSameWithoutTheIndex(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	in := memory.RecallInput{Query: "When is Maya's wedding in Lisbon?"}
	with, without := p.recollects(t, p.w.Activities, in), p.recollects(t, p.w.with(t, nowhere(t), p.w.model), in)
	require.Equal(t, with.Memories[0].Text, without.Memories[0].Text)
	require.InDelta(t, with.Memories[0].Score, without.Memories[0].Score, 1e-3)
	require.Less(t, with.Memories[0].Score, 1.0)
}

func TestAPinGoesBeforeItsEqualsAndNotBeforeTheAnswer(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.alone(t, "We ate at the harbour with Ben.")
	p.alone(t, "We ate at the harbour with Ida.")
	p.alone(t, "The violin lesson at the conservatory was moved to Thursday.")
	pin := func(order int) {
		p.query(t, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `update memory_nodes set pinned_at = case when id =
				(select id from memory_nodes where kind = 'turn' order by said_at offset $1 limit 1) then now() end where kind = 'turn'`, order)
			return err
		})
	}
	for order, text := range []string{"We ate at the harbour with Ben.", "We ate at the harbour with Ida."} {
		pin(order)
		require.Equal(t, text, p.recalls(t, "Where did we eat?")[0])
		require.Contains(t, p.recalls(t, "When is the violin lesson at the conservatory?")[0], "violin")
	}
}
