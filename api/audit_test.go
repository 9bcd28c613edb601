package api_test

import (
	"net/http"
	"testing"
)

func TestAServerWithoutAnAuditLogSaysSo(t *testing.T) {
	p := newSite(t).person()
	for _, path := range []string{
		"/v1/audit/checkpoint", "/v1/audit/entries", "/v1/audit/entries/0/proof", "/v1/audit/entries/0/proof?size=1", "/v1/audit/consistency?from=1&to=2",
	} {
		refused(t, p.do(t, get(path)), http.StatusServiceUnavailable, "unavailable")
	}
}

func TestQuestionsAboutTheAuditLogFollowTheContract(t *testing.T) {
	p := newSite(t).person()
	for _, path := range []string{
		"/v1/audit/entries?limit=0", "/v1/audit/entries?limit=501", "/v1/audit/entries?cursor=-1", "/v1/audit/entries?object=xyz",
		"/v1/audit/entries/-1/proof", "/v1/audit/entries/one/proof", "/v1/audit/entries/0/proof?size=0",
		"/v1/audit/consistency", "/v1/audit/consistency?from=1", "/v1/audit/consistency?from=0&to=1",
	} {
		refused(t, p.do(t, get(path)), http.StatusBadRequest, "malformed_request")
	}
	refused(t, p.do(t, get("/v1/audit/consistency?from=2&to=1")), http.StatusNotFound, "not_found")
	refused(t, p.do(t, get("/v1/audit/checkpoint").with("Authorization", "")), http.StatusUnauthorized, "unauthenticated")
}
