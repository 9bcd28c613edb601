package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/bridge"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/truthfilter"
	"meai/api"
	"meai/internal/failure"
)

func TestMirrorAlone(t *testing.T) {
	p := newSite(t).person()
	p.engine.mirror = mirror.Analysis{
		Kind: mirror.Expression, Primary: "joy", Intensity: 0.8, Confidence: 0.9, Valence: 0.7, Language: "en",
		Needs: []mirror.Need{{Name: "connection", Lacking: true}}, Crisis: crisis.Assessment{Severity: crisis.None}, Milliseconds: 3.5,
	}
	w := p.do(t, post("/v1/mirror/emotional-analysis", `{"text":"What a day!"}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Analysis](t, w)
	require.Equal(t, "joy", got.PrimaryEmotion)
	require.Equal(t, []api.Need{{Name: "connection", Lacking: true}}, got.Needs)
	require.NotNil(t, got.SecondaryEmotions, "lists are never null")
}

func TestMemoryAlone(t *testing.T) {
	p := newSite(t).person()
	said := time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	p.engine.recall = memory.Recollection{
		Memories: []memory.Memory{{ID: newID(), Kind: memory.Turn, Text: "I baked with grandma.", SaidAt: said, Interaction: newID(), Score: 0.9}},
		Degraded: []string{"vectors_unavailable"},
	}
	w := p.do(t, post("/v1/memory/query", `{"query":"baking","limit":7,"kinds":["turn"],"entities":["grandma"],"from":"2026-01-01T00:00:00Z"}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Recollection](t, w)
	require.Equal(t, said.UTC(), got.Memories[0].SaidAt)
	require.Equal(t, []string{"vectors_unavailable"}, got.Degraded)

	asked := p.engine.recalls[0]
	require.Equal(t, p.subject, asked.Ref.Subject)
	require.Equal(t, 7, asked.Limit)
	require.Equal(t, []memory.Kind{memory.Turn}, asked.Kinds)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), *asked.From)
	require.Nil(t, asked.To)
}

func TestBridgeAlone(t *testing.T) {
	p := newSite(t).person()
	p.engine.search = bridge.SearchResult{Rejected: 2, Hits: []bridge.Hit{{
		Resource:  bridge.Resource{ID: "box-breathing", Kind: bridge.Exercise, Title: "Box breathing", Minutes: 4},
		Relevance: 0.6, Judgement: truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9},
	}}}
	w := p.do(t, post("/v1/bridge/resources/search", `{"topic":"exam nerves","kinds":["exercise"]}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.ResourceResults](t, w)
	require.Equal(t, 2, got.Rejected)
	require.Equal(t, "Box breathing", got.Hits[0].Resource.Title)
	require.Equal(t, api.JudgementVerdictPass, got.Hits[0].Judgement.Verdict)
}

func TestCapabilitiesThatCannotAnswer(t *testing.T) {
	calls := []call{
		post("/v1/mirror/emotional-analysis", `{"text":"a"}`),
		post("/v1/memory/query", `{"query":"a"}`),
		post("/v1/bridge/resources/search", `{"topic":"a"}`),
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
