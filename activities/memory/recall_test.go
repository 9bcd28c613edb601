package memory_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/internal/failure"
)

// diary is what one person has told, on unrelated things.
var diary = []string{
	"My sister Maya is getting married in Lisbon in June.",
	"I slept badly again, four hours at most, the third night in a row.",
	"The quarterly report is due on Friday and my boss keeps adding pages.",
	"I ran ten kilometres along the river this morning and felt light.",
	"Our old cat Biscuit stopped eating and the vet found a tumour.",
	"I started the pottery class, my first bowl collapsed and I laughed.",
	"The landlord wants to raise the rent by two hundred a month.",
	"I had an argument with Tom about money and we went to bed angry.",
	"I baked bread with my grandmother's recipe and the flat smelled of childhood.",
	"The interview at the hospital went well, they want me for night shifts.",
}

func (p *person) keepsDiary(t testing.TB) {
	t.Helper()
	for i, entry := range diary {
		if i%3 == 0 {
			p.session = uuid.New()
		}
		p.says(t, entry)
	}
}

func TestRecallFindsWhatWasSaidInOtherWords(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	cases := map[string]int{
		"What did I tell you about the wedding?":              0,
		"I am so tired, I could not rest last night":          1,
		"There is a deadline at work":                         2,
		"jogging makes me feel free":                          3,
		"our pet is very ill":                                 4,
		"my new hobby with clay":                              5,
		"housing costs too much":                              6,
		"I quarrelled with my husband about our finances":     7,
		"cooking something my granny used to make":            8,
		"I might get the new job as a nurse":                  9,
		"When is Maya's wedding?":                             0,
		"How is Biscuit?":                                     4,
		"I thought of Tom":                                    7,
		"Should I tell my boss that the report will be late?": 2,
	}
	for query, want := range cases {
		require.Contains(t, first(p.recalls(t, query), 2), diary[want], "recalled for %q", query)
	}
}

func first(list []string, n int) []string { return list[:min(n, len(list))] }

func TestRecallKnowsWhatWasSaidAMomentAgo(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	in := p.input("I finally adopted a puppy from the shelter, she is called Pepper.")
	_, err := p.w.Remember(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, in.Text, p.recalls(t, "What was the name of my new puppy?")[0], "before it is indexed")
}

func TestRecallOfNobodyIsEmpty(t *testing.T) {
	w := newWorld(t)
	found, err := w.Recall(t.Context(), memory.RecallInput{Ref: interaction.Ref{Subject: uuid.New()}, Query: "anything"})
	require.NoError(t, err)
	require.Equal(t, memory.Recollection{}, found, "a subject without keys")

	p := w.newPerson(t)
	require.Equal(t, memory.Recollection{}, p.recollects(t, w.Activities, memory.RecallInput{Query: "anything"}), "a subject without a tenant")
}

func TestRecallLeavesOutTheInteractionThatAsks(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, diary[3])
	in := p.input("I ran ten kilometres along the river today, too.")
	p.tells(t, p.w.Activities, in)
	found, err := p.w.Recall(t.Context(), memory.RecallInput{Ref: in.Ref, Query: in.Text})
	require.NoError(t, err)
	require.Equal(t, []string{diary[3]}, wordsOf(found))
}

func TestRecallDoesNotRepeatItself(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.feels(t, "grief", 0.9, "My grandfather died on Sunday.")
	p.says(t, "my grandfather died on sunday")
	p.says(t, "Grandfather taught me to fish.")
	found := p.recalls(t, "my grandfather")
	require.Len(t, found, 2, "neither the marker beside its turn nor the same words twice: %v", found)
}

func TestRecallKeepsToItsFilters(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.feels(t, "joy", 0.8, "Maya and I danced at the festival, my sister Maya is the best.")
	p.feels(t, "sadness", 0.3, "I argued with my sister Maya at the festival.")
	p.clock = p.clock.Add(5 * time.Hour)
	later := p.clock
	p.feels(t, "joy", 0.3, "The festival photos arrived and I showed them to Tom.")
	p.feels(t, "fear", 0.3, "Tax forms frighten me.")

	danced, argued, photos := "Maya and I danced at the festival, my sister Maya is the best.",
		"I argued with my sister Maya at the festival.", "The festival photos arrived and I showed them to Tom."
	cases := map[string]struct {
		in   memory.RecallInput
		want []string
	}{
		"by emotion":             {memory.RecallInput{Query: "the festival", Emotions: []string{"Joy"}}, []string{danced, photos}},
		"by kind":                {memory.RecallInput{Query: "the festival", Kinds: []memory.Kind{memory.Marker}}, []string{danced}},
		"by entity":              {memory.RecallInput{Query: "the festival", Entities: []string{"maya"}}, []string{danced, argued}},
		"by relation":            {memory.RecallInput{Query: "the festival", Entities: []string{"sister"}}, []string{danced, argued}},
		"by entity and emotion":  {memory.RecallInput{Query: "the festival", Entities: []string{"Maya"}, Emotions: []string{"sadness"}}, []string{argued}},
		"by one of two entities": {memory.RecallInput{Query: "festival", Entities: []string{"Tom", "nobody"}}, []string{photos}},
		"by an unknown entity":   {memory.RecallInput{Query: "festival", Entities: []string{"Nobody"}}, nil},
		"from a time on":         {memory.RecallInput{Query: "the festival", From: &later}, []string{photos}},
		"until a time":           {memory.RecallInput{Query: "the festival", To: &later}, []string{danced, argued}},
		"by emotion alone":       {memory.RecallInput{Emotions: []string{"fear"}}, []string{"Tax forms frighten me."}},
		"by time alone":          {memory.RecallInput{To: &later, Kinds: []memory.Kind{memory.Turn}}, []string{danced, argued}},
		"the vault stays shut":   {memory.RecallInput{Query: "the festival", Kinds: []memory.Kind{memory.Vault}}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, c.want, p.asks(t, p.w.Activities, c.in))
		})
		t.Run(name+" without the index", func(t *testing.T) {
			got := p.asks(t, p.w.with(t, nowhere(t), p.w.model), c.in)
			require.Subset(t, c.want, got)
			if len(c.want) > 0 {
				require.NotEmpty(t, got)
			}
		})
	}
}

