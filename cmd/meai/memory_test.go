package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// stores has a memory stored and waits until it can be found.
func (p *person) stores(t *testing.T, text string) uuid.UUID {
	t.Helper()
	w := p.storesAt(t, uuid.NewString(), client.NewMemory{Text: text})
	require.Equal(t, client.MemoryWriteStateSearchable, w.State)
	return w.Id
}

func (p *person) storesAt(t *testing.T, key string, m client.NewMemory) client.MemoryWrite {
	t.Helper()
	return p.storesPreferring(t, key, "wait=60", m)
}

func (p *person) storesPreferring(t *testing.T, key, prefer string, m client.NewMemory) client.MemoryWrite {
	t.Helper()
	wait := client.StoreMemoryParamsWaitSearchable
	got, err := p.api.StoreMemoryWithResponse(t.Context(), &client.StoreMemoryParams{IdempotencyKey: key, Wait: &wait, Prefer: &prefer}, m)
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	return *got.JSON202
}

// turnOf is the memory that a write left.
func (p *person) turnOf(t *testing.T, write uuid.UUID) uuid.UUID {
	t.Helper()
	for _, m := range p.graph(t, nil).Memories {
		if m.Kind == client.AnyMemoryKindTurn && m.InteractionId == write {
			return m.Id
		}
	}
	require.Fail(t, "the write left no turn")
	return uuid.Nil
}

// graph is the person's whole memory.
func (p *person) graph(t *testing.T, known *time.Time) client.MemoryGraph {
	t.Helper()
	limit := 100
	whole, params := client.MemoryGraph{}, &client.ReadMemoryGraphParams{Limit: &limit, Known: known}
	for {
		page, err := p.api.ReadMemoryGraphWithResponse(t.Context(), params)
		require.NoError(t, err)
		require.NotNil(t, page.JSON200, "%s", page.Body)
		whole.Memories = append(whole.Memories, page.JSON200.Memories...)
		whole.Edges = append(whole.Edges, page.JSON200.Edges...)
		if params.Cursor = page.JSON200.NextCursor; params.Cursor == nil {
			return whole
		}
	}
}

// imports brings lines along and waits until none is queued.
func (p *person) imports(t *testing.T, lines ...string) client.MemoryImport {
	t.Helper()
	return p.importsAs(t, uuid.NewString(), lines...)
}

