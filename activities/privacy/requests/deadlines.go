package requests

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/quarantine"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/notify"
	"meai/internal/postgres/queries"
)

// TimeLimit is what sets a time limit.
type TimeLimit string

// The time limits: to tell the person that a request has arrived, MeAi's own promise, and the
// law's time to meet it.
const (
	ToConfirm TimeLimit = "confirm"
	Promise   TimeLimit = "promise"
	ByLaw     TimeLimit = "law"
)

// near is how long before its end a time limit comes to level 1 and to level 2; it comes to
// level 3 with its end.
var near = map[TimeLimit][2]time.Duration{
	ToConfirm: {3 * 24 * time.Hour, 24 * time.Hour},
	Promise:   {promiseSoon, 6 * time.Hour},
	ByLaw:     {lawSoon, 2 * 24 * time.Hour},
}

// mostWarnings bounds what one run tells; the next one goes on.
const mostWarnings = 200

// Warning is a time limit that is near or over, to be told in one place.
type Warning struct {
	Request uuid.UUID `json:"request"`
	Limit   TimeLimit `json:"limit"`
	EndsAt  time.Time `json:"ends_at"`
	// Level is 1, 2, or 3 for a time that is over.
	Level int `json:"level"`
	// Place is 0 for the log, else one of those that are configured.
	Place int `json:"place"`
}

// Watched is what [Activities.WatchDeadlines] found.
type Watched struct {
	// Overdue counts open requests whose time is over.
	Overdue  int       `json:"overdue"`
	Warnings []Warning `json:"warnings,omitempty"`
}

// WatchDeadlines looks for time limits that are near or over and have not been told, each at
// the highest level that it has come to, and brings the metrics up to date.
func (a *Activities) WatchDeadlines(ctx context.Context, _ struct{}) (Watched, error) {
	now := a.Store.now().UTC()
	var found Watched
	err := a.Store.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		counts, err := q.CountRequests(ctx, now, now.Add(lawSoon), now.Add(promiseSoon))
		if err != nil {
			return err
		}
		for _, c := range counts {
			if Standing(c.Standing) == Overdue {
				found.Overdue += int(c.Requests)
			}
		}
		a.Gauges.show(counts)
		for after := (queries.PrivacyRequest{}); len(found.Warnings) < mostWarnings; {
			rows, err := q.RequestsToWatch(ctx, queries.RequestsToWatchParams{Soon: now.Add(lawSoon), AfterDue: after.DueAt, AfterID: after.ID, Page: watchPage})
			if err != nil || len(rows) == 0 {
				return err
			}
			fresh, err := a.untold(ctx, q, rows, now)
			if err != nil {
				return err
			}
			found.Warnings, after = append(found.Warnings, fresh...), rows[len(rows)-1]
		}
		return nil
	})
	if err != nil {
		return Watched{}, fmt.Errorf("watch time limits: %w", err)
	}
	found.Warnings = found.Warnings[:min(mostWarnings, len(found.Warnings))]
	return found, nil
}

// watchPage is how many requests are looked at together.
const watchPage = 200

// untold are the warnings about some requests that were not told yet.
func (a *Activities) untold(ctx context.Context, q *queries.Queries, rows []queries.PrivacyRequest, now time.Time) ([]Warning, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	noted, err := q.WarningsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	told := map[Warning]bool{}
	for _, n := range noted {
		told[Warning{Request: n.RequestID, Limit: TimeLimit(n.TimeLimit), EndsAt: n.EndsAt.UTC(), Level: int(n.Level), Place: int(n.Place)}] = true
	}
	var fresh []Warning
	for _, row := range rows {
		for _, w := range requestOf(row).warnings(now) {
			for w.Place = range len(a.Places) + 1 {
				if !told[w] {
					fresh = append(fresh, w)
				}
			}
		}
	}
	return fresh, nil
}

// warnings are the levels that an open request's time limits have come to.
func (r Request) warnings(now time.Time) []Warning {
	var list []Warning
	for _, limit := range []TimeLimit{ToConfirm, Promise, ByLaw} {
		end := r.endOf(limit)
		if end.IsZero() {
			continue
		}
		level := 0
		for n, before := range []time.Duration{near[limit][0], near[limit][1], 0} {
			if !now.Before(end.Add(-before)) {
				level = n + 1
			}
		}
		if level > 0 {
			list = append(list, Warning{Request: r.ID, Limit: limit, EndsAt: end, Level: level})
		}
	}
	return list
}

