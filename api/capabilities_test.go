package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/bridge"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
	"meai/activities/truthfilter"
	"meai/api"
	"meai/internal/failure"
	"meai/internal/links"
)

func TestMirrorAlone(t *testing.T) {
	p := newSite(t).person()
	p.engine.mirror = mirror.Analysis{
		Kind: mirror.Expression, Primary: "joy", Intensity: 0.8, Confidence: 0.9, Valence: 0.7, Language: "en",
		Needs:     []mirror.Need{{Name: "connection", Lacking: true, Score: 0.8, Evidence: []mirror.Span{{Start: 2, End: 4}}}},
		Evidence:  []mirror.Evidence{{Label: "joy", Span: mirror.Span{Start: 7, End: 10}}},
		Sentences: []mirror.Sentence{{Span: mirror.Span{End: 11}, Emotions: []mirror.Emotion{{Label: "joy", Score: 0.9}}}},
		Basic:     mirror.Basic{Ekman: []mirror.Emotion{{Label: "joy", Score: 0.7}}},
		Crisis:    crisis.Assessment{Severity: crisis.None}, Milliseconds: 3.5,
	}
	w := p.do(t, post("/v1/mirror/emotional-analysis", `{"text":"What a day!"}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Analysis](t, w)
	require.Equal(t, "joy", got.PrimaryEmotion)
	needs := []api.Need{{Name: "connection", Lacking: true, Score: 0.8, Evidence: []api.Evidence{{Label: "connection", Start: 2, End: 4}}}}
	require.Equal(t, needs, got.Needs)
	require.NotNil(t, got.SecondaryEmotions, "lists are never null")
	require.Equal(t, []api.Evidence{{Label: "joy", Start: 7, End: 10}}, got.Evidence)
	require.Equal(t, []api.SentenceReading{{End: 11, Emotions: []api.Emotion{{Label: "joy", Score: 0.9}}}}, got.Sentences)
	require.Equal(t, []api.Emotion{{Label: "joy", Score: 0.7}}, got.Basic.Ekman)

	w = p.do(t, post("/v1/mirror/needs", `{"text":"What a day!"}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, api.Needs{Needs: needs, Language: "en", Degraded: []string{}}, decode[api.Needs](t, w))
}

// TestTheCheckForDangerAlwaysAnswers: what Mirror's model raises counts, and without it
// the rules decide.
func TestTheCheckForDangerAlwaysAnswers(t *testing.T) {
	check := func(p *person, text string) api.CrisisCheck {
		w := p.do(t, post("/v1/mirror/crisis-check", `{"text":"`+text+`"}`))
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		return decode[api.CrisisCheck](t, w)
	}
	p := newSite(t).person()
	p.engine.mirror.Crisis = crisis.Assessment{Severity: crisis.Implicit, Kinds: []crisis.Kind{crisis.Suicide}, Rules: []string{"model"}}
	raised := check(p, "It will be quiet soon.")
	require.Equal(t, api.CrisisSeverityImplicit, raised.Crisis.Severity)
	require.NotEmpty(t, raised.Safety.Text)
	require.Empty(t, raised.Degraded)

	p.engine.breaks(errDown)
	require.Nil(t, check(p, "What a day!").Safety)
	alone := check(p, inDanger)
	require.Equal(t, []string{"model_unavailable"}, alone.Degraded)
	require.NotEmpty(t, alone.Safety.Text)
}

func TestReflectionPrompts(t *testing.T) {
	p := newSite(t).person()
	id := newID()
	p.engine.prompts = mirror.Reflection{Language: "en", Crisis: crisis.Assessment{Severity: crisis.None}, Degraded: []string{"memory_unavailable"}, Prompts: []reflection.Prompt{{
		ID: id, Text: "You mention your sister. What would you like her to know?", Purpose: reflection.Integrate, Tone: reflection.Curious, Emotion: "anger",
		Need: &reflection.Need{Name: "connection", Lacking: true}, Expects: []reflection.Response{reflection.Choice, reflection.FreeText}, FollowUps: []string{"Since when?"},
	}}}
	w := p.do(t, post("/v1/mirror/reflection-prompts", `{"text":"My sister lied.","emotion":"anger","needs":[{"name":"connection","lacking":true}],"purpose":"integrate","tone":"curious","count":2,"recent":["`+id.String()+`"]}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.ReflectionPrompts](t, w)
	require.Len(t, got.Prompts, 1)
	require.Equal(t, id, got.Prompts[0].Id)
	require.Equal(t, &api.ReflectionNeed{Name: "connection", Lacking: true}, got.Prompts[0].Need)
	require.Equal(t, []api.ReflectionPromptExpectedResponses{"choice", "free_text"}, got.Prompts[0].ExpectedResponses)
	require.Equal(t, []string{"memory_unavailable"}, got.Degraded)
	require.Nil(t, got.Safety)

	asked := p.engine.asked[0]
	require.Equal(t, p.subject, asked.Ref.Subject)
	require.Equal(t, []mirror.Need{{Name: "connection", Lacking: true}}, asked.Needs)
	require.Equal(t, "anger", asked.Emotion)
	require.Equal(t, reflection.Integrate, asked.Purpose)
	require.Equal(t, reflection.Curious, asked.Tone)
	require.Equal(t, 2, asked.Count)
	require.Equal(t, []uuid.UUID{id}, asked.Recent)

	t.Run("by a feeling alone", func(t *testing.T) {
		require.Equal(t, http.StatusOK, p.do(t, post("/v1/mirror/reflection-prompts", `{"emotion":"joy"}`)).Code)
		asked := p.engine.asked[1]
		require.Nil(t, asked.Needs, "they are read from the text, if there is one")
		require.Equal(t, reflection.Deepen, asked.Purpose)
		require.Equal(t, reflection.Gentle, asked.Tone)
		require.Equal(t, 1, asked.Count)
		require.NotEqual(t, p.engine.asked[0].Seed, asked.Seed)
	})
}

func TestInDangerThereIsHelpInsteadOfPrompts(t *testing.T) {
	p := newSite(t).person()
	help := decode[api.Interaction](t, p.do(t, message(p.begin(t), "in-danger", danger))).Safety
	require.NotNil(t, help)
	p.engine.breaks(errDown)
	w := p.do(t, post("/v1/mirror/reflection-prompts", fmt.Sprintf(`{"text":%q}`, danger)))
	require.Equal(t, http.StatusOK, w.Code, "help needs no engine: %s", w.Body)
	got := decode[api.ReflectionPrompts](t, w)
	require.Equal(t, help, got.Safety)
	require.Empty(t, got.Prompts)

	p.engine.breaks(nil)
	p.engine.prompts = mirror.Reflection{Language: "en", Crisis: crisis.Assess(danger)} // what only the model saw
	w = p.do(t, post("/v1/mirror/reflection-prompts", `{"text":"In other words."}`))
	require.Equal(t, help, decode[api.ReflectionPrompts](t, w).Safety)
}

func TestMemoryAlone(t *testing.T) {
	p := newSite(t).person()
	said := time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	p.engine.recall = memory.Recollection{
		Memories: []memory.Memory{{ID: newID(), Kind: memory.Turn, Text: "I baked with grandma.", SaidAt: said, Interaction: newID(), Score: 0.9,
			FoundBy: []memory.Finding{{Arm: memory.ByName, Reason: "is about grandmother"}}}},
		Degraded: []string{"vectors_unavailable"},
	}
	w := p.do(t, post("/v1/memory/query", `{"query":"baking","limit":7,"kinds":["turn"],"entities":["grandma"],"from":"2026-01-01T00:00:00Z",
		"asked_at":"2026-03-05T01:00:00+09:00","diversity":0.5,"budget":400}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Recollection](t, w)
	require.Equal(t, said.UTC(), got.Memories[0].SaidAt)
	require.Equal(t, []string{"vectors_unavailable"}, got.Degraded)
	require.Equal(t, []api.MemoryFinding{{Arm: api.MemoryFindingArmNames, Reason: "is about grandmother"}}, got.Memories[0].FoundBy)

	asked := p.engine.recalls[0]
	require.Equal(t, p.subject, asked.Ref.Subject)
	require.Equal(t, 7, asked.Limit)
	require.Equal(t, []memory.Kind{memory.Turn}, asked.Kinds)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), *asked.From)
	require.Nil(t, asked.To)
	require.Equal(t, "2026-03-05T01:00:00+09:00", asked.At.Format(time.RFC3339), "in the person's own zone")
	require.InDelta(t, 0.5, asked.Diversity, 1e-9)
	require.Equal(t, 400, asked.Budget)
}

