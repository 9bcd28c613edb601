package api_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/api"
	"meai/internal/failure"
	"meai/workflows"
)

const (
	calm   = "I walked along the river and felt a little lighter."
	danger = "I want to kill myself tonight."
)

func TestAcceptedFirstAnsweredLater(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)

	w := p.do(t, message(session, "k1", calm))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	said := decode[api.Interaction](t, w)
	require.Equal(t, said.Links.Self, w.Header().Get("Location"))
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Empty(t, w.Header().Get("Idempotency-Replayed"))
	require.Equal(t, api.InteractionStateAccepted, said.State)
	require.Equal(t, calm, said.Input.Text)
	require.Equal(t, interaction.Accepted, p.store.state(said.Id), "the start is confirmed")
	require.Contains(t, said.Links.Workflow, "http://127.0.0.1:8233/namespaces/meai/workflows/person/"+p.subject.String())
	require.Len(t, p.engine.started, 1)
	require.Equal(t, calm, p.engine.started[0].Words, "the words travel in the start's arguments")

	w = p.do(t, get(said.Links.Response))
	require.Equal(t, http.StatusAccepted, w.Code, "not answered yet")
	require.Equal(t, "1", w.Header().Get("Retry-After"))

	p.store.step(said.Id, interaction.EmotionalAnalysis, interaction.Completed)
	p.store.step(said.Id, interaction.MemoryRetrieval, interaction.Started)
	status := decode[api.InteractionStatus](t, p.do(t, get(said.Links.Status)))
	require.Len(t, status.Steps, 2)
	require.Equal(t, api.StepStateCompleted, status.Steps[0].State)
	require.False(t, status.Steps[0].CompletedAt.IsZero())
	require.True(t, status.Steps[1].CompletedAt.IsZero())

	p.store.deliver(said.Id, calm, fullAnswer())
	w = p.do(t, get(said.Links.Response))
	require.Equal(t, http.StatusOK, w.Code)
	response := decode[api.Response](t, w)
	require.Equal(t, "It sounds lighter.", response.Text)
	require.Equal(t, "contentment", response.EmotionalAnalysis.PrimaryEmotion)
	require.Len(t, response.Memories, 1)
	require.Len(t, response.Resources, 1)
	require.Equal(t, api.JudgementVerdictPass, response.Review.Verdict)
	whole := decode[api.Interaction](t, p.do(t, get(said.Links.Self)))
	require.Equal(t, api.InteractionStateAnswered, whole.State)
	require.Equal(t, calm, whole.Input.Text)
	require.Equal(t, response, *whole.Response)
}

func fullAnswer() synthesis.Answer {
	said := time.Now()
	return synthesis.Answer{
		Source: synthesis.Composed, Text: "It sounds lighter.", FollowUp: "What helped?",
		Components: []synthesis.Component{{Text: "It sounds lighter.", Tone: "warm", Purpose: "reflection"}},
		Analysis: &mirror.Analysis{Kind: mirror.Expression, Primary: "contentment", Intensity: 0.4, Confidence: 0.7, Language: "en",
			Secondary: []mirror.Emotion{{Label: "relief", Score: 0.3}}, Needs: []mirror.Need{{Name: "autonomy"}}, Crisis: crisis.Assessment{Severity: crisis.None}},
		Memories:  []synthesis.MemoryUse{{ID: newID(), Kind: memory.Turn, SaidAt: said, Text: "The river is my place.", Score: 0.8}},
		Resources: []synthesis.ResourceUse{{ID: "walk", Kind: "exercise", Title: "A walk", Relevance: 0.5, Score: 0.6}},
		Review: &truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9, Confidence: 0.8,
			Layers: []truthfilter.LayerScore{{Layer: truthfilter.Honesty, Score: 1}}},
		Crisis: &crisis.Assessment{Severity: crisis.None},
	}
}

