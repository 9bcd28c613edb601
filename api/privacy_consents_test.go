package api_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/api"
	"meai/internal/failure"
)

// agreeing stands for a database in which everybody agrees to everything but what they
// have taken back; what is kept of it is tested in package consent.
type agreeing struct {
	api.Consents
	mu      sync.Mutex
	refused map[uuid.UUID]error
	asked   []consent.Purpose
	fail    error
}

func (a *agreeing) Permit(_ context.Context, subject uuid.UUID, purpose consent.Purpose) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, purpose)
	if a.fail != nil {
		return a.fail
	}
	return a.refused[subject]
}

func (a *agreeing) Restriction(context.Context, uuid.UUID) (time.Time, error) {
	return time.Time{}, a.fail
}

func (a *agreeing) refuse(subject uuid.UUID, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == nil {
		a.refused = map[uuid.UUID]error{}
	}
	a.refused[subject] = err
}

func TestNothingIsAcceptedFromWhoDoesNotAgree(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		err  error
		code string
	}{
		{failure.New(failure.ConsentMissing, "no", nil), "consent_required"},
		{failure.New(failure.ProcessingRestricted, "no", nil), "processing_restricted"},
	} {
		p := s.person()
		session := p.begin(t)
		s.consents.refuse(p.subject, c.err)
		problem := refused(t, p.do(t, post("/v1/sessions", "")), http.StatusForbidden, c.code)
		require.Equal(t, "conversation", problem.Purpose)
		require.Nil(t, problem.Safety)
		problem = refused(t, p.do(t, message(session, "key", "I went for a walk.")), http.StatusForbidden, c.code)
		require.Equal(t, "conversation", problem.Purpose)
		require.Nil(t, problem.Safety)
		problem = refused(t, p.do(t, message(session, "key", "I want to kill myself.")), http.StatusForbidden, c.code)
		require.NotNil(t, problem.Safety, "help needs no consent")
		require.Empty(t, s.store.records, "nothing was stored")
		require.Equal(t, http.StatusOK, p.do(t, get("/v1/sessions/"+session.String())).Code, "what there is can be read")
		problem = refused(t, p.do(t, post("/v1/memory/query", `{"query":"a walk"}`)), http.StatusForbidden, c.code)
		require.Equal(t, "memory", problem.Purpose)
	}
	s.consents.fail = errDown
	p := s.person()
	refused(t, p.do(t, post("/v1/sessions", "")), http.StatusServiceUnavailable, "unavailable")
}

// TestEveryOperationSaysWhatItIsFor fails for an operation on what a person says or keeps
// that does not say whether it needs a consent.
func TestEveryOperationSaysWhatItIsFor(t *testing.T) {
	doc, err := api.GetSpec()
	require.NoError(t, err)
	found := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			purpose, said := op.Extensions["x-purpose"].(string)
			about := slices.ContainsFunc(op.Tags, func(tag string) bool {
				return slices.Contains([]string{"sessions", "interactions", "memory", "vault", "capabilities"}, tag)
			})
			require.Equal(t, about, said, "%s %s", method, path)
			if purpose != "none" && said {
				_, known := consent.Defined(consent.Purpose(purpose))
				require.True(t, known, "%s %s is for %q", method, path, purpose)
				found++
			}
		}
	}
	require.Greater(t, found, 10)
	// What takes words and shows none of what is stored is for something.
	for path, item := range doc.Paths.Map() {
		if item.Post != nil && item.Post.RequestBody != nil && takesWords(item.Post) {
			require.NotEqual(t, "none", item.Post.Extensions["x-purpose"], path)
		}
	}
}

// takesWords: the body has a text, and it is not to tell danger or what to forget.
func takesWords(op *openapi3.Operation) bool {
	if slices.Contains([]string{"CheckCrisis", "PreviewForgetting"}, op.OperationID) {
		return false
	}
	for _, media := range op.RequestBody.Value.Content {
		if s := media.Schema.Value; s != nil && (s.Properties["text"] != nil || s.Properties["input"] != nil || s.Properties["query"] != nil) {
			return true
		}
	}
	return false
}

func TestPurposesAreShownInTheLanguageThatIsPreferred(t *testing.T) {
	s := newSite(t)
	p := s.person()
	for header, want := range map[string]api.PurposesLanguage{
		"": "en", "de": "de", "de-AT, en;q=0.5": "de", "fr": "en", "en-GB,de": "en", "fr, de;q=0.1": "de", "no language": "en",
	} {
		c := get("/v1/privacy/purposes")
		if header != "" {
			c = c.with("Accept-Language", header)
		}
		w := p.do(t, c)
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		shown := decode[api.Purposes](t, w)
		require.Equal(t, want, shown.Language, header)
		require.Len(t, shown.Purposes, 7)
		require.Equal(t, api.Purpose("conversation"), shown.Purposes[0].Purpose)
		d, _ := consent.Defined(consent.Conversation)
		text, _ := d.Current().In(string(want))
		require.Equal(t, text.Text, shown.Purposes[0].Text)
	}
}

func TestADecisionNamesTheTextThatWasSeen(t *testing.T) {
	p := newSite(t).person()
	put := func(path, body string) call { return call{method: http.MethodPut, path: path, body: body} }
	for _, body := range []string{`{"decision":"given"}`, `{"decision":"given","text_version":1}`, `{"decision":"refused","language":"en"}`, `{"decision":"withdrawn","language":"en"}`} {
		problem := refused(t, p.do(t, put("/v1/privacy/consents/memory", body)), http.StatusUnprocessableEntity, "invalid_request")
		require.Equal(t, "is required", problem.Errors[0].Reason)
	}
	refused(t, p.do(t, put("/v1/privacy/consents/everything", `{"decision":"withdrawn"}`)), http.StatusBadRequest, "malformed_request")
	refused(t, p.do(t, put("/v1/privacy/consents/sharing", `{"decision":"withdrawn"}`)), http.StatusBadRequest, "malformed_request")
}
