package memory_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/vectors"
)

func TestNobodySeesAnotherPersonsMemoriesOnAnyArm(t *testing.T) {
	w := newWorld(t)
	one, other := w.newPerson(t), w.newPerson(t)
	kept := one.feels(t, "joy", 0.9, "My sister Maya won the lottery in Lisbon.")
	other.says(t, "My sister Maya lost her purse in Lisbon.")
	unindexed := one.input("My sister Maya keeps the lottery win secret.")
	_, err := w.Remember(t.Context(), unindexed)
	require.NoError(t, err)

	onlyOwn := []string{"My sister Maya lost her purse in Lisbon."}
	question := memory.RecallInput{Query: "Maya won the lottery in Lisbon", Limit: 50}
	require.Equal(t, onlyOwn, other.asks(t, w.Activities, question), "vector index")
	require.Equal(t, onlyOwn, other.asks(t, w.with(t, nowhere(t), w.model), question), "terms in PostgreSQL")
	require.Equal(t, onlyOwn, other.asks(t, w.Activities, memory.RecallInput{Query: "lottery", Entities: []string{"Maya"}}), "graph by name")
	require.Equal(t, onlyOwn, other.asks(t, w.Activities, memory.RecallInput{}), "the newest")

	graph := memory.NewGraph(w.db, w.keys)
	for _, node := range kept.Nodes {
		related, err := graph.Related(t.Context(), other.id, node, 3, 20)
		require.NoError(t, err)
		require.Empty(t, related, "the graph around somebody else's memory")
	}
	own, err := graph.Related(t.Context(), one.id, kept.Nodes[0], 3, 20)
	require.NoError(t, err)
	require.NotEmpty(t, own)
}

func TestStrangersKeysOpenNothing(t *testing.T) {
	w := newWorld(t)
	p := w.newPerson(t)
	p.says(t, "The safe is behind the painting.")
	require.NoError(t, w.keys.Destroy(t.Context(), p.id))
	in := memory.RecallInput{Query: "the safe"}
	in.Ref.Subject = p.id
	_, err := w.Recall(t.Context(), in)
	require.True(t, failure.Is(err, failure.KeyDestroyed), err)
}

// canaries are words that occur nowhere else; each stands for a way in.
var canaries = []string{"Zyxophila", "quorbledank", "Vantreesia", "flimmerwock"}

func TestNoWordRestsInTheClear(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.feels(t, "flimmerwock", 0.9, "My sister Zyxophila whispered quorbledank to me in Vantreesia.")
	p.clock = p.clock.AddDate(0, 0, 1)
	p.feels(t, "flimmerwock", 0.9, "I told Zyxophila that quorbledank hurts.")
	p.feels(t, "flimmerwock", 0.9, "I saw Zyxophila in Vantreesia.")
	done, err := p.w.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Positive(t, done.Echoes)
	require.NotEmpty(t, p.recalls(t, "quorbledank"), "it is there, for the person")

	rows := p.everyRow(t)
	require.Contains(t, rows, p.id.String())
	objects := p.everyObject(t)
	require.Contains(t, objects, `"neighbours"`)
	for _, canary := range canaries {
		for _, form := range []string{canary, stemOf(canary)} {
			require.False(t, strings.Contains(strings.ToLower(rows), strings.ToLower(form)), "PostgreSQL holds %q", form)
			require.False(t, strings.Contains(strings.ToLower(objects), strings.ToLower(form)), "Weaviate holds %q", form)
		}
	}
}

// stemOf is a shorter form under which a stemmed word would show.
func stemOf(word string) string { return word[:len(word)-3] }

// everyRow is the text of all rows of this person in all tables, with bytes shown
// as they would read, not as hexadecimal digits.
func (p *person) everyRow(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"memory_nodes", "memory_edges", "memory_terms", "interaction_steps"} {
		p.query(t, func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "select * from "+table)
			if err != nil {
				return err
			}
			n := 0
			for rows.Next() {
				n++
				for _, raw := range rows.RawValues() {
					all.Write(raw)
					all.WriteByte('\n')
				}
				values, err := rows.Values()
				if err != nil {
					return err
				}
				shown, err := json.Marshal(values)
				if err != nil {
					return err
				}
				all.Write(shown)
			}
			require.NotZero(t, n, table)
			all.WriteString(p.id.String())
			return rows.Err()
		})
	}
	return all.String()
}

// everyObject is all that Weaviate returns of this person's tenant.
func (p *person) everyObject(t *testing.T) string {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		cfg.URL+"/v1/objects?class=Memory&limit=1000&include=vector&tenant="+vectors.TenantOf(p.id), http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+cfg.APIKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func TestWithoutTheIndexRecallGoesByWordsAndSaysSo(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	alone := p.w.with(t, nowhere(t), p.w.model)
	found := p.recollects(t, alone, memory.RecallInput{Query: "What will the operation of our cat cost, asks the vet?"})
	require.Equal(t, []string{"vectors_unavailable"}, found.Degraded)
	require.Equal(t, diary[4], found.Memories[0].Text)

	found = p.recollects(t, p.w.with(t, nowhere(t), deaf{p.w.model}), memory.RecallInput{Query: "the rent"})
	require.Equal(t, []string{"embedding_unavailable", "vectors_unavailable"}, found.Degraded)
	require.Equal(t, diary[6], found.Memories[0].Text)

	in := p.input("My cousin moved to Oslo.")
	kept, err := alone.Remember(t.Context(), in)
	require.NoError(t, err, "remembering needs no index")
	_, err = alone.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
	require.Error(t, err, "to be retried")
	require.Contains(t, p.asks(t, alone, memory.RecallInput{Query: "my cousin in Oslo"}), in.Text)
}

func TestAnUnknownSubjectHasNoRelations(t *testing.T) {
	w := newWorld(t)
	_, err := memory.NewGraph(w.db, w.keys).Related(t.Context(), uuid.New(), uuid.New(), 1, 1)
	require.True(t, failure.Is(err, failure.KeyMissing), err)
}