// TestWhatIsSwitchedOffTravelsWithTheMessage: as it is when the message is accepted.
func TestWhatIsSwitchedOffTravelsWithTheMessage(t *testing.T) {
	var off []interaction.Step
	p := newSite(t, func(o *api.Options) { o.Without = func(context.Context) []interaction.Step { return off } }).person()
	session := p.begin(t)
	require.Equal(t, http.StatusAccepted, p.do(t, message(session, "k1", calm)).Code)
	off = []interaction.Step{interaction.ResourceSearch}
	require.Equal(t, http.StatusAccepted, p.do(t, message(session, "k2", calm)).Code)
	require.Len(t, p.engine.started, 2)
	require.Empty(t, p.engine.started[0].Without)
	require.Equal(t, off, p.engine.started[1].Without)
}

func TestPreferWait(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	var granted time.Duration
	p.engine.wait = func(_ context.Context, in workflows.InteractionInput, wait time.Duration) (bool, error) {
		granted = wait
		if strings.Contains(in.Words, "slow") {
			return false, nil
		}
		p.store.deliver(in.Ref.Interaction, in.Words, fullAnswer())
		return true, nil
	}

	w := p.do(t, message(session, "k1", calm).with("Prefer", "wait=10"))
	require.Equal(t, http.StatusCreated, w.Code, "%s", w.Body)
	require.Equal(t, 10*time.Second, granted)
	require.Equal(t, "wait=10", w.Header().Get("Preference-Applied"))
	said := decode[api.Interaction](t, w)
	require.Equal(t, "It sounds lighter.", said.Response.Text)
	require.Nil(t, said.Safety)

	w = p.do(t, message(session, "k1", calm).with("Prefer", "wait=10"))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "true", w.Header().Get("Idempotency-Replayed"))
	require.Equal(t, said, decode[api.Interaction](t, w))
	require.Equal(t, 1, p.engine.starts(), "an answered message is not started again")

	w = p.do(t, message(session, "k2", "a slow one").with("Prefer", "respond-async").with("Prefer", "wait=100"))
	require.Equal(t, http.StatusAccepted, w.Code, "time ran out")
	require.Equal(t, time.Minute, granted, "a minute is the most that is granted")
	require.Equal(t, "wait=60", w.Header().Get("Preference-Applied"))
	require.Equal(t, "a slow one", decode[api.Interaction](t, w).Input.Text)
}

func TestSameKeySameInteraction(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	path := "/v1/sessions/" + session.String() + "/interactions"
	first := p.do(t, post(path, `{"input":{"text":"hello"},"context":{"country":"NZ","place":"home","time_of_day":"night"}}`).with("Idempotency-Key", "k"))
	require.Equal(t, http.StatusAccepted, first.Code, "%s", first.Body)

	again := p.do(t, post(path, `{ "context": {"time_of_day": "night", "place": "home", "country": "NZ"}, "input": {"text": "\u0068ello"}}`).with("Idempotency-Key", "k"))
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, decode[api.Interaction](t, first).Id, decode[api.Interaction](t, again).Id)
	require.Equal(t, 1, p.engine.starts(), "what is confirmed needs no second start")

	other := p.do(t, post(path, `{"input":{"text":"something else"}}`).with("Idempotency-Key", "k"))
	problem := refused(t, other, http.StatusConflict, "idempotency_conflict")
	require.Equal(t, "/problems/idempotency-conflict", problem.Type)
	require.Equal(t, 1, p.store.count())
}

func TestEmptyContextIsNone(t *testing.T) {
	p := newSite(t).person()
	path := "/v1/sessions/" + p.begin(t).String() + "/interactions"
	for _, body := range []string{`{"input":{"text":"hello"}}`, `{"input":{"text":"hello"},"context":{}}`} {
		require.Equal(t, http.StatusAccepted, p.do(t, post(path, body).with("Idempotency-Key", "k")).Code, body)
	}
	require.Equal(t, 1, p.store.count())
}

