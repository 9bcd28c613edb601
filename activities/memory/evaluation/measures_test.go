package evaluation

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// fixed answers each question by a list.
type fixed map[string][]string

func (f fixed) Find(_ context.Context, q Question, _, _ int) ([]string, error) { return f[q.ID], nil }

func TestMeasures(t *testing.T) {
	c := Conversation{Turns: []Turn{{ID: "1.1", Session: "1"}, {ID: "1.2", Session: "1"}, {ID: "2.1", Session: "2"}, {ID: "3.1", Session: "3"}}, Questions: []Question{
		{ID: "a", Category: "single", Evidence: []string{"1.1"}},
		{ID: "b", Category: "multi", Evidence: []string{"1.2", "3.1"}},
		{ID: "c", Category: "unanswerable"},
		{ID: "d", Category: "single", Evidence: []string{"2.1"}},
	}}
	r, err := Measure(t.Context(), "fixed", []Conversation{c}, []Finder{fixed{
		"a": {"1.1"}, "b": {"2.1", "2.1", "1.1", "1.2"}, "d": nil,
	}})
	require.NoError(t, err)
	require.Equal(t, []string{Answerable, "multi", "single"}, []string{r.Results[0].Category, r.Results[1].Category, r.Results[2].Category})
	require.Equal(t, 1, r.Empty)
	require.Equal(t, 1, r.Unanswerable)
	multi := r.Results[1]
	require.Equal(t, [3]float64{0.5, 0.5, 0.5}, multi.Recall)
	require.Equal(t, [2]float64{0, 0}, multi.All)
	require.InDelta(t, 1.0/3, multi.MRR, 1e-9, "a turn counts once")
	require.InDelta(t, 0.5/(1+0.6309), multi.NDCG, 1e-4)
	require.Equal(t, [2]float64{0.5, 0.5}, multi.SessionRecall)
	require.Equal(t, 2, r.Results[2].Questions)
	require.Equal(t, [2]float64{0.5, 0.5}, r.Results[2].SessionAll)
	require.InDelta(t, 0.5, r.Results[0].Recall[0], 1e-9, "the mean over questions: 1, 1/2 and 0")
}

// TestCutsCount: a dozen turns, of which the sixth and the eleventh are right, and the first
// question's two are the first two.
func TestCutsCount(t *testing.T) {
	var c Conversation
	var found []string
	for i := range 12 {
		id := strconv.Itoa(i + 1)
		c.Turns = append(c.Turns, Turn{ID: id, Session: strconv.Itoa(i / 2)})
		found = append(found, id)
	}
	c.Questions = []Question{{ID: "all", Category: "first", Evidence: []string{"2", "1"}}, {ID: "late", Category: "late", Evidence: []string{"6", "11"}}}
	r, err := Measure(t.Context(), "fixed", []Conversation{c}, []Finder{fixed{"all": found, "late": found}})
	require.NoError(t, err)
	first, late := r.Results[1], r.Results[2]
	require.Equal(t, [3]float64{1, 1, 1}, first.Recall)
	require.Equal(t, [2]float64{1, 1}, first.All)
	require.InDelta(t, 1, first.NDCG, 1e-9)
	require.Equal(t, [3]float64{0, 0.5, 1}, late.Recall)
	require.Equal(t, [2]float64{0, 0}, late.All)
	require.InDelta(t, (1/math.Log2(7))/(1+1/math.Log2(3)), late.NDCG, 1e-9, "the eleventh is not among ten")
	require.InDelta(t, 1.0/6, late.MRR, 1e-9)
	require.Equal(t, [2]float64{0.5, 1}, late.SessionRecall, "the third and the sixth session")
	require.Equal(t, [2]float64{0, 1}, late.SessionAll)

	var page bytes.Buffer
	require.NoError(t, Write(&page, r))
	for _, line := range strings.Split(page.String()+string(Page(r)), "\n") {
		if strings.Contains(line, "late") {
			require.Regexp(t, `2?.*late\D+1\D+0\.000\D+0\.500\D+1\.000\D+0\.000\D+0\.000\D+0\.2\d+\D+0\.167\D+0\.500\D+1\.000\D+0\.000\D+1\.000`, line)
		}
	}
	require.Len(t, columns, len(late.Values()))
}

