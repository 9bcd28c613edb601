package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
	"meai/api"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/signing"
)

// erasing is a store of one person's erasure.
type erasing struct {
	e      erasure.Erasure
	asked  []erasure.New
	fail   error
	issued []erasure.Issued
	key    *signing.Public
}

func (s *erasing) Preview(context.Context, uuid.UUID) (erasure.Preview, error) {
	return erasure.Preview{
		Counts: map[string]int64{"postgres.sessions": 3}, CoolingOff: time.Hour,
		Stays: []erasure.Stay{{What: "backups", Why: "unreadable", For: 48 * time.Hour}, {What: "ledger", Why: "restores"}},
	}, s.fail
}

func (s *erasing) Request(_ context.Context, n erasure.New) (erasure.Erasure, error) {
	s.asked = append(s.asked, n)
	return s.e, s.fail
}

func (s *erasing) Own(context.Context, uuid.UUID, uuid.UUID) (erasure.Erasure, error) {
	return s.e, s.fail
}

func (s *erasing) Cancel(context.Context, uuid.UUID, uuid.UUID) (erasure.Erasure, error) {
	return s.e, s.fail
}

func (s *erasing) Confirm(context.Context, uuid.UUID, uuid.UUID) (erasure.Erasure, error) {
	return s.e, s.fail
}

func (s *erasing) Certificates(context.Context, uuid.UUID) (erasure.State, []erasure.Issued, error) {
	return s.e.State, s.issued, s.fail
}

func (s *erasing) CertificateKey(context.Context) (*signing.Public, error) { return s.key, nil }

func newErasing(t *testing.T) (*site, *erasing) {
	t.Helper()
	now := time.Now()
	s := &erasing{e: erasure.Erasure{ID: uuid.New(), State: erasure.Requested, Law: erasure.CCPA, RequestedAt: now, CoolingUntil: now.Add(time.Hour)}}
	return newSite(t, func(o *api.Options) { o.Erasures = s }), s
}

func TestAnErasureIsAskedForInSoManyWords(t *testing.T) {
	s, store := newErasing(t)
	p := s.fresh()
	refused(t, p.do(t, post("/v1/privacy/erasures", `{"confirm":"yes"}`)), http.StatusUnprocessableEntity, "invalid_request")
	w := p.do(t, post("/v1/privacy/erasures", `{"confirm":"erase everything","law":"ccpa","skip_cooling_off":true}`))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	require.Equal(t, "/v1/privacy/erasures/"+store.e.ID.String(), w.Header().Get("Location"))
	require.True(t, decode[api.Erasure](t, w).Revocable)
	require.Equal(t, []erasure.New{{Subject: p.subject, Law: erasure.CCPA, Now: true}}, store.asked)
	refused(t, s.person().do(t, post("/v1/privacy/erasures", `{"confirm":"erase everything"}`)), http.StatusUnauthorized, "step_up_required")
	refused(t, s.operator().do(t, post("/v1/privacy/erasures", `{"confirm":"erase everything"}`)), http.StatusForbidden, "forbidden")

	s.engine.breaks(errDown)
	refused(t, p.do(t, post("/v1/privacy/erasures", `{"confirm":"erase everything"}`)), http.StatusServiceUnavailable, "unavailable")
	one := "/v1/privacy/erasures/" + store.e.ID.String()
	require.Equal(t, http.StatusOK, p.do(t, post(one+"/cancellation", "")).Code, "its row counts, whether or not its workflow was told")
	store.fail = failure.New(failure.Decided, "there is no way back", nil)
	refused(t, p.do(t, post(one+"/cancellation", "")), http.StatusConflict, "already_decided")
	store.fail = failure.New(failure.NotFound, "no such erasure", nil)
	refused(t, p.do(t, get(one)), http.StatusNotFound, "not_found")
	refused(t, p.do(t, post(one+"/confirmation", "")), http.StatusNotFound, "not_found")
}

func TestAPreviewTellsWhatGoesAndWhatStays(t *testing.T) {
	s, _ := newErasing(t)
	w := s.person().do(t, post("/v1/privacy/erasure-previews", ""))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	preview := decode[api.ErasurePreview](t, w)
	require.Equal(t, map[string]int64{"postgres.sessions": 3}, preview.Counts)
	require.Equal(t, []api.Retained{{What: "backups", Why: "unreadable", Days: 2}, {What: "ledger", Why: "restores"}}, preview.Stays)
	require.Equal(t, 3600, preview.CoolingOffSeconds)
}

func TestCertificatesAreForWhoeverKnowsTheID(t *testing.T) {
	s, store := newErasing(t)
	key, err := erasure.Key(t.Context(), enginetest.Keyring(t))
	require.NoError(t, err)
	at := time.Now().UTC().Truncate(time.Second)
	c := erasure.Certificate{
		Erasure: store.e.ID, Law: erasure.GDPR, Stage: erasure.Live, Requested: at, Unreadable: at, Erased: at, Scanned: at, Issued: at,
		Found: map[string]int64{"postgres.sessions": 3}, Until: map[erasure.Stage]time.Time{erasure.Logs: at.Add(time.Hour)},
		Kept: map[string]stores.Kept{"backups.archive": {Objects: 2, Until: at}},
	}
	note, err := key.Sign(c.Text())
	require.NoError(t, err)
	store.key, store.issued, store.e.State = &key.Public, []erasure.Issued{{Stage: erasure.Live, Note: string(note), At: at}}, erasure.Certified
	anybody := get("/v1/privacy/certificates/"+store.e.ID.String()).with("Authorization", "")
	w := s.person().do(t, anybody)
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	got := decode[api.ErasureCertificates](t, w)
	require.Len(t, got.Certificates, 1)
	require.Equal(t, string(note), got.Certificates[0].Note)
	require.Equal(t, c.Found, got.Certificates[0].Details.Found)
	require.Equal(t, map[string]int64{"backups.archive": 2}, got.Certificates[0].Details.Kept)
	text := get("/v1/privacy/certificates/"+store.e.ID.String()+"?format=text").with("Authorization", "")
	w = s.person().do(t, text)
	require.Equal(t, string(note), w.Body.String())
	require.Contains(t, w.Header().Get("Content-Type"), "text/plain")
	store.issued[0].Note += "x"
	refused(t, s.person().do(t, anybody), http.StatusInternalServerError, "internal_error")
}

// fresh is somebody who has just signed in with several factors.
func (s *site) fresh() *person { return &person{site: s, subject: newID(), role: ".fresh"} }
