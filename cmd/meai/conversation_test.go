package main_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// within bounds every wait for something that normally takes a second or two.
const within = 60 * time.Second

func TestConversation(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)

	first := p.tell(t, "My sister Maya moved to Lisbon last week and the flat feels so empty without her.")
	require.Equal(t, client.ResponseSourceComposed, first.Response.Source)
	require.Empty(t, first.Response.Degraded)
	require.Equal(t, client.JudgementVerdictPass, first.Response.Review.Verdict)
	p.await(t, first.Id, within)
	p.await(t, p.tell(t, "Work is a lot as well, three deadlines in one week and my manager keeps adding more.").Id, within)

	asked := p.tell(t, "Is there anything I can try to calm down before a presentation?")
	require.NotEmpty(t, asked.Response.Resources, "a request for help is met with resources: %s", asked.Response.Text)
	p.await(t, asked.Id, within)

	last := p.tell(t, "Do you remember where my sister Maya went?")
	require.Contains(t, last.Response.Text, "Lisbon")
	require.NotEmpty(t, last.Response.Memories)
	require.Contains(t, last.Response.Memories[0].Text, "Maya moved to Lisbon")

	t.Run("its status names each step", func(t *testing.T) {
		got, err := p.api.GetInteractionStatusWithResponse(t.Context(), p.session, first.Id)
		require.NoError(t, err)
		for _, step := range got.JSON200.Steps {
			require.Contains(t, []string{"completed", "skipped"}, string(step.State), step.Step)
		}
		require.Len(t, got.JSON200.Steps, 8)
	})
	t.Run("it can be paged through, newest first", func(t *testing.T) {
		limit := 3
		page, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, &client.ListInteractionsParams{Limit: &limit})
		require.NoError(t, err)
		require.Len(t, page.JSON200.Interactions, 3)
		require.Equal(t, last.Id, page.JSON200.Interactions[0].Id)
		rest, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, &client.ListInteractionsParams{Cursor: page.JSON200.NextCursor})
		require.NoError(t, err)
		require.Len(t, rest.JSON200.Interactions, 1)
		require.Equal(t, first.Id, rest.JSON200.Interactions[0].Id)
	})
	t.Run("nobody else can see it", func(t *testing.T) {
		other := newPerson(t, base)
		other.begin(t)
		got, err := other.api.GetInteractionWithResponse(t.Context(), p.session, first.Id)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, got.StatusCode())
		answer := other.tell(t, "Do you remember where my sister Maya went?")
		require.NotContains(t, answer.Response.Text, "Lisbon")
		require.Empty(t, answer.Response.Memories)
	})
	t.Run("an ended session takes no more", func(t *testing.T) {
		_, err := p.api.EndSessionWithResponse(t.Context(), p.session)
		require.NoError(t, err)
		got, err := p.say(t.Context(), uuid.NewString(), "One more thing.", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusConflict, got.StatusCode())
		require.Equal(t, "session_expired", got.ApplicationproblemJSON409.Code)
	})
}

func TestSameKeyIsTheSameInteraction(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	key := uuid.NewString()
	first, err := p.say(t.Context(), key, "I passed my exam today!", "wait=30")
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, first.StatusCode())

	again, err := p.say(t.Context(), key, "I passed my exam today!", "wait=30")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, again.StatusCode())
	require.Equal(t, first.JSON201.Id, again.JSON200.Id)
	require.Equal(t, "true", again.HTTPResponse.Header.Get("Idempotency-Replayed"))

	other, err := p.say(t.Context(), key, "I failed my exam today.", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, other.StatusCode())
	require.Equal(t, "idempotency_conflict", other.ApplicationproblemJSON409.Code)
	require.Equal(t, 1, s.count(t, p.subject, "select count(*) from interactions"))
}

func TestAcceptedWithEveryWorkerDown(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "api")
	p := newPerson(t, base)
	p.begin(t)

	got, err := p.say(t.Context(), "k1", "I feel lost since the move.", "wait=1")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, got.StatusCode(), "%s", got.Body)
	id := got.JSON202.Id
	status, err := p.api.GetInteractionStatusWithResponse(t.Context(), p.session, id)
	require.NoError(t, err)
	require.Equal(t, client.InteractionStateAccepted, status.JSON200.State)

	danger, err := p.say(t.Context(), "k2", "I want to kill myself.", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, danger.StatusCode())
	require.NotNil(t, danger.JSON202.Safety, "help does not wait for workers")
	require.Contains(t, danger.JSON202.Safety.Text, "988")

	events := p.follow(t, base, id)
	s.start(t, "worker")
	require.Equal(t, "answer", <-events.last, "the stream that began before any worker ends with the answer")
	require.Subset(t, events.steps, []string{"emotional_analysis", "response_generation", "delivery"})
	require.Equal(t, client.InteractionStateAnswered, p.await(t, id, within).State)
	safe := p.await(t, danger.JSON202.Id, within)
	require.Equal(t, client.ResponseSourceCrisis, safe.Response.Source)
}

// stream is what a client sees on the event stream of an interaction.
type stream struct {
	steps []string
	// last yields the name of the event after which the stream closed.
	last chan string
}

func (p *person) follow(t *testing.T, base string, id uuid.UUID) *stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/sessions/"+p.session.String()+"/interactions/"+id.String()+"/events", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	s := &stream{last: make(chan string, 1)}
	go func() {
		s.last <- s.read(response)
	}()
	return s
}

func (s *stream) read(response *http.Response) (last string) {
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, found := strings.CutPrefix(lines.Text(), "event:"); found {
			last = strings.TrimSpace(name)
		}
		if data, found := strings.CutPrefix(lines.Text(), "data:"); found && last == "step" {
			var step client.Step
			if json.Unmarshal([]byte(data), &step) == nil {
				s.steps = append(s.steps, string(step.Step))
			}
		}
	}
	if response.Body.Close() != nil {
		return "broken"
	}
	return last
}