func TestBM25PrefersRareWordsAndShortTurns(t *testing.T) {
	at := time.Date(2025, 3, 1, 9, 0, 0, 0, time.UTC)
	c := Conversation{Turns: []Turn{
		{ID: "1", At: at, Text: "My sister rang about the garden, and then we spoke for an hour about many other things and the weather."},
		{ID: "2", At: at.Add(time.Hour), Text: "My sister was tired."},
		{ID: "3", At: at.Add(2 * time.Hour), Text: "The zebra at the zoo looked at me."},
		{ID: "4", At: at.Add(3 * time.Hour), Text: "The garden needs water."},
	}}
	b := NewBM25(c)
	find := func(question string, known int) []string {
		found, err := b.Find(t.Context(), Question{Question: question}, known, 3)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []string{"3"}, find("Where was the zebra?", 4))
	require.Equal(t, "3", find("Was my sister at the zoo?", 4)[0], "two turns are of the sister")
	require.Equal(t, []string{"4", "1"}, find("What about the garden?", 4))
	require.Equal(t, []string{"1"}, find("What about the garden?", 3), "what was said later is not known")
	require.Empty(t, find("Is there an opera?", 4))
}

const turns = `{"id":"1.1","session":"1","at":"2025-03-01T09:00:00Z","speaker":"Ana","text":"I moved to Leeds."}

{"id":"1.2","session":"1","at":"2025-03-01T09:02:00Z","speaker":"Ben","text":"How is it?"}
`

func TestConversationsAreReadAndChecked(t *testing.T) {
	read := func(turns, questions string) ([]Conversation, error) {
		return Read(fstest.MapFS{"ana.turns.jsonl": {Data: []byte(turns)}, "ana.questions.jsonl": {Data: []byte(questions)}})
	}
	all, err := read(turns, `{"id":"q","category":"single","question":"Where?","asked_at":"2025-03-01T09:01:00Z","evidence":["1.1"]}`)
	require.NoError(t, err)
	require.Equal(t, "ana", all[0].Name)
	require.Equal(t, "Ana: I moved to Leeds.", all[0].Remembered(all[0].Turns[0]), "of two speakers it has to be known who said it")
	require.Len(t, all[0].Before(all[0].Questions[0]), 1)

	for problem, questions := range map[string]string{
		"unknown field":               `{"id":"q","category":"single","question":"Where?","evidences":["1.1"]}`,
		"is named twice":              `{"id":"q","category":"single","question":"Where?","evidence":["1.1","1.1"]}`,
		"question 2 (q): needs an id": `{"id":"q","category":"single","question":"Where?","evidence":[]}` + "\n" + `{"id":"q","category":"single","question":"Where?","evidence":[]}`,
		"no turn is 2.1":              `{"id":"q","category":"single","question":"Where?","evidence":["2.1"]}`,
		"asked before 1.2":            `{"id":"q","category":"single","question":"Where?","asked_at":"2025-03-01T09:01:00Z","evidence":["1.2"]}`,
		"a question and a category":   `{"id":"q","category":"","question":"Where?","evidence":[]}`,
		"ana.questions.jsonl: line 2": "\n{",
	} {
		_, err := read(turns, questions)
		require.ErrorContains(t, err, problem)
	}
	_, err = read(turns+turns, "")
	require.ErrorContains(t, err, "an id of its own")
	_, err = Read(fstest.MapFS{"ana.turns.jsonl": {Data: []byte(turns)}, "ana.questions.jsonl": {}, "ben.questions.jsonl": {}})
	require.ErrorContains(t, err, "there is no ben.turns.jsonl")
	_, err = Read(fstest.MapFS{})
	require.ErrorContains(t, err, "there is no file")
}

func TestTheProjectsOwnConversations(t *testing.T) {
	all, err := Own()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 5)
	questions := map[string]int{}
	for _, c := range all {
		require.GreaterOrEqual(t, len(c.Turns), 300, c.Name)
		require.Greater(t, c.Turns[len(c.Turns)-1].At.Sub(c.Turns[0].At), 180*24*time.Hour, c.Name)
		for _, q := range c.Questions {
			questions[q.Category]++
			require.Equal(t, q.Category == "unanswerable", len(q.Evidence) == 0, "%s %s", c.Name, q.ID)
		}
	}
	for _, category := range []string{"single", "multi", "temporal", "open", "unanswerable"} {
		require.GreaterOrEqual(t, questions[category], 50, category)
	}
}
