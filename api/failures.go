package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"

	"meai/internal/failure"
	"meai/internal/identity"
)

// failureCodes maps the failures that the inside decides on to what the caller is told.
var failureCodes = map[failure.Type]code{
	failure.InvalidInput:         invalidRequest,
	failure.NotFound:             notFound,
	failure.SessionExpired:       sessionExpired,
	failure.IdempotencyConflict:  idempotencyConflict,
	failure.SubjectInactive:      personErased,
	failure.KeyDestroyed:         personErased,
	failure.NotAllowed:           forbidden,
	failure.Decided:              alreadyDecided,
	failure.Held:                 legalHold,
	failure.KeyMissing:           internalError, // the person is known, so the keys were lost
	failure.ConsentMissing:       consentRequired,
	failure.ProcessingRestricted: processingRestricted,
}

// problemOf turns whatever a handler or the router returned into a problem.
// Texts of foreign errors stay in the log: they may quote the request.
func problemOf(err error, r *http.Request) *problem {
	p := classify(err)
	if p.status() >= http.StatusInternalServerError && errors.Is(r.Context().Err(), context.Canceled) {
		return &problem{code: clientGone, cause: err}
	}
	return p
}

func classify(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	for t, c := range failureCodes {
		if failure.Is(err, t) {
			return &problem{code: c, cause: err}
		}
	}
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		return &problem{code: routingCode(routing.Code), cause: err}
	}
	return &problem{code: serverCode(err), cause: err}
}

func routingCode(status int) code {
	switch status {
	case http.StatusNotFound:
		return noSuchRoute
	case http.StatusMethodNotAllowed:
		return methodNotAllowed
	case http.StatusUnsupportedMediaType:
		return unsupportedMediaType
	case http.StatusRequestEntityTooLarge:
		return bodyTooLarge
	}
	if status < http.StatusInternalServerError {
		return malformedRequest
	}
	return internalError
}

// serverCode tells our own mistakes from engines that do not answer. PostgreSQL
// saying that a statement is wrong is a mistake; everything else that gets this
// far is a connection that broke, was refused or took too long, and a retry with
// the same key is right.
func serverCode(err error) code {
	var stated *pgconn.PgError
	if !errors.As(err, &stated) {
		return unavailable
	}
	switch stated.Code[:min(2, len(stated.Code))] {
	// Connection, reading alone, not admitted, rollback, resources, locks, shutdown, system. A
	// standby reads alone, and one that was just promoted admits nobody yet.
	case "08", "25", "28", "40", "53", "55", "57", "58":
		return unavailable
	}
	return internalError
}

// identityProblem says why the caller is not known.
func identityProblem(err error) *problem {
	switch {
	case errors.Is(err, identity.ErrNoCredentials):
		return &problem{code: unauthenticated, cause: err, detail: "The Authorization header is missing."}
	case errors.Is(err, identity.ErrBadCredentials):
		return &problem{code: unauthenticated, cause: err, detail: "The bearer token is expired, revoked, or not one that is accepted here."}
	}
	// An identity provider that does not answer is not the caller's mistake.
	return &problem{code: unavailable, cause: err}
}

// engineFailure wraps an error of the engine. Outside an interaction a person
// without keys is one who has no session yet.
func engineFailure(doing string, err error) error {
	if failure.Is(err, failure.KeyMissing) {
		return &problem{code: personUnknown, cause: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
