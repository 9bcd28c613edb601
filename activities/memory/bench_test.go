package memory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/embedding"
)

const (
	benchedMemories = 10_000
	turnsInASession = 12
)

// BenchmarkRecall measures the recall activity on a person with 10,000 memories
// in the real engines, and prints p50 and p95 in milliseconds: as it is, with the
// query's embedding at hand, and without the vector index. No question is asked
// twice: what the engines keep of a question must not make it look fast.
func BenchmarkRecall(b *testing.B) {
	w := newWorld(b)
	p := w.newPerson(b)
	p.livesLong(b)
	known := embedding.Cached(w.model, 4)
	ask := questions()
	p.settle(b, ask)
	b.Run("activity", func(b *testing.B) { p.benchRecall(b, w.Activities, ask) })
	b.Run("embedding at hand", func(b *testing.B) {
		p.benchRecall(b, w.with(b, w.index, known), func() string {
			q := ask()
			_, err := known.Embed(b.Context(), q)
			require.NoError(b, err)
			return q
		})
	})
	b.Run("index down", func(b *testing.B) { p.benchRecall(b, w.with(b, nowhere(b), w.model), ask) })
}

// livesLong fills the graph and the index with a life of generated sentences.
func (p *person) livesLong(b *testing.B) {
	b.Helper()
	started := time.Now()
	random := rand.New(rand.NewPCG(1, 2))
	p.clock = p.clock.AddDate(-3, 0, 0)
	mute := p.w.with(b, p.w.index, deaf{p.w.model}) // the night embeds in pages
	for i := range benchedMemories {
		if i%turnsInASession == 0 {
			p.session = uuid.New()
			p.clock = p.clock.Add(20 * time.Hour)
		}
		_, err := mute.Remember(b.Context(), p.input(sentenceOf(random)))
		require.NoError(b, err)
	}
	remembered := time.Since(started)
	done, err := p.w.Consolidate(b.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(b, err)
	require.GreaterOrEqual(b, done.Vectors, benchedMemories)
	b.Logf("%d memories remembered in %v, embedded and indexed (%d with echoes) in %v", benchedMemories, remembered.Round(time.Second),
		done.Vectors, (time.Since(started) - remembered).Round(time.Second))
}

// settle lets the engines finish what a bulk load leaves behind, as they would
// have done over three years: Weaviate searches what lies in memory slowly, and
// writes it out a minute after it came. Then until answers come no faster.
func (p *person) settle(b *testing.B, ask func() string) {
	b.Helper()
	p.vacuum(b)
	const round, flush, most = 50, 75 * time.Second, 5 * time.Minute
	loaded := time.Now()
	for before := time.Duration(0); ; {
		started := time.Now()
		for range round {
			p.asks(b, p.w.Activities, memory.RecallInput{Query: ask()})
		}
		took := time.Since(started) / round
		b.Logf("settling: %v a recall", took)
		if time.Since(loaded) > flush && took > before*9/10 {
			return
		}
		require.Less(b, time.Since(loaded), most, "the engines do not come to rest")
		before = took
	}
}

func (p *person) benchRecall(b *testing.B, acts *memory.Activities, ask func() string) {
	var took []time.Duration
	found := 0
	for b.Loop() {
		in := memory.RecallInput{Query: ask()}
		in.Ref.Subject = p.id
		started := time.Now()
		got, err := acts.Recall(context.Background(), in)
		took = append(took, time.Since(started))
		require.NoError(b, err)
		found += len(got.Memories)
	}
	require.NotZero(b, found)
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*95/100]), "p95-ms")
	b.ReportMetric(float64(found)/float64(len(took)), "memories/op")
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// questions asks in the words of the sentences, and beside them.
func questions() func() string {
	random := rand.New(rand.NewPCG(3, 4))
	starts := []string{"Do you remember when %s", "I keep thinking about it: %s", "What did I say about that, %s", "%s And now I do not know what to do."}
	return func() string {
		return fmt.Sprintf(pick(random, starts), strings.TrimSuffix(sentenceOf(random), "."))
	}
}

// sentenceOf makes one of some hundred million sentences.
func sentenceOf(random *rand.Rand) string {
	who := pick(random, people)
	return fmt.Sprintf("%s %s %s %s, %s %s.", pick(random, openings), who, pick(random, deeds), pick(random, places),
		pick(random, feelings), pick(random, reasons))
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

var (
	openings = strings.Split("This morning|Yesterday|Last night|On the way home|After work|At lunch|Before breakfast|During the holidays|When it rained|In the evening|Again|For the first time", "|")
	people   = strings.Split("I|my sister|my boss|my mother and I|Tom|Maya|the children|our neighbour|Priya|my brother|an old friend|my colleague Ben|Grandfather|the doctor|Odile|my team", "|")
	deeds    = strings.Split("talked about money|walked for hours|cooked a large dinner|argued about the plans|listened to old records|planted tomatoes|wrote a long letter|missed the train|watched the storm|repaired the bicycle|read the whole report|forgot the appointment|danced|cleaned out the cellar|looked at photographs|waited for an answer|practised the piano|swam in the cold lake|painted the door green|lost the keys|filled in the tax forms|prayed|drank too much wine|sold the car|held the baby|trained for the race|laughed until it hurt|packed the suitcases|fell asleep early|told the truth", "|")
	places   = strings.Split("in the kitchen|by the river|at the office|in the hospital|on the balcony|in Lisbon|at my parents' house|in the garden|on the phone|at school|near the harbour|in the library|at the market|under the quince tree|in the empty flat|on the motorway|in the mountains|at the station|in the waiting room|by the fire", "|")
	feelings = strings.Split("and I felt calm|and I was furious|and it made me sad|and I was proud|and I felt alone|and I was afraid|and I could not stop smiling|and I felt nothing|and I was ashamed|and I felt a great relief|and I was jealous|and it gave me hope|and I felt tired|and I was grateful", "|")
	reasons  = strings.Split("because nobody said a word|because it reminded me of childhood|although I had slept badly|since the rent went up|because we had not met for years|as if nothing had happened|because the result was good|while the others left|because I had promised it|although it was my fault|since the wedding is near|because the cat is ill|as I always do|because I want to change|because winter is coming|although I love them", "|")
)