func TestBridgeAlone(t *testing.T) {
	p := newSite(t).person()
	p.engine.search = bridge.SearchResult{Rejected: 2, Hits: []bridge.Hit{{
		Resource:  bridge.Resource{ID: "box-breathing", Kind: bridge.Exercise, Title: "Box breathing", Minutes: 4},
		Relevance: 0.6, Judgement: truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9},
	}, {
		Resource: bridge.Resource{ID: "mcp:library:00", Kind: bridge.Reading, Title: "Exams"}, Judgement: truthfilter.Judgement{Verdict: truthfilter.Pass},
		Provenance: &bridge.Provenance{Server: "library", Tool: "search", URL: "https://a.example/exams", FetchedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)},
	}}}
	w := p.do(t, post("/v1/bridge/resources/search", `{"topic":"exam nerves","kinds":["exercise"]}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.ResourceResults](t, w)
	require.Equal(t, 2, got.Rejected)
	require.Equal(t, "Box breathing", got.Hits[0].Resource.Title)
	require.Equal(t, api.JudgementVerdictPass, got.Hits[0].Judgement.Verdict)
	require.Nil(t, got.Hits[0].Provenance, "it is MeAi's own")
	require.Equal(t, &api.ResourceProvenance{Server: "library", Tool: "search", Url: "https://a.example/exams", FetchedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}, got.Hits[1].Provenance)
	require.False(t, p.engine.searches[0].External, "nobody outside is asked unless that is wanted")

	require.Equal(t, http.StatusOK, p.do(t, post("/v1/bridge/resources/search", `{"topic":"exam nerves","external":true}`)).Code)
	require.True(t, p.engine.searches[1].External)
}

// library stands for the real one: it has one resource.
type library struct{}

var feelingGood = bridge.Resource{
	ID: "feeling-good", Kind: bridge.Reading, Title: "Feeling Good", Summary: "A book.", Steps: []string{"Read."}, Topics: []string{"low mood"},
	Evidence: "Tested.", Format: bridge.Read, Complexity: bridge.Demanding, Source: "https://feelinggood.com", Licence: "own wording", Reviewed: "2026-11-26",
}

func (library) Resource(id string) (bridge.Resource, error) {
	if id != feelingGood.ID {
		return bridge.Resource{}, failure.New(failure.NotFound, "the library has no such resource", nil)
	}
	return feelingGood, nil
}

func (c library) Describe(_ context.Context, id string) (bridge.Described, error) {
	r, err := c.Resource(id)
	return bridge.Described{
		Resource: r, Due: time.Date(2028, 11, 25, 0, 0, 0, 0, time.UTC), Withheld: true, Related: []bridge.Resource{{ID: "mind-over-mood", Kind: bridge.Reading, Format: bridge.Read, Complexity: bridge.Demanding}},
		Link: &bridge.LinkState{State: links.Gone, Code: "404", InARow: 3, Since: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), Checked: time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)},
	}, err
}

func TestAResourceInThreeDetails(t *testing.T) {
	p := newSite(t).person()
	read := func(query string) api.ResourceDetail {
		w := p.do(t, get("/v1/bridge/resources/feeling-good"+query))
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		return decode[api.ResourceDetail](t, w)
	}
	brief := read("?detail=brief")
	require.Equal(t, api.ResourceDetail{Id: "feeling-good", Kind: "reading", Title: "Feeling Good", Summary: "A book.", Format: "read", Complexity: "demanding"}, brief)
	standard := read("")
	require.Equal(t, read("?detail=standard"), standard)
	require.Equal(t, []string{"Read."}, standard.Steps)
	require.Empty(t, standard.Evidence)
	full := read("?detail=full")
	require.Equal(t, "Tested.", full.Evidence)
	require.Equal(t, "2028-11-25", full.ReviewDue)
	require.Equal(t, api.ResourceLinkStateGone, full.Link.State)
	require.Equal(t, 3, full.Link.InARow)
	require.True(t, full.Withheld)
	require.Equal(t, "mind-over-mood", full.Related[0].Id)

	refused(t, p.do(t, get("/v1/bridge/resources/nobody-knows")), http.StatusNotFound, "not_found")
	refused(t, p.do(t, get("/v1/bridge/resources/nobody-knows?detail=full")), http.StatusNotFound, "not_found")
	refused(t, p.do(t, get("/v1/bridge/resources/feeling-good?detail=everything")), http.StatusBadRequest, "malformed_request")
}

func TestSearchPassesItsFiltersOn(t *testing.T) {
	p := newSite(t).person()
	w := p.do(t, post("/v1/bridge/resources/search", `{"emotion":"grief","formats":["read"],"complexities":["simple"],"region":"SE","max_minutes":9}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, bridge.SearchInput{
		Ref: p.engine.searches[0].Ref, Emotion: "grief", Kinds: []bridge.Kind{}, Formats: []bridge.Format{bridge.Read},
		Complexities: []bridge.Complexity{bridge.Simple}, Region: "SE", MaxMinutes: 9, Limit: p.engine.searches[0].Limit,
	}, p.engine.searches[0])
	for _, body := range []string{`{}`, `{"topic":"a","formats":["juggle"]}`, `{"topic":"a","complexities":["easy"]}`, `{"topic":"a","region":"sweden"}`} {
		refused(t, p.do(t, post("/v1/bridge/resources/search", body)), http.StatusUnprocessableEntity, "invalid_request")
	}
}

func TestCapabilitiesThatCannotAnswer(t *testing.T) {
	calls := []call{
		post("/v1/mirror/emotional-analysis", `{"text":"a"}`),
		post("/v1/mirror/needs", `{"text":"a"}`),
		post("/v1/mirror/reflection-prompts", `{"text":"a"}`),
		post("/v1/memory/query", `{"query":"a"}`),
		post("/v1/bridge/resources/search", `{"topic":"a"}`),
		post("/v1/truthfilter/assessments", `{"text":"a"}`),
	}
	for _, c := range calls {
		p := newSite(t).person()
		p.engine.breaks(errDown)
		refused(t, p.do(t, c), http.StatusServiceUnavailable, "unavailable")
		p.engine.breaks(fmt.Errorf("encode: %w", failure.New(failure.KeyMissing, "no keys", nil)))
		refused(t, p.do(t, c), http.StatusConflict, "person_unknown")
		p.engine.breaks(failure.New(failure.SubjectInactive, "erasure", nil))
		refused(t, p.do(t, c), http.StatusForbidden, "person_erased")
	}
}