func TestSessionOverTakesNoNewMessages(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	before := p.do(t, message(session, "before", calm))
	p.do(t, post("/v1/sessions/"+session.String()+"/end", ""))

	refused(t, p.do(t, message(session, "after", calm)), http.StatusConflict, "session_expired")
	again := p.do(t, message(session, "before", calm))
	require.Equal(t, http.StatusAccepted, again.Code, "what was accepted can still be repeated")
	require.Equal(t, decode[api.Interaction](t, before).Id, decode[api.Interaction](t, again).Id)
	require.Equal(t, 1, p.store.count())
}

func TestEngineDownLosesNothing(t *testing.T) {
	for name, prefer := range map[string]string{"at once": "", "waiting": "wait=5"} {
		t.Run(name, func(t *testing.T) {
			p := newSite(t).person()
			session := p.begin(t)
			p.engine.breaks(errDown)
			w := p.do(t, message(session, "k", calm).with("Prefer", prefer))
			problem := refused(t, w, http.StatusServiceUnavailable, "unavailable")
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.Nil(t, problem.Safety)

			p.engine.breaks(nil)
			w = p.do(t, message(session, "k", calm).with("Prefer", prefer))
			require.Equal(t, http.StatusAccepted, w.Code, "the same key continues")
			require.Equal(t, "true", w.Header().Get("Idempotency-Replayed"))
			require.Equal(t, 1, p.store.count())
			require.Equal(t, interaction.Accepted, p.store.state(decode[api.Interaction](t, w).Id))
		})
	}
}

func TestAcceptedStaysAcceptedWhenWaitingFails(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	p.do(t, message(session, "k", calm))
	p.engine.breaks(errDown)
	w := p.do(t, message(session, "k", calm).with("Prefer", "wait=5"))
	require.Equal(t, http.StatusAccepted, w.Code, "its start was durable before")
}

func TestHelpNeedsNobodyElse(t *testing.T) {
	s := newSite(t)
	p := s.person()
	session := p.begin(t)

	w := p.do(t, message(session, "workers-down", danger))
	require.Equal(t, http.StatusAccepted, w.Code)
	help := decode[api.Interaction](t, w).Safety
	require.NotNil(t, help)
	require.NotEmpty(t, help.Text)
	require.Contains(t, help.Kinds, api.CrisisKindSuicide)

	say := "/v1/sessions/" + session.String() + "/interactions"
	for name, r := range map[string]call{
		"too long":       post(say, fmt.Sprintf(`{"input":{"text":%q}}`, strings.Repeat("and then ", 1000)+danger)).with("Idempotency-Key", "k"),
		"without key":    post(say, fmt.Sprintf(`{"input":{"text":%q}}`, danger)),
		"cut short":      post(say, fmt.Sprintf(`{"input":{"text":%q}`, danger)).with("Idempotency-Key", "k"),
		"in other words": post("/v1/memory/query", fmt.Sprintf(`{"query":%q,"limit":0}`, danger)),
	} {
		w := p.do(t, r)
		require.True(t, w.Code >= 400 && w.Code < 500, name)
		require.Equal(t, help, decode[api.Problem](t, w).Safety, name)
	}

	s.engine.breaks(errDown)
	problem := refused(t, p.do(t, message(session, "temporal-down", danger)), http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, help, problem.Safety)
	w = p.do(t, post("/v1/mirror/emotional-analysis", fmt.Sprintf(`{"text":%q}`, danger)))
	require.Equal(t, help, refused(t, w, http.StatusServiceUnavailable, "unavailable").Safety)

	s.store.breaks(errDown)
	problem = refused(t, p.do(t, message(session, "postgresql-down", danger)), http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, help, problem.Safety)

	s.store.hangs = true
	started := time.Now()
	problem = refused(t, p.do(t, message(session, "postgresql-hangs", danger)), http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, help, problem.Safety)
	require.Less(t, time.Since(started), 15*time.Second, "help does not wait for a database that hangs")
	s.store.hangs = false

	for path, body := range map[string]string{"/v1/memory/query": `{"query":%q}`, "/v1/bridge/resources/search": `{"topic":%q}`} {
		w = p.do(t, post(path, fmt.Sprintf(body, danger)))
		require.Equal(t, help, refused(t, w, http.StatusServiceUnavailable, "unavailable").Safety, path)
	}

	s.store.breaks(failure.New(failure.SessionExpired, "over", nil))
	problem = refused(t, p.do(t, message(session, "session-over", danger)), http.StatusConflict, "session_expired")
	require.Equal(t, help, problem.Safety)
}

