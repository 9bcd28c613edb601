package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/mirror"
)

// believed shows a person's facts as of two times, as "subject label object".
func (p *person) believed(t *testing.T, at, known time.Time) []string {
	t.Helper()
	facts, err := memory.NewGraph(p.w.db, p.w.keys).Facts(t.Context(), p.id, memory.AsOf{At: at, Known: known}, uuid.Nil)
	require.NoError(t, err)
	list := []string{}
	for _, f := range facts {
		list = append(list, f.Subject.Text+" "+f.Label+" "+f.Object.Text)
	}
	return list
}

// saysAt has a text remembered that was said at a given time.
func (p *person) saysAt(t *testing.T, at time.Time, text string) memory.Remembered {
	t.Helper()
	in := p.input(text)
	in.SaidAt = at
	return p.tells(t, p.w.Activities, in)
}

func day(n int) time.Time { return time.Date(2025, 3, n, 12, 0, 0, 0, time.UTC) }

func TestANewFactClosesTheOldAndBothStay(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Porto. My sister Maya lives in Ghent.")
	between := time.Now()
	p.saysAt(t, day(9), "I moved to Oslo!")
	now := time.Now()

	require.ElementsMatch(t, []string{"me lives in Oslo", "Maya lives in Ghent"}, p.believed(t, now, now))
	require.ElementsMatch(t, []string{"me lives in Porto", "Maya lives in Ghent"}, p.believed(t, day(5), now), "what was so then")
	require.ElementsMatch(t, []string{"me lives in Porto", "Maya lives in Ghent"}, p.believed(t, now, between), "what was believed then")
	require.Empty(t, p.believed(t, day(1).Add(-time.Hour), now))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where reason = 'superseded' and closed_by is not null"))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'contradicts'"))
	require.Equal(t, 3, p.count(t, "select count(*) from memory_evidence"))
}

func TestAFactEndsWhenItIsDenied(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I work at Siemens and I'm dating Sam.")
	p.saysAt(t, day(2), "I quit my job. I broke up with Kim.")
	now := time.Now()
	require.Equal(t, []string{"me is with Sam"}, p.believed(t, now, now), "nobody spoke of a Kim before")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where reason = 'denied'"))
}

func TestWhatIsSaidAgainGainsEvidence(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(3), "I live in Porto.")
	p.saysAt(t, day(1), "I live in Porto now.")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'fact'"))
	require.Equal(t, 2, p.count(t, "select count(*) from memory_evidence"))
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, day(2), time.Now()), "since the earliest message")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'fact' and strength = 0.75"))
}

func TestWhatIsRememberedLateFindsItsPlaceInTime(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(9), "I live in Oslo.")
	p.saysAt(t, day(1), "I live in Porto.")
	now := time.Now()
	require.Equal(t, []string{"me lives in Oslo"}, p.believed(t, now, now))
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, day(5), now))
}

func TestATimeInTheTextDatesTheFactAndTheMemory(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(20), "I moved to Oslo two weeks ago.")
	now := time.Now()
	require.Equal(t, []string{"me lives in Oslo"}, p.believed(t, day(10), now))
	require.Empty(t, p.believed(t, day(2), now))
	var from, to time.Time
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select about_from, about_to from memory_nodes where kind = 'turn'").Scan(&from, &to)
	})
	require.True(t, from.Before(day(7)) && to.After(day(5)), "%v to %v", from, to)
}

func TestFactsAreNeverInPlainText(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Porto.")
	require.Zero(t, p.count(t, `select count(*) from memory_edges where position('lives' in label_sealed::text) > 0 or position('\x6c69766573' in label_sealed::text) > 0`))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where octet_length(label_sealed) > 20 and octet_length(slot_hmac) = 32"))
}

func TestRememberingFactsAgainChangesNothing(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Porto.")
	in := p.input("I moved to Oslo, I'm a nurse and I hate broccoli.")
	first := p.tells(t, p.w.Activities, in)
	before := p.graphCounts(t)
	for range 2 {
		require.Equal(t, first, p.tells(t, p.w.Activities, in))
	}
	require.Equal(t, before, p.graphCounts(t))
}

func TestAFactAboutSomebodyNewAtTheBeginningOfASentenceIsLearnt(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "Maya moved to Oslo.")
	require.Equal(t, []string{"Maya lives in Oslo"}, p.believed(t, time.Now(), time.Now()))
}

func TestASentenceThatSaysNothingIsStillRemembered(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for n, text := range []string{
		"Maya is dating Maya.", "My sister lives in Sister.", "Tom moved to Tom.", "I live in Me.", "I don't live in Atlantis anymore.", "I stopped smoking.",
	} {
		p.saysAt(t, day(n+1), text)
	}
	require.Equal(t, 6, p.count(t, "select count(*) from memory_nodes where kind = 'turn'"))
	require.Empty(t, p.believed(t, time.Now(), time.Now()))
}

func TestWhatIsToldOutOfOrderDoesNotOverlap(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(9), "I live in Rome.")
	p.saysAt(t, day(1), "I live in Paris.")
	p.saysAt(t, day(5), "I live in Oslo.")
	p.saysAt(t, day(7), "I live in Oslo.")
	now := time.Now()
	for at, home := range map[int]string{2: "Paris", 6: "Oslo", 8: "Oslo", 10: "Rome"} {
		require.Equal(t, []string{"me lives in " + home}, p.believed(t, day(at), now), "%d March", at)
	}
	require.Equal(t, 3, p.count(t, "select count(*) from memory_edges where relation = 'fact'"))
}

func TestWhatIsTakenBackLeavesTheRestAsItWas(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I work at Acme.")
	p.saysAt(t, day(3), "I work at Beta.")
	p.saysAt(t, day(5), "I quit my job.")
	facts, err := memory.NewGraph(p.w.db, p.w.keys).Facts(t.Context(), p.id, memory.AsOf{At: day(4)}, uuid.Nil)
	require.NoError(t, err)
	require.Equal(t, "Beta", facts[0].Object.Text)
	require.NoError(t, p.w.store.Untrue(t.Context(), p.id, facts[0].ID))
	now := time.Now()
	require.Equal(t, []string{"me works at Acme"}, p.believed(t, day(4), now))
	require.Empty(t, p.believed(t, now, now), "they left all the same")
}

func TestWhatOthersSayOfThemselvesIsAboutThem(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I live in Porto.")
	in := p.input("Marta: I live in Rome and I cry all day!")
	in.Speaker, in.Analysis = "Marta", &mirror.Analysis{Primary: "sadness", Intensity: 0.9}
	p.tells(t, p.w.Activities, in)
	require.ElementsMatch(t, []string{"me lives in Porto", "Marta lives in Rome"}, p.believed(t, time.Now(), time.Now()))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'marker'"))
}

func TestRelationsAreOneEntityUnderAnyOfTheirWords(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.saysAt(t, day(1), "I love kids. Music helps me, I love music.")
	p.saysAt(t, day(2), "My children sing.")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where kind = 'entity' and text_sealed is not null and name_hmac = (select name_hmac from memory_nodes n join memory_edges e on e.to_id = n.id and e.relation = 'about' group by n.id, n.name_hmac having count(*) = 2 limit 1)"))
}
