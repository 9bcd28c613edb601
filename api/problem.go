package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"meai/activities/privacy/consent"
	"meai/internal/identity"
)

// code is the stable name of a kind of problem; clients decide on it.
type code string

const (
	malformedRequest     code = "malformed_request"
	unauthenticated      code = "unauthenticated"
	stepUpRequired       code = "step_up_required"
	forbidden            code = "forbidden"
	alreadyDecided       code = "already_decided"
	consentRequired      code = "consent_required"
	processingRestricted code = "processing_restricted"
	personErased         code = "person_erased"
	legalHold            code = "legal_hold"
	notFound             code = "not_found"
	noSuchRoute          code = "no_such_route"
	methodNotAllowed     code = "method_not_allowed"
	sessionExpired       code = "session_expired"
	idempotencyConflict  code = "idempotency_conflict"
	personUnknown        code = "person_unknown"
	bodyTooLarge         code = "body_too_large"
	unsupportedMediaType code = "unsupported_media_type"
	invalidRequest       code = "invalid_request"
	unsupportedLanguage  code = "unsupported_language"
	rateLimited          code = "rate_limited"
	guessingBlocked      code = "too_many_failed_logins"
	tooManyStreams       code = "too_many_streams"
	clientGone           code = "client_gone"
	internalError        code = "internal_error"
	unavailable          code = "unavailable"
	exportRunning        code = "export_running"
	exportNotReady       code = "export_not_ready"
	exportGone           code = "export_gone"
	noRegions            code = "regions_not_configured"
)

// explanation is what a code means, on the wire and on its page.
type explanation struct {
	status  int
	title   string
	meaning string
}

// explanations has an entry for every code. It is never written to.
var explanations = map[code]explanation{
	malformedRequest: {http.StatusBadRequest, "The request is malformed",
		"A header, a parameter or the JSON itself cannot be read. `errors` says which, and why. Nothing was stored."},
	unauthenticated: {http.StatusUnauthorized, "The caller is not known",
		"Send `Authorization: Bearer` with a token that this server accepts."},
	stepUpRequired: {http.StatusUnauthorized, "This needs a fresh sign-in with several factors",
		"Sign in again with a second factor and repeat the request within 15 minutes (RFC 9470). An API key cannot do this."},
	forbidden: {http.StatusForbidden, "This caller may not do that",
		"The caller's roles, or the scopes of the API key, do not allow it."},
	alreadyDecided: {http.StatusConflict, "This is decided already",
		"The approval was decided or used, its time is over, or this person has decided otherwise; or another one takes care of the escalation, or has closed it; or the erasure was taken back, or can be no more."},
	consentRequired: {http.StatusForbidden, "The person has not agreed to that",
		"There is no consent to the `purpose`, or it was taken back, or its time is over. Show the person its text (`GET /v1/privacy/purposes`) and send what they decide (`PUT /v1/privacy/consents/{purpose}`). Nothing was stored."},
	processingRestricted: {http.StatusForbidden, "This person's data is only stored",
		"The person has restricted the processing of their data. What is stored can be read, taken along and deleted; `DELETE /v1/privacy/restriction` lets it be used again. Nothing was stored."},
	personErased: {http.StatusForbidden, "This person's data is being erased",
		"Erasure has begun or is done. Nothing can be read or written for this person any more."},
	legalHold: {http.StatusConflict, "This has to be kept for now",
		"A law asks that something of this is kept until a certain time; nothing was deleted. `GET /v1/privacy/holds` says why and until when, where that may be said. Ask again after that."},
	notFound: {http.StatusNotFound, "There is no such thing for this caller",
		"The id is unknown, or belongs to somebody else."},
	noSuchRoute: {http.StatusNotFound, "There is no such address",
		"The contract at /openapi.yaml lists every address."},
	methodNotAllowed: {http.StatusMethodNotAllowed, "This address does not take that method",
		"The `Allow` header lists the methods that it takes."},
	sessionExpired: {http.StatusConflict, "The session is over",
		"It was ended or its time is up. Begin a new one and send the message there. Messages accepted before are still answered, and their keys can still be repeated."},
	idempotencyConflict: {http.StatusConflict, "This Idempotency-Key was used for something else",
		"The key came before with another body. Use a new key for a new message, and the same body for a repeated one."},
	personUnknown: {http.StatusConflict, "This person has no session yet",
		"Agree to something or begin a session first: either sets up the keys that this person's words are sealed with."},
	bodyTooLarge: {http.StatusRequestEntityTooLarge, "The body is too large",
		"At most 64 KiB are read, 8 MiB of JSON lines, or 16 GiB of an export."},
	unsupportedMediaType: {http.StatusUnsupportedMediaType, "The body's type is not supported",
		"Send `Content-Type: application/json` in UTF-8 and without a content encoding; another type where the contract says so."},
	invalidRequest: {http.StatusUnprocessableEntity, "The body is not what is asked for",
		"The JSON can be read but does not follow the contract. `errors` points to each field. Nothing was stored."},
	unsupportedLanguage: {http.StatusUnprocessableEntity, "The text is in a language that is not read",
		"Feelings and needs are read in English only; of other languages they would be guesses. The check for danger knows a few of their plainest words."},
	rateLimited: {http.StatusTooManyRequests, "Too many requests for now",
		"The limit of this operation is used up. Try again after `Retry-After` seconds; `RateLimit` in every response says what is left. Nothing was stored."},
	guessingBlocked: {http.StatusTooManyRequests, "Too many failed attempts from this address",
		"Tokens that are not accepted came from this network address too often. Try again after `Retry-After` seconds, with a token that is valid."},
	tooManyStreams: {http.StatusTooManyRequests, "Too many event streams at once",
		"This person follows as many interactions as is allowed at a time. Close a stream, or read the status instead."},
	exportRunning: {http.StatusConflict, "Another one is under way",
		"One export, and one import of an export, is carried out at a time. Wait for it, or delete it."},
	exportNotReady: {http.StatusConflict, "The export cannot be fetched",
		"It is not written yet, or it failed: its `state` tells which."},
	exportGone: {http.StatusGone, "The export is not there any more",
		"It was deleted, or its time was over. Ask for another one."},
	noRegions: {http.StatusConflict, "There is one region only",
		"This system is not set up in two regions (`regions.name`): there are no copies to measure and nowhere to move to."},
	clientGone: {statusClientGone, "The client went away",
		"Only ever seen in this server's own logs: the connection was closed before the response."},
	internalError: {http.StatusInternalServerError, "Something went wrong on our side",
		"The `trace_id` leads to it in the logs. Repeating the request with the same Idempotency-Key is safe."},
	unavailable: {http.StatusServiceUnavailable, "Something that is needed does not answer",
		"Try again after `Retry-After` seconds, with the same Idempotency-Key; nothing is lost."},
}