func TestHelpIsForWhereThePersonIs(t *testing.T) {
	p := newSite(t, func(o *api.Options) { o.Region = "DE" }).person()
	session := p.begin(t)
	for country, number := range map[string]string{"": "0800 111 0 111", "NZ": "1737"} {
		body := fmt.Sprintf(`{"input":{"text":%q},"context":{"country":%q}}`, danger, country)
		body = strings.Replace(body, `"country":""`, "", 1)
		w := p.do(t, post("/v1/sessions/"+session.String()+"/interactions", body).with("Idempotency-Key", "in-"+country))
		require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
		require.Contains(t, decode[api.Interaction](t, w).Safety.Text, number)
		started := p.engine.started[len(p.engine.started)-1]
		require.Equal(t, cmp.Or(country, "DE"), started.Region, "the workflow knows it as well")
		require.Equal(t, country, started.Context.Country)
	}
}

func TestAnsweredCrisisSpeaksThroughItsAnswer(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	said := p.accepted(t, session, danger)
	assessment := crisis.Assess(danger)
	p.store.deliver(said.Id, danger, synthesis.SafeAnswer(assessment, ""))
	whole := decode[api.Interaction](t, p.do(t, get(said.Links.Self)))
	require.Nil(t, whole.Safety)
	require.Equal(t, api.ResponseSourceCrisis, whole.Response.Source)
}

func TestListPages(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	var want []uuid.UUID
	for i := range 5 {
		want = append([]uuid.UUID{p.accepted(t, session, fmt.Sprint("message ", i)).Id}, want...)
	}

	for _, size := range []int{1, 2, 5, 100} {
		var got []uuid.UUID
		next := fmt.Sprintf("/v1/sessions/%s/interactions?limit=%d", session, size)
		for pages := 0; next != ""; pages++ {
			require.Less(t, pages, 6, "pages end")
			w := p.do(t, get(next))
			require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
			page := decode[api.InteractionPage](t, w)
			require.NotEmpty(t, page.Interactions, "no empty last page")
			for _, one := range page.Interactions {
				got = append(got, one.Id)
			}
			require.Equal(t, page.Links.Next == "", page.NextCursor == nil)
			next = page.Links.Next
		}
		require.Equal(t, want, got, "newest first, each once, pages of %d", size)
	}
	empty := decode[api.InteractionPage](t, p.do(t, get("/v1/sessions/"+p.begin(t).String()+"/interactions")))
	require.NotNil(t, empty.Interactions)
	require.Empty(t, empty.Interactions)
}

func TestContextReachesTheEngine(t *testing.T) {
	p := newSite(t).person()
	session := p.begin(t)
	previous := p.accepted(t, session, "before").Id
	body := fmt.Sprintf(`{"input":{"text":"hello"},"context":{"country":"NZ","place":"on the train","time_of_day":"evening","previous_interaction":%q}}`, previous)
	w := p.do(t, post("/v1/sessions/"+session.String()+"/interactions", body).with("Idempotency-Key", "k"))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	require.Equal(t, interaction.Context{Country: "NZ", Place: "on the train", TimeOfDay: "evening", Previous: &previous}, p.engine.started[1].Context)
	require.Equal(t, previous, decode[api.Interaction](t, w).Context.PreviousInteraction)
}
