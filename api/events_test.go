package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/api/client"
)

// listen serves the site on a real connection and returns a client for a person.
func (p *person) listen(t *testing.T) *client.ClientWithResponses {
	t.Helper()
	server := httptest.NewServer(p.server)
	t.Cleanup(server.Close)
	c, err := client.NewClientWithResponses(server.URL, client.Bearer("dev-"+p.subject.String()))
	require.NoError(t, err)
	return c
}

// follow opens the stream of an interaction; after is the last id seen, -1 for none.
func follow(t *testing.T, c *client.ClientWithResponses, session, id uuid.UUID, after int) <-chan client.Event {
	t.Helper()
	params := &client.StreamInteractionParams{}
	if after >= 0 {
		params.LastEventID = &after
	}
	response, err := c.StreamInteraction(t.Context(), session, id, params)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	events := make(chan client.Event)
	go func() {
		defer close(events)
		for event, err := range client.Follow(response) {
			if err != nil {
				return
			}
			events <- event
		}
	}()
	return events
}

// next is the next event within a few seconds; ok is false when the stream ended.
func next(t *testing.T, events <-chan client.Event) (event client.Event, ok bool) {
	t.Helper()
	select {
	case event, ok = <-events:
		return event, ok
	case <-time.After(10 * time.Second):
		require.Fail(t, "no event")
		return event, false
	}
}

func nextStep(t *testing.T, events <-chan client.Event) (string, int) {
	t.Helper()
	event, ok := next(t, events)
	require.True(t, ok, "the stream goes on")
	require.NotNil(t, event.Step)
	id, err := strconv.Atoi(event.ID)
	require.NoError(t, err)
	return string(event.Step.Step) + " " + string(event.Step.State), id
}

func TestStreamTellsEachStepAndTheAnswer(t *testing.T) {
	p := newSite(t).person()
	p.server.Quicken(time.Millisecond, time.Hour, time.Hour)
	session := p.begin(t)
	id := p.accepted(t, session, calm).Id
	c := p.listen(t)
	events := follow(t, c, session, id, -1)

	p.store.step(id, interaction.MemoryRetrieval, interaction.Started)
	what, first := nextStep(t, events)
	require.Equal(t, "memory_retrieval started", what)
	p.store.step(id, interaction.EmotionalAnalysis, interaction.Completed)
	what, second := nextStep(t, events)
	require.Equal(t, "emotional_analysis completed", what)
	p.store.step(id, interaction.MemoryRetrieval, interaction.Degraded)
	what, third := nextStep(t, events)
	require.Equal(t, "memory_retrieval degraded", what)
	require.True(t, first < second && second < third, "ids grow: %d %d %d", first, second, third)

	// A client that comes back gets what it lacks and nothing twice.
	resumed := follow(t, c, session, id, second)
	what, again := nextStep(t, resumed)
	require.Equal(t, "memory_retrieval degraded", what)
	require.Equal(t, third, again)

	p.store.deliver(id, calm, fullAnswer())
	for _, stream := range []<-chan client.Event{events, resumed} {
		event, ok := next(t, stream)
		require.True(t, ok)
		require.Equal(t, "It sounds lighter.", event.Answer.Response.Text)
		_, ok = next(t, stream)
		require.False(t, ok, "the stream ends with the answer")
		last, err := strconv.Atoi(event.ID)
		require.NoError(t, err)
		done, err := c.StreamInteraction(t.Context(), session, id, &client.StreamInteractionParams{LastEventID: &last})
		require.NoError(t, err)
		require.NoError(t, done.Body.Close())
		require.Equal(t, http.StatusNoContent, done.StatusCode, "nothing more to come")
	}
}

func TestStreamOfAnAnsweredInteraction(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	id := p.accepted(t, session, calm).Id
	p.store.step(id, interaction.EmotionalAnalysis, interaction.Completed)
	p.store.step(id, interaction.ResourceSearch, interaction.Skipped)
	p.store.deliver(id, calm, fullAnswer())

	events := follow(t, p.listen(t), session, id, -1)
	what, _ := nextStep(t, events)
	require.Equal(t, "emotional_analysis completed", what)
	what, _ = nextStep(t, events)
	require.Equal(t, "resource_search skipped", what)
	event, _ := next(t, events)
	require.NotNil(t, event.Answer)
}

func TestStreamOutlivesTheStore(t *testing.T) {
	p := newSite(t).person()
	p.server.Quicken(time.Millisecond, time.Hour, time.Hour)
	session := p.begin(t)
	id := p.accepted(t, session, calm).Id
	events := follow(t, p.listen(t), session, id, -1)
	p.store.step(id, interaction.EmotionalAnalysis, interaction.Started)
	nextStep(t, events)

	p.store.breaks(errDown)
	require.Never(t, func() bool {
		select {
		case <-events:
			return true
		default:
			return false
		}
	}, 50*time.Millisecond, 5*time.Millisecond, "an event stream waits")
	p.store.breaks(nil)
	p.store.deliver(id, calm, fullAnswer())
	event, ok := next(t, events)
	require.True(t, ok)
	require.NotNil(t, event.Answer)
}

func TestStreamEnds(t *testing.T) {
	for name, end := range map[string]func(p *person, disconnect context.CancelFunc){
		"with its time":   func(p *person, _ context.CancelFunc) {},
		"with the server": func(p *person, _ context.CancelFunc) { p.server.Drain() },
		"with the client": func(_ *person, disconnect context.CancelFunc) { disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newSite(t).person()
			lifetime := time.Hour
			if name == "with its time" {
				lifetime = 50 * time.Millisecond
			}
			p.server.Quicken(time.Millisecond, 5*time.Millisecond, lifetime)
			session := p.begin(t)
			said := p.accepted(t, session, calm)

			ctx, disconnect := context.WithCancel(t.Context())
			defer disconnect()
			w := &signalling{ResponseRecorder: httptest.NewRecorder(), beat: make(chan struct{}, 1000)}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				p.server.ServeHTTP(w, p.request(get(said.Links.Events)).WithContext(ctx))
			}()
			<-w.beat // the heartbeat keeps it open while nothing happens
			end(p, disconnect)
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				require.Fail(t, "the stream goes on")
			}
			require.Contains(t, w.Body.String(), ": still here\n")
		})
	}
}

// signalling tells when a heartbeat was written.
type signalling struct {
	*httptest.ResponseRecorder
	beat chan struct{}
}

func (s *signalling) Write(p []byte) (int, error) {
	if string(p) == "still here" {
		s.beat <- struct{}{}
	}
	return s.ResponseRecorder.Write(p)
}

func (s *signalling) WriteString(text string) (int, error) { return s.Write([]byte(text)) }