// statusClientGone is nginx's convention for a request whose client hung up, so
// that these do not count as failures of the server.
const statusClientGone = 499

// retrySeconds is when a client should ask again, for a 202 and a 503 alike.
const retrySeconds = 1

// problem is an error that is told to the caller as it is.
type problem struct {
	code   code
	detail string
	errors []FieldError
	safety *Safety
	// purpose is what the person has not agreed to; "" when that is not the matter.
	purpose consent.Purpose
	// retryAfter is when to ask again, for a 429 or 503; it is told in whole
	// seconds, at least retrySeconds.
	retryAfter time.Duration
	// cause is for the log; the caller never sees it.
	cause error
}

// Error implements error.
func (p *problem) Error() string {
	if p.cause == nil {
		return string(p.code)
	}
	return fmt.Sprintf("%s: %v", p.code, p.cause)
}

// Unwrap returns what caused the problem.
func (p *problem) Unwrap() error { return p.cause }

func (p *problem) status() int { return explanations[p.code].status }

// address is where the page about a code is served.
func (c code) address() string { return "/problems/" + strings.ReplaceAll(string(c), "_", "-") }

// challenge says how to get in (RFC 6750, section 3; RFC 9470, section 3).
func (p *problem) challenge() string {
	switch {
	case p.code == stepUpRequired:
		return fmt.Sprintf(`Bearer realm="meai", error="insufficient_user_authentication", max_age=%d`, int(identity.StepUpWithin.Seconds()))
	case errors.Is(p.cause, identity.ErrBadCredentials):
		return `Bearer realm="meai", error="invalid_token"`
	default:
		return `Bearer realm="meai"`
	}
}

// document is the problem as RFC 9457 writes it.
func (p *problem) document(r *http.Request) Problem {
	d := Problem{
		Type: p.code.address(), Title: explanations[p.code].title, Status: p.status(), Detail: p.detail,
		Instance: r.URL.EscapedPath(), Code: string(p.code), Errors: p.errors, Safety: p.safety,
		Purpose: string(p.purpose),
	}
	if span := trace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		d.TraceId = span.TraceID().String()
	}
	return d
}

// write sends the problem; the error is the connection's.
func (p *problem) write(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	switch p.status() {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", p.challenge())
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(retrySeconds, wholeSeconds(p.retryAfter))))
	}
	w.WriteHeader(p.status())
	return json.NewEncoder(w).Encode(p.document(r))
}
