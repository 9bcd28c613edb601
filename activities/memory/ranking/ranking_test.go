package ranking

import (
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/memory/when"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

var now = time.Date(2025, 11, 19, 12, 0, 0, 0, time.UTC)

func terms(text string) []vectors.Term {
	var list []vectors.Term
	for _, stem := range lexicon.Terms(text) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(stem))
		list = append(list, vectors.Term(h.Sum64()))
	}
	return list
}

// asking prepares a question, each of whose terms is as rare as the others.
func question(text string, vector ...float32) *Question {
	rarity := map[vectors.Term]float64{}
	for _, t := range terms(text) {
		rarity[t] = 2
	}
	if len(vector) == 0 {
		vector = nil
	}
	return NewQuestion(text, terms(text), rarity, vector, now)
}

func said(text string, daysAgo int, around ...Neighbour) Memory {
	return Memory{Text: text, Terms: terms(text), SaidAt: now.AddDate(0, 0, -daysAgo), Around: around}
}

func beside(distance int, text string) Neighbour { return Neighbour{Distance: distance, Text: text} }

// of computes the features of a memory whose neighbours have been matched.
func (q *Question) of(m Memory) Features {
	around := append([]Neighbour(nil), m.Around...)
	for i := range around {
		around[i].Matched = q.Match(terms(around[i].Text))
	}
	m.Around = around
	return q.Of(m)
}

// TestEachFeatureRaisesTheScoreOfWhatItIsAbout holds one memory against another that
// differs in one respect alone.
func TestEachFeatureRaisesTheScoreOfWhatItIsAbout(t *testing.T) {
	filler := "The weather stayed grey over town all week long."
	for name, c := range map[string]struct {
		q             *Question
		better, worse Memory
	}{
		"its own words":             {question("the violin lesson"), said("My violin lesson was short.", 9), said("My cello class was short.", 9)},
		"words of the turn before":  {question("the violin lesson"), said(filler, 9, beside(-1, "violin lesson")), said(filler, 9, beside(-1, "cello class"))},
		"words of the turn after":   {question("the violin lesson"), said(filler, 9, beside(1, "violin lesson")), said(filler, 9, beside(1, "cello class"))},
		"nearer words":              {question("the violin lesson"), said(filler, 9, beside(2, "violin lesson")), said(filler, 9, beside(7, "violin lesson"))},
		"words of the conversation": {question("the violin lesson"), said(filler, 9, beside(7, "violin lesson")), said(filler, 9, beside(11, "violin lesson"))},
		"meaning":                   {question("the violin", 1, 0), Memory{Text: filler, Vector: []float32{1, 0}, SaidAt: now}, Memory{Text: filler, Vector: []float32{0, 1}, SaidAt: now}},
		"meaning beside": {
			question("the violin", 1, 0),
			Memory{Text: filler, SaidAt: now, Around: []Neighbour{{Distance: -1, Vector: []float32{1, 0}}}},
			Memory{Text: filler, SaidAt: now, Around: []Neighbour{{Distance: -1, Vector: []float32{0, 1}}}},
		},
		"who speaks":           {question("What did Okon buy?"), said("Okon: I bought a kite.", 9), said("Therese: I bought a kite.", 9)},
		"telling, not asking":  {question("the kite"), said("I bought a kite.", 9), said("I bought a kite?", 9)},
		"behind a question":    {question("the kite"), said("Yes, a kite.", 9, beside(-1, "A kite?")), said("Yes, a kite.", 9, beside(-1, "A kite."))},
		"a date for when":      {question("When did I buy the kite?"), said("I bought the kite yesterday.", 9), said("I bought the kite gladly.", 9)},
		"the time asked about": {question("the kite in October"), said("A kite.", 25), said("A kite.", 80)},
		"later":                {question("the kite"), said("A kite.", 2), said("A kite.", 80)},
	} {
		require.Greater(t, c.q.Score(c.q.of(c.better)), c.q.Score(c.q.of(c.worse)), name)
	}
}