// endOf is the end of a time limit that a request still has; zero for none.
func (r Request) endOf(limit TimeLimit) time.Time {
	switch {
	case r.State != Open:
		return time.Time{}
	case limit == ToConfirm && !r.ConfirmedAt.IsZero():
		return time.Time{}
	case limit == ToConfirm:
		return r.ConfirmBy
	case limit == Promise:
		return r.PromisedAt
	default:
		return r.DueAt
	}
}

// Warn tells one place about a time limit that is still to be met. A worker that ends between
// telling and recording tells it once more, with the same key.
func (a *Activities) Warn(ctx context.Context, w Warning) error {
	if err := quarantine.Permit(ctx, a.Store.db); err != nil {
		return err
	}
	r, err := a.Store.Request(ctx, w.Request)
	if err != nil || !r.endOf(w.Limit).Equal(w.EndsAt) {
		return err // it was met or extended meanwhile
	}
	if told, err := a.told(ctx, w); err != nil || told {
		return err
	}
	service := "log"
	if w.Place == 0 {
		a.Log.Log(ctx, severity(w.Level), "a time limit of a request for a right", "id", r.ID.String(), "reason", string(w.Limit), "until", w.EndsAt.Format(time.RFC3339))
	} else {
		if w.Place > len(a.Places) {
			return failure.New(failure.NotFound, "the configuration has no such place any more", nil)
		}
		service = a.Places[w.Place-1].Service()
		if err := a.Places[w.Place-1].Notify(ctx, a.message(r, w)); err != nil {
			return err
		}
	}
	return a.note(ctx, w, service)
}

func severity(level int) slog.Level {
	if level == 3 {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func (a *Activities) told(ctx context.Context, w Warning) (told bool, err error) {
	err = a.Store.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.WarningsOf(ctx, []uuid.UUID{w.Request})
		for _, n := range rows {
			told = told || TimeLimit(n.TimeLimit) == w.Limit && n.EndsAt.Equal(w.EndsAt) && int(n.Level) == w.Level && int(n.Place) == w.Place
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look whether a time limit was told: %w", err)
	}
	return told, nil
}

// note records that a place was told.
func (a *Activities) note(ctx context.Context, w Warning, service string) error {
	entry, err := a.Store.entry(ctx, w.Request, audit.Entry{
		Actor: "privacy", Role: system, Act: audit.RequestWarned, Reason: service,
		Request: fmt.Sprintf("%s/%s/L%d/%d", w.Limit, w.EndsAt.Format("20060102T150405Z"), w.Level, w.Place),
	})
	if err != nil {
		return err
	}
	// What was sent is recorded even if the caller has no more time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if err := q.NoteWarning(ctx, queries.NoteWarningParams{
			RequestID: w.Request, TimeLimit: string(w.Limit), EndsAt: w.EndsAt, Level: int16(w.Level), Place: int16(w.Place),
		}); err != nil {
			return err
		}
		return audit.AppendOnce(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("record a warning of request %s: %w", w.Request, err)
	}
	return nil
}

// message says which request it is and until when, and nothing of who asked.
func (a *Activities) message(r Request, w Warning) notify.Message {
	what := map[TimeLimit]string{
		ToConfirm: "to tell the person that it has arrived", Promise: "that is promised for it", ByLaw: "that the law gives for it",
	}[w.Limit]
	state := "ends soon"
	if w.Level == 3 {
		state = "is over"
	}
	title := fmt.Sprintf("MeAi: the time of a request (%s) %s (level %d)", strings.ReplaceAll(string(r.Kind), "_", " "), state, w.Level)
	return notify.Message{
		Key: r.ID.String(), Title: title, Link: a.Link, Urgent: w.Level == 3,
		Text: fmt.Sprintf("%s: the time %s ends %s. Received %s under the %s, request %s.", title, what,
			w.EndsAt.Format(time.RFC3339), r.ReceivedAt.Format(time.RFC3339), strings.ToUpper(string(r.Law)), r.ID),
	}
}
