package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/api"
	"meai/internal/failure"
)

func TestATextIsAssessed(t *testing.T) {
	p := newSite(t).person()
	p.engine.judged = truthfilter.Assessed{Degraded: []string{"memory_unavailable"}, Judgement: truthfilter.Judgement{
		Verdict: truthfilter.Reject, Score: 0.4, Policy: "1.4", Adjusted: []truthfilter.Adjustment{{Layer: truthfilter.Honesty, By: 0.02, Because: "1 × untrue in 7 days"}},
		Layers: []truthfilter.LayerScore{{Layer: truthfilter.Safety, Score: 0.4, Reasons: []truthfilter.Reason{{Code: "minimising", Words: "get over it"}}}},
	}}
	w := p.do(t, post("/v1/truthfilter/assessments", `{"text":"Just get over it.","about":"My dog died.","kind":"draft","emotion":"grief","needs":["connection"]}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Assessment](t, w)
	require.Equal(t, api.JudgementVerdictReject, got.Judgement.Verdict)
	require.Equal(t, "get over it", got.Judgement.Layers[0].Reasons[0].Words)
	require.Equal(t, "1 × untrue in 7 days", got.Judgement.Adjusted[0].Because)
	require.Contains(t, got.Fallback, "this is not easy for you", "it meets what the person feels")
	require.Equal(t, []string{"memory_unavailable"}, got.Degraded)
	require.Nil(t, got.Safety)
	asked := p.engine.texts[0]
	require.Equal(t, p.subject, asked.Ref.Subject)
	require.Equal(t, truthfilter.AssessInput{Ref: asked.Ref, Text: "Just get over it.", About: "My dog died.", Kind: truthfilter.DraftText, Emotion: "grief", Needs: []string{"connection"}}, asked)

	p.engine.judged.Judgement.Verdict = truthfilter.Pass
	got = decode[api.Assessment](t, p.do(t, post("/v1/truthfilter/assessments", `{"text":"a","about":"I want to kill myself."}`)))
	require.Empty(t, got.Fallback, "what passes needs none")
	require.NotEmpty(t, got.Safety.Text)
	require.Equal(t, truthfilter.AnyText, p.engine.texts[1].Kind)

	p.engine.judged = truthfilter.Assessed{Foreign: true}
	refused(t, p.do(t, post("/v1/truthfilter/assessments", `{"text":"Das ist mir neu."}`)), http.StatusUnprocessableEntity, "unsupported_language")
}

// kept is feedback in memory.
type kept struct {
	about  feedback.Thing
	rating truthfilter.Rating
	of     uuid.UUID
	policy truthfilter.Policy
	fail   error
	spared []string
}

func (k *kept) Rate(_ context.Context, subject uuid.UUID, about feedback.Thing, rating truthfilter.Rating) (time.Time, error) {
	k.of, k.about, k.rating = subject, about, rating
	return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), k.fail
}
func (k *kept) Policy(_ context.Context, subject uuid.UUID) (truthfilter.Policy, error) {
	k.of = subject
	return k.policy, k.fail
}
func (k *kept) Reset(_ context.Context, subject uuid.UUID) error {
	k.of = subject
	return k.fail
}

func (k *kept) Triggers(_ context.Context, subject uuid.UUID) ([]string, error) {
	k.of = subject
	return k.spared, k.fail
}

func (k *kept) SetTriggers(_ context.Context, subject uuid.UUID, triggers []string) error {
	k.of, k.spared = subject, triggers
	return k.fail
}

func TestTriggersAreKept(t *testing.T) {
	k := &kept{}
	p := newSite(t, func(o *api.Options) { o.Feedback = k }).person()
	put := func(body string) *httptest.ResponseRecorder {
		return p.do(t, call{method: http.MethodPut, path: "/v1/truthfilter/triggers", body: body})
	}
	require.JSONEq(t, `{"triggers":[]}`, p.do(t, get("/v1/truthfilter/triggers")).Body.String())
	w := put(`{"triggers":["dogs","the car accident"]}`)
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, p.subject, k.of)
	require.JSONEq(t, `{"triggers":["dogs","the car accident"]}`, p.do(t, get("/v1/truthfilter/triggers")).Body.String())
	for body, pointer := range map[string]string{
		`{"triggers":["dogs","of the"]}`:    "/triggers/1",
		`{"triggers":["dogs","dogs"]}`:      "/triggers",
		`{}`:                                "/triggers",
		`{"triggers":["a"]}`:                "/triggers/0",
		`{"triggers":["dogs"],"more":true}`: "",
	} {
		w := put(body)
		refused(t, w, http.StatusUnprocessableEntity, "invalid_request")
		if pointer != "" {
			require.Equal(t, pointer, decode[api.Problem](t, w).Errors[0].Pointer, body)
		}
	}
	require.Equal(t, []string{"dogs", "the car accident"}, k.spared, "what is refused changes nothing")

	k.fail = failure.New(failure.KeyMissing, "no keys", nil)
	refused(t, put(`{"triggers":[]}`), http.StatusConflict, "person_unknown")
}

func TestFeedbackIsKept(t *testing.T) {
	k := &kept{policy: truthfilter.Standard.Adjust(truthfilter.Adjustments([]truthfilter.Told{{Rating: truthfilter.Untrue, Times: 3}})...)}
	p := newSite(t, func(o *api.Options) { o.Feedback = k }).person()
	id := newID()
	w := p.do(t, post("/v1/truthfilter/feedback", `{"about":{"interaction_id":"`+id.String()+`"},"rating":"untrue"}`))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.Feedback](t, w)
	require.Equal(t, id, got.About.InteractionId)
	require.Equal(t, kept{feedback.Thing{Interaction: id}, truthfilter.Untrue, p.subject, k.policy, nil, nil}, *k)
	require.Equal(t, http.StatusOK, p.do(t, post("/v1/truthfilter/feedback", `{"about":{"resource_id":"box-breathing"},"rating":"helpful"}`)).Code)
	require.Equal(t, feedback.Thing{Resource: "box-breathing"}, k.about)

	w = p.do(t, get("/v1/truthfilter/adjustments"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, api.Adjustments{Policy: "1", Adjusted: []api.Adjustment{{Layer: "honesty", By: 0.049, Because: "3 × untrue in 7 days"}}}, decode[api.Adjustments](t, w))
	require.Equal(t, http.StatusNoContent, p.do(t, call{method: http.MethodDelete, path: "/v1/truthfilter/adjustments"}).Code)

	k.fail = failure.New(failure.NotFound, "no such thing", nil)
	refused(t, p.do(t, post("/v1/truthfilter/feedback", `{"about":{"resource_id":"nothing"},"rating":"helpful"}`)), http.StatusNotFound, "not_found")
}

func TestFeedbackIsAboutOneThing(t *testing.T) {
	p := newSite(t).person()
	for body, pointer := range map[string]string{
		`{"about":{},"rating":"helpful"}`: "/about",
		`{"about":{"resource_id":"a","interaction_id":"` + newID().String() + `"},"rating":"helpful"}`: "/about",
		`{"about":{"resource_id":"a"},"rating":"funny"}`:                                               "/rating",
		`{"about":{"interaction_id":"a"},"rating":"helpful"}`:                                          "/about/interaction_id",
	} {
		w := p.do(t, post("/v1/truthfilter/feedback", body))
		refused(t, w, http.StatusUnprocessableEntity, "invalid_request")
		require.Equal(t, pointer, decode[api.Problem](t, w).Errors[0].Pointer, body)
	}
}