func TestATimeAMemorySpeaksOfCounts(t *testing.T) {
	q := question("the kite in March 2019")
	m := said("A kite.", 3)
	m.AboutFrom, m.AboutTo = time.Date(2019, 3, 4, 0, 0, 0, 0, time.UTC), time.Date(2019, 3, 5, 0, 0, 0, 0, time.UTC)
	require.InDelta(t, 1, q.of(m)[nearTime], 1e-9)
	require.Less(t, q.of(said("A kite.", 3))[nearTime], 0.01)
}

func TestEventsLieWhereTheyWereTold(t *testing.T) {
	q := question("What did I fear before the move to Porto?")
	event := []Event{{Relation: when.Before, Terms: terms("the move to Porto")}, {Relation: when.During, Terms: terms("the opera")}}
	q.Place(event, []Memory{said("I fear dogs.", 300), said("We move to Porto today, the move is on.", 100), said("Porto is warm.", 200), said("We move to Porto, I said.", 90)})
	require.Len(t, q.Events, 1, "nobody told of an opera")
	require.Equal(t, now.AddDate(0, 0, -100), q.Events[0].To, "of equals the first")
	require.Greater(t, q.of(said("I fear it.", 110))[nearTime], q.of(said("I fear it.", 50))[nearTime])
}

func TestAScoreNeedsNoOtherMemory(t *testing.T) {
	q := question("the of and")
	for _, m := range []Memory{{}, said("", 0), said(strings.Repeat("kite ", 3000), -5)} {
		score := q.Score(q.of(m))
		require.True(t, score > 0 && score < 0.1, "%v", score)
	}
}

func TestFittingFindsWhatTellsRightFromWrong(t *testing.T) {
	var cases []Case
	for i := range 40 {
		c := Case{Counts: 1}
		for j := range 10 {
			var f Features
			f[meaning], f[length] = float64((i+j)%10)/10, float64(j)
			right := 9 - i%8/7 // now and then it is the second
			c.Memories, c.Right = append(c.Memories, f), append(c.Right, (i+j)%10 == right)
		}
		cases = append(cases, c)
	}
	m := Fit(cases)
	require.Greater(t, m.Weights["meaning"], 1.0)
	require.InDelta(t, 0, m.Weights["length"], 0.1)
	require.Greater(t, m.Score(cases[0].Memories[9]), 0.5)
	require.Less(t, m.Score(cases[0].Memories[5]), 0.1)
	require.Zero(t, Fit(cases, "meaning").Weights["meaning"])
}

func TestWeightsAreReadAsTheyWereWritten(t *testing.T) {
	raw, err := fittedModels().Write()
	require.NoError(t, err)
	require.Equal(t, string(fitted), string(raw))
	_, err = ReadModels([]byte("{}"))
	require.Error(t, err)
	_, err = ReadModels([]byte("["))
	require.Error(t, err)
}

func TestWhatHasNothingToDoWithTheQuestionDoesNotBearOnIt(t *testing.T) {
	bears := func(q *Question, m Memory) bool { return q.Bears(q.of(m)) }
	q := question("the violin lesson", 1, 0)
	require.False(t, bears(q, Memory{Text: "I filled in tax forms?", Vector: []float32{0, 1}, SaidAt: now}))
	require.True(t, bears(q, Memory{Text: "I play.", Vector: []float32{0.6, 0.8}, SaidAt: now}), "by meaning")
	require.True(t, bears(q, said("My violin.", 3)), "by a word")
	require.True(t, bears(q, said("Yes.", 3, beside(-1, "A violin?"))), "in answer to a word")
	require.False(t, bears(q, said("Yes.", 3, beside(-1, "A violin."))))
	deaf := question("the violin lesson")
	require.True(t, bears(deaf, said("My violin.", 3)))
	require.False(t, bears(deaf, said("Tax forms.", 0)))
}
