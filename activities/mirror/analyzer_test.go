package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/activities/mirror"
	"meai/internal/embedding"
)

func newAnalyzer(t testing.TB) *mirror.Analyzer {
	t.Helper()
	builtin, err := embedding.NewBuiltin()
	require.NoError(t, err)
	a, err := mirror.NewAnalyzer(builtin)
	require.NoError(t, err)
	return a
}

// statements are read from testdata, by half and by the labels that are right.
func statements(t *testing.T, half string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/statements.yaml")
	require.NoError(t, err)
	var halves map[string]map[string][]string
	require.NoError(t, yaml.Unmarshal(raw, &halves))
	return halves[half]
}

func accuracy(t *testing.T, a *mirror.Analyzer, half string) float64 {
	t.Helper()
	right, all := 0, 0
	for labels, texts := range statements(t, half) {
		for _, text := range texts {
			got := a.Analyze(t.Context(), text)
			all++
			if slices.Contains(strings.Split(labels, "/"), got.Primary) {
				right++
			} else if half == "development" {
				t.Logf("%-14s for %-28s %s", got.Primary, labels, text)
			}
		}
	}
	t.Logf("%s half: %d of %d right", half, right, all)
	return float64(right) / float64(all)
}

func TestPrimaryEmotionOfClearStatements(t *testing.T) {
	a := newAnalyzer(t)
	require.GreaterOrEqual(t, accuracy(t, a, "development"), 0.80)
	require.GreaterOrEqual(t, accuracy(t, a, "held_out"), 0.80)
}

func TestIntensityFollowsTheWords(t *testing.T) {
	a := newAnalyzer(t)
	ladder := []string{"I am a little sad.", "I am sad.", "I am really very sad.", "I am SO EXTREMELY sad!!!"}
	last := 0.0
	for _, text := range ladder {
		got := a.Analyze(t.Context(), text)
		require.Greater(t, got.Intensity, last, text)
		require.LessOrEqual(t, got.Intensity, 1.0)
		last = got.Intensity
	}
}

func TestDenialTurnsAFeelingOff(t *testing.T) {
	a := newAnalyzer(t)
	require.NotEqual(t, "anger", a.Analyze(t.Context(), "I am not angry, just tired.").Primary)
}

func TestKindOfMessage(t *testing.T) {
	a := newAnalyzer(t)
	for text, want := range map[string]mirror.Kind{
		"I had a terrible day at work and I feel small.":                      mirror.Expression,
		"Is there anything I can try to calm down before a talk?":             mirror.ResourceRequest,
		"Can you recommend a breathing exercise?":                             mirror.ResourceRequest,
		"I am terrified. Is there something I can do to calm down before it?": mirror.ResourceRequest,
		"What helps against insomnia?":                                        mirror.ResourceRequest,
		"Do you remember where my sister Maya went?":                          mirror.Question,
		"I told her everything. Was that wrong of me?":                        mirror.Question,
		"Why do I always pick the wrong people":                               mirror.Question,
		"Hello!":                                                              mirror.SmallTalk, "Good morning, how are you?": mirror.SmallTalk,
		"Hmm": mirror.Ambiguous, "": mirror.Ambiguous,
		"What a mess I made of that dinner, and everybody saw it!": mirror.Expression,
	} {
		require.Equal(t, want, a.Analyze(t.Context(), text).Kind, text)
	}
}

func TestNeedsAreNamed(t *testing.T) {
	a := newAnalyzer(t)
	named := func(text string) (all []string) {
		for _, n := range a.Analyze(t.Context(), text).Needs {
			require.NotZero(t, n.Score)
			all = append(all, fmt.Sprint(n.Name, " ", n.Lacking))
		}
		return all
	}
	require.Contains(t, named("I feel lonely, there is nobody I could talk to since she moved away."), "connection true")
	require.Contains(t, named("I finally finished the whole thing by myself and it works, I can do this."), "competence false")
}

// TestTheWordsThatCarryAFeelingAreNamed: as places in characters, also where a character
// takes several bytes.
func TestTheWordsThatCarryAFeelingAreNamed(t *testing.T) {
	text := "Café was full — and I felt so lonely."
	got := newAnalyzer(t).Analyze(t.Context(), text)
	require.Equal(t, "loneliness", got.Primary)
	var words []string
	for _, e := range got.Evidence {
		words = append(words, e.Label+" "+string([]rune(text)[e.Start:e.End]))
	}
	require.Contains(t, words, "loneliness lonely")
}

func TestEachSentenceHasItsFeelings(t *testing.T) {
	text := "I am so proud of my daughter, she won. But I am terrified of the operation."
	got := newAnalyzer(t).Analyze(t.Context(), text)
	require.Len(t, got.Sentences, 2)
	require.Equal(t, "pride", got.Sentences[0].Emotions[0].Label)
	require.Equal(t, "fear", got.Sentences[1].Emotions[0].Label)
	require.Equal(t, "But I am terrified of the operation.", string([]rune(text)[got.Sentences[1].Start:got.Sentences[1].End]))
	require.Empty(t, newAnalyzer(t).Analyze(t.Context(), "One sentence.").Sentences)
}