func (p *person) importsAs(t *testing.T, key string, lines ...string) client.MemoryImport {
	t.Helper()
	got, err := p.api.ImportMemoriesWithBodyWithResponse(t.Context(), &client.ImportMemoriesParams{IdempotencyKey: key},
		"application/x-ndjson", strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	var now client.MemoryImport
	require.Eventually(t, func() bool {
		read, err := p.api.GetMemoryImportWithResponse(t.Context(), got.JSON202.Id)
		require.NoError(t, err)
		now = *read.JSON200
		return now.Searchable+now.Failed == now.Total
	}, within, 50*time.Millisecond, "the import does not end")
	return now
}

// confirms has a preview carried out and returns it with its receipt.
func (p *person) confirms(t *testing.T, preview uuid.UUID) (done client.Forgetting) {
	t.Helper()
	confirmed, err := p.api.ConfirmForgettingWithResponse(t.Context(), preview)
	require.NoError(t, err)
	require.NotNil(t, confirmed.JSON202, "%s", confirmed.Body)
	require.Eventually(t, func() bool {
		got, err := p.api.GetForgettingWithResponse(t.Context(), preview)
		require.NoError(t, err)
		done = *got.JSON200
		return done.Receipt != nil
	}, within, 100*time.Millisecond)
	return done
}

func (p *person) forgets(t *testing.T, what client.ForgettingSelection) client.Forgetting {
	t.Helper()
	preview, err := p.api.PreviewForgettingWithResponse(t.Context(), what)
	require.NoError(t, err)
	require.NotNil(t, preview.JSON201, "%s", preview.Body)
	return p.confirms(t, preview.JSON201.Id)
}

// recallIn asks within a session.
func (p *person) recallIn(t *testing.T, session uuid.UUID, query string) []string {
	t.Helper()
	got, err := p.api.QueryMemoryWithResponse(t.Context(), client.MemoryQuery{Query: query, SessionId: session})
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	list := []string{}
	for _, m := range got.JSON200.Memories {
		list = append(list, m.Text)
	}
	return list
}

func (p *person) facts(t *testing.T, params *client.ListFactsParams) []string {
	t.Helper()
	got, err := p.api.ListFactsWithResponse(t.Context(), params)
	require.NoError(t, err)
	list := []string{}
	for _, f := range got.JSON200.Facts {
		list = append(list, f.Subject.Name+" "+f.Label+" "+f.Object.Name)
	}
	return list
}

func (p *person) recall(t *testing.T, query string) []string {
	t.Helper()
	return p.recallIn(t, uuid.Nil, query)
}

func TestAPersonStoresSeesCorrectsAndForgetsTheirMemory(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)

	key := uuid.NewString()
	w := p.storesAt(t, key, client.NewMemory{Text: "I live in Porto with my sister Maya."})
	require.Equal(t, client.MemoryWriteStateSearchable, w.State)
	again := p.storesAt(t, key, client.NewMemory{Text: "I live in Porto with my sister Maya."})
	require.Equal(t, w.Id, again.Id)
	other, err := p.api.StoreMemoryWithResponse(t.Context(), &client.StoreMemoryParams{IdempotencyKey: key}, client.NewMemory{Text: "Something else."})
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, other.StatusCode())
	require.Nil(t, w.Safety)
	require.NotNil(t, p.storesAt(t, uuid.NewString(), client.NewMemory{Text: "I want to kill myself."}).Safety)
	turn := p.turnOf(t, w.Id)
	require.Equal(t, []string{"me lives in Porto"}, p.facts(t, nil))
	require.Contains(t, p.recall(t, "Where do I live?"), "I live in Porto with my sister Maya.")

	related, err := p.api.RelatedMemoriesWithResponse(t.Context(), turn, nil)
	require.NoError(t, err)
	require.NotEmpty(t, related.JSON200.Related)
	pinned, err := p.api.PinMemoryWithResponse(t.Context(), turn)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, pinned.StatusCode())
	got, err := p.api.GetMemoryWithResponse(t.Context(), turn)
	require.NoError(t, err)
	require.False(t, got.JSON200.PinnedAt.IsZero())
	require.Equal(t, client.MemoryOriginStored, got.JSON200.Origin)

	before := time.Now()
	wait := client.CorrectMemoryParamsWaitSearchable
	fixed, err := p.api.CorrectMemoryWithResponse(t.Context(), turn, &client.CorrectMemoryParams{IdempotencyKey: uuid.NewString(), Wait: &wait},
		client.MemoryCorrection{Text: "I live in Ghent with my sister Maya."})
	require.NoError(t, err)
	require.NotNil(t, fixed.JSON202, "%s", fixed.Body)
	require.Equal(t, client.MemoryWriteStateSearchable, fixed.JSON202.State)
	require.Equal(t, []string{"me lives in Ghent"}, p.facts(t, nil))
	require.Equal(t, []string{"me lives in Porto"}, p.facts(t, &client.ListFactsParams{Known: &before}))
	require.NotContains(t, p.recall(t, "Where do I live?"), "I live in Porto with my sister Maya.")

	p.await(t, p.tell(t, "My boss Tom shouted at me in the meeting.").Id, within)
	preview, err := p.api.PreviewForgettingWithResponse(t.Context(), client.ForgettingSelection{Entity: "Tom"})
	require.NoError(t, err)
	require.NotNil(t, preview.JSON201, "%s", preview.Body)
	require.Equal(t, 1, preview.JSON201.Counts["turn"])
	require.NotEmpty(t, preview.JSON201.Memories)
	require.Contains(t, strings.Join(p.recall(t, "Tom shouted"), " "), "Tom", "a preview changes nothing")
	done := p.confirms(t, preview.JSON201.Id)
	for store, left := range done.Receipt.Left {
		require.Zero(t, left, store)
	}
	require.NotContains(t, strings.Join(p.recall(t, "Tom shouted"), " "), "Tom")
	page, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, nil)
	require.NoError(t, err)
	require.NotContains(t, string(page.Body), "Tom", "the conversation does not hold it either")
}

func TestPastConversationsAreImported(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	done := p.imports(t,
		`{"session":"one","said_at":"2024-03-01T10:00:00Z","text":"I work at Siemens and I hate it."}`,
		``,
		`{"session":"one","said_at":"2024-03-01T10:01:00Z","speaker":"Ana","text":"You should look for something with animals."}`,
		`{"session":"two","said_at":"2024-09-01T10:00:00Z","text":"I quit my job. I got a job at Zoolandia!"}`)
	require.Equal(t, 3, done.Searchable)
	require.Contains(t, p.facts(t, nil), "me works at Zoolandia")
	at := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	require.Contains(t, p.facts(t, &client.ListFactsParams{At: &at}), "me works at Siemens")
	require.Contains(t, p.recall(t, "what did Ana say about animals"), "Ana: You should look for something with animals.")

	for body, pointer := range map[string]string{
		`{"session":"one","said_at":"2024-03-01T10:00:00Z","text":"fine"}` + "\n" + `{"session":"one","text":"no time"}`: "/1/said_at",
		`{"session":"one","said_at":"2024-03-01T10:00:00Z","text":"x","mood":"odd"}`:                                     "/0",
		`not json`: "/0",
		`{"session":"one","said_at":"2999-03-01T10:00:00Z","text":"x"}`: "/0/said_at",
	} {
		got, err := p.api.ImportMemoriesWithBodyWithResponse(t.Context(), &client.ImportMemoriesParams{IdempotencyKey: uuid.NewString()},
			"application/x-ndjson", strings.NewReader(body))
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode(), body)
		require.Equal(t, pointer, got.ApplicationproblemJSON422.Errors[0].Pointer, body)
	}
	writes, err := p.api.ListMemoryWritesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, writes.JSON200.Writes, 3, "what is refused changes nothing")
}
