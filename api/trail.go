package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/maypok86/otter/v2"

	"meai/internal/audit"
	"meai/internal/identity"
)

// trail records in the audit log who came in with a role among the staff, who was
// denied what, and where credentials are being guessed: each once an hour, so that
// nobody can flood the log. It gives no answer and holds none up for long: what
// cannot be recorded is logged, and the answer stands.
type trail struct {
	audit AuditLog
	log   *slog.Logger
	seen  *otter.Cache[string, struct{}]
}

const (
	trailEvery    = time.Hour
	trailSize     = 10_000
	trailPatience = 2 * time.Second
)

func newTrail(log AuditLog, logger *slog.Logger) (*trail, error) {
	seen, err := otter.New(&otter.Options[string, struct{}]{
		MaximumSize: trailSize, ExpiryCalculator: otter.ExpiryCreating[string, struct{}](trailEvery),
	})
	if err != nil {
		return nil, fmt.Errorf("make room for what is recorded: %w", err)
	}
	return &trail{audit: log, log: logger, seen: seen}, nil
}

// entered records a sign-in of the staff, at its first use.
func (t *trail) entered(ctx context.Context, who identity.Caller) {
	if who.Method != identity.Token || who.FirstRole() == "none" || who.Has(identity.Person) && len(who.Roles) == 1 {
		return
	}
	factors := "one_factor"
	if who.MultiFactor {
		factors = "several_factors"
	}
	t.once(ctx, fmt.Sprintf("in %s %d", who.Principal, who.AuthTime.Unix()), who.Principal, audit.Entry{
		Role: who.FirstRole(), Act: audit.SignedIn, Outcome: audit.Succeeded, Reason: factors,
	}, "")
}

// denied records that the policies refused a caller an operation.
func (t *trail) denied(ctx context.Context, who identity.Caller, operation string) {
	t.once(ctx, fmt.Sprintf("denied %s %s", who.Principal, operation), who.Principal, audit.Entry{
		Role: who.FirstRole(), Act: audit.AccessDenied, Kind: audit.Route,
		Outcome: audit.Denied, Reason: operation,
	}, operation)
}

// refused records an address that has used up its failed attempts.
func (t *trail) refused(c echo.Context, err error) {
	var p *problem
	if !errors.As(err, &p) || p.code != guessingBlocked {
		return
	}
	address := hex.EncodeToString(peer(c))
	t.once(c.Request().Context(), "guesses "+address, uuid.Nil, audit.Entry{
		Actor: "unknown", Role: "none", Act: audit.SignInRefused, Kind: audit.Address, Outcome: audit.Denied, Reason: "too_many_attempts",
	}, address)
}

// once records an entry about an object, of somebody or nobody, unless it was within the hour.
func (t *trail) once(ctx context.Context, key string, who uuid.UUID, e audit.Entry, object string) {
	if t == nil {
		return
	}
	if _, fresh := t.seen.SetIfAbsent(key, struct{}{}); !fresh {
		return
	}
	// Who hangs up is recorded all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trailPatience)
	defer cancel()
	if err := t.record(ctx, who, e, object); err != nil {
		t.seen.Invalidate(key)
		t.log.LogAttrs(ctx, slog.LevelError, "not recorded in the audit log", slog.String("act", string(e.Act)), slog.Any("error", err))
	}
}

func (t *trail) record(ctx context.Context, who uuid.UUID, e audit.Entry, object string) (err error) {
	if who != uuid.Nil {
		if e.Actor, err = t.audit.Person(ctx, who); err != nil {
			return err
		}
	}
	if e.Kind != audit.None {
		if e.Object, err = t.audit.Object(ctx, e.Kind, object); err != nil {
			return err
		}
	}
	_, err = t.audit.Record(ctx, e)
	return err
}