func TestTheLabelsOfResearchAreGivenToo(t *testing.T) {
	got := newAnalyzer(t).Analyze(t.Context(), "Thank you so much, I love this!").Basic
	require.Contains(t, labels(got.Emotions), "gratitude")
	require.Contains(t, labels(got.Ekman), "joy")
	require.Contains(t, labels(got.Sentiments), "positive")
}

func labels(emotions []mirror.Emotion) (all []string) {
	for _, e := range emotions {
		all = append(all, e.Label)
	}
	return all
}

func TestOtherLanguagesAreSaidNotGuessed(t *testing.T) {
	a := newAnalyzer(t)
	for _, text := range []string{
		"Ich bin heute sehr traurig und weiß nicht warum das so ist.", "Ich bin traurig", "Сегодня мне очень грустно", "今日はとても悲しいです",
		"Estoy muy triste hoy y no sé por qué", "Je suis très triste aujourd'hui", "Sono molto triste oggi e non so perché", "main bahut akela mehsoos karta hoon",
	} {
		got := a.Analyze(t.Context(), text)
		require.Equal(t, "und", got.Language, text)
		require.Equal(t, []string{"unsupported_language"}, got.Degraded)
		require.Equal(t, []any{"neutral", 0.0, mirror.Ambiguous}, []any{got.Primary, got.Confidence, got.Kind})
		require.Empty(t, got.Secondary)
		require.Empty(t, got.Needs)
		require.Empty(t, got.Basic)
	}
	require.True(t, a.Analyze(t.Context(), "quiero morir").Crisis.NeedsSafeAnswer())
}

func TestHarmlessTextsInOtherLanguagesRaiseNoAlarm(t *testing.T) {
	a := newAnalyzer(t)
	for _, text := range []string{
		"Сегодня мы гуляли в парке и ели мороженое.", "我今天和朋友一起去爬山，很开心。", "今日は家族と公園でピクニックをしました。", "اليوم ذهبت مع أصدقائي إلى السوق.",
		"Ich bin müde von der Arbeit und freue mich auf das Wochenende am See.", "Ich vermisse meinen Opa, er ist letztes Jahr gestorben.",
		"Tengo miedo del examen de matemáticas del lunes.", "J'ai raté mon train ce matin et je suis arrivé en retard.", "Sono un po' triste perché piove da una settimana.",
		"Estou com saudade da minha família no Brasil.", "Ik ben moe maar tevreden na een lange dag op het werk.", "Jestem zmęczony po pracy, ale jutro mam wolne.",
		"Yarın sınavım var, biraz heyecanlıyım.", "aaj office mein bahut kaam tha lekin shaam ko doston ke saath chai pi", "Nimechoka na kazi lakini nina furaha.",
		"Jag är lite stressad inför provet på fredag.", "Tänään kävimme saunassa ja uimme järvessä.", "Hari ini saya memasak nasi goreng untuk keluarga.",
	} {
		require.False(t, a.Analyze(t.Context(), text).Crisis.NeedsSafeAnswer(), text)
	}
}

func TestTerseAndDisguisedEnglishIsEnglish(t *testing.T) {
	a := newAnalyzer(t)
	for _, text := range []string{
		"I feel sad today and do not know why.", "Pointless. Food, talk, washing, all pointless.", "laundry, shop, dinner, bed", "sad", "і hаtе mуѕеlf tоdау",
		"t0n1ght 1 d1e. d0or l0cked. p1lls taken", "Rage, honestly. White, cold, perfectly polite rage.",
	} {
		require.Equal(t, "en", a.Analyze(t.Context(), text).Language, text)
	}
}

func TestCrisisIsPartOfTheAnalysis(t *testing.T) {
	require.True(t, newAnalyzer(t).Analyze(t.Context(), "I want to kill myself").Crisis.NeedsSafeAnswer())
}

// down is a provider that does not answer.
type down struct{}

func (down) Embed(context.Context, ...string) ([][]float32, error) {
	return nil, errors.New("connection refused")
}
func (down) Model() string   { return "down" }
func (down) Dimensions() int { return 512 }

func TestWithoutEmbeddingsTheWordsStillCount(t *testing.T) {
	a, err := mirror.NewAnalyzer(down{})
	require.NoError(t, err)
	got := a.Analyze(t.Context(), "I am so lonely without her.")
	require.Equal(t, []string{"embedding_unavailable"}, got.Degraded)
	require.Equal(t, "loneliness", got.Primary)
	require.Less(t, got.Valence, 0.0)
}

func TestAnyTextIsReadWithoutAPanic(t *testing.T) {
	a := newAnalyzer(t)
	for _, text := range []string{"", " ", "\xff\xfe", "😢😢😢", strings.Repeat("word ", 1600), "?", "!!!", "a\x00b"} {
		got := a.Analyze(t.Context(), text)
		require.NotEmpty(t, got.Primary)
		require.True(t, got.Confidence >= 0 && got.Confidence <= 1)
	}
}

const fortyWords = "My sister Maya moved to Lisbon last week and I did not expect the flat to feel this empty. I keep cooking for two, and then I sit there and wonder who I am supposed to tell about my day."

func BenchmarkAnalyze40Words(b *testing.B) {
	a := newAnalyzer(b)
	for b.Loop() {
		a.Analyze(b.Context(), fortyWords)
	}
}