func TestEntitiesAreRecalledWhenAskedFor(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I met Ana Silva at the harbour.")
	require.Equal(t, []string{"Ana Silva"}, p.asks(t, p.w.Activities, memory.RecallInput{Query: "who is Ana?", Kinds: []memory.Kind{memory.Entity}}))
	require.NotContains(t, p.recalls(t, "who is Ana?"), "Ana Silva", "a name alone is no memory")
}

func TestRecallRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	_, err := w.Recall(t.Context(), memory.RecallInput{Query: "x"})
	require.True(t, failure.Is(err, failure.InvalidInput), err)
	_, err = w.Recall(t.Context(), memory.RecallInput{Ref: interaction.Ref{Subject: uuid.New()}, Kinds: []memory.Kind{"dream"}})
	require.True(t, failure.Is(err, failure.InvalidInput), err)
}

func TestRecallTakesTheLimitAndAnyText(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	require.Len(t, p.asks(t, p.w.Activities, memory.RecallInput{Query: "I felt light this morning", Limit: 3}), 3)
	for _, strange := range []string{"", "   ", "!!!", `"}) { __schema`, "\\\"\x00\xff", "🦊🦊🦊"} {
		found := p.recollects(t, p.w.Activities, memory.RecallInput{Query: strange})
		require.Empty(t, found.Degraded, "%q", strange)
	}
}

func TestRecallStaysSilentWhenNothingIsNear(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	require.Empty(t, p.recalls(t, "Which programming language has the fastest compiler?"))
}

// conversations is testdata/conversations.yaml.
type conversations struct {
	Sessions  [][]string
	Questions []struct {
		Ask   string
		Turns []int
		Kind  string
	}
}

func TestRecallQualityOnWholeConversations(t *testing.T) {
	raw, err := os.ReadFile("testdata/conversations.yaml")
	require.NoError(t, err)
	var c conversations
	require.NoError(t, yaml.Unmarshal(raw, &c))
	p := newWorld(t).newPerson(t)
	var turns []string
	for _, session := range c.Sessions {
		p.session = uuid.New()
		for _, text := range session {
			p.says(t, text)
			turns = append(turns, text)
		}
	}
	hybrid := recallAt5(t, p, p.w.Activities, c, turns)
	lexical := recallAt5(t, p, p.w.with(t, nowhere(t), deaf{p.w.model}), c, turns)
	t.Logf("recall@5 over %d questions: %v; by words alone, without index and model: %v", len(c.Questions), hybrid, lexical)
	require.GreaterOrEqual(t, hybrid["all"], 0.80)
	require.GreaterOrEqual(t, hybrid["same"], 0.95)
	require.GreaterOrEqual(t, hybrid["other"], 0.70)
	require.GreaterOrEqual(t, hybrid["name"], 0.90)
	require.GreaterOrEqual(t, hybrid["neighbour"], 0.60)
	require.GreaterOrEqual(t, lexical["same"], 0.90)
}

// recallAt5 is the share of answering turns among the first five, by kind of question.
func recallAt5(t *testing.T, p *person, acts *memory.Activities, c conversations, turns []string) map[string]float64 {
	t.Helper()
	sum, asked := make(map[string]float64), make(map[string]float64)
	for _, q := range c.Questions {
		got := p.asks(t, acts, memory.RecallInput{Query: q.Ask})
		found := 0.0
		for _, turn := range q.Turns {
			if slices.Contains(got, turns[turn]) {
				found++
			}
		}
		for _, kind := range []string{"all", q.Kind} {
			sum[kind] += found / float64(len(q.Turns))
			asked[kind]++
		}
	}
	for kind := range sum {
		sum[kind] /= asked[kind]
	}
	return sum
}
