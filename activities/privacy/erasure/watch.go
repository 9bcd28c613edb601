package erasure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/internal/notify"
)

// Deadline is a time by which an erasure should be done, or a warning before it.
type Deadline struct {
	// Kind is "promise_near", "promise", "law_near" or "law"; "" for none.
	Kind string    `json:"kind,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

// warnings is how long before a deadline people are warned.
const (
	nearPromise = 24 * time.Hour
	nearLaw     = 7 * 24 * time.Hour
)

// deadlines of an erasure, in their order. What was promised counts from when nothing had
// to be waited for any more.
func deadlines(e Erasure, due time.Time) []Deadline {
	promise := e.CoolingUntil.Add(Promise)
	all := []Deadline{{"promise_near", promise.Add(-nearPromise)}, {"promise", promise}, {"law_near", due.Add(-nearLaw)}, {"law", due}}
	slices.SortStableFunc(all, func(a, b Deadline) int { return a.At.Compare(b.At) })
	return all
}

// WatchInput names the erasure, and the deadline whose time has come; "" begins.
type WatchInput struct {
	Ref
	Kind string `json:"kind,omitempty"`
}

// Watch tells people that an erasure has come to a deadline and is not done, and returns
// the next deadline, with no kind when there is none. The first call tells of the last one
// that has passed: nobody may have watched.
func (a *Activities) Watch(ctx context.Context, in WatchInput) (Deadline, error) {
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil || !e.EndedAt.IsZero() {
		return Deadline{}, err
	}
	due := e.Law.due(e.RequestedAt)
	if a.Due != nil {
		if due, err = a.Due(ctx, in.ID); err != nil {
			return Deadline{}, fmt.Errorf("look up when erasure %s is due: %w", in.ID, err)
		}
	}
	now := time.Now()
	var passed, next Deadline
	for _, d := range deadlines(e, due) {
		switch {
		case d.At.After(now):
			next = cmp.Or(next, d)
		case in.Kind == "" || in.Kind == d.Kind:
			passed = d
		}
	}
	// While the law forbids to erase, no promise is broken.
	if passed.Kind == "" || e.State == Held && strings.HasPrefix(passed.Kind, "promise") {
		return next, nil
	}
	return next, a.tell(ctx, e, passed)
}

func (a *Activities) tell(ctx context.Context, e Erasure, d Deadline) error {
	late := !strings.HasSuffix(d.Kind, "_near")
	a.Metrics.late(ctx, d.Kind)
	a.Log.WarnContext(ctx, "an erasure is not done", "id", e.ID.String(), "reason", d.Kind, "step", string(e.State), "until", d.At.UTC().Format(time.RFC3339))
	title := "MeAi: an erasure is close to its deadline"
	if late {
		title = "MeAi: an erasure is late"
	}
	m := notify.Message{
		Key: e.ID.String(), Title: title, Urgent: late,
		Text: fmt.Sprintf("%s: %s at %s, it is %s. `meai privacy erasure %s` shows how far it is.",
			title, strings.ReplaceAll(d.Kind, "_", " "), d.At.UTC().Format(time.RFC3339), e.State, e.ID),
	}
	var failed []error
	for _, target := range a.Notify {
		failed = append(failed, target.Notify(ctx, m))
	}
	return errors.Join(failed...)
}

// Metrics count erasures. A nil one counts nothing.
type Metrics struct {
	lateness metric.Int64Counter
	duration metric.Float64Histogram
}

// NewMetrics makes the instruments.
func NewMetrics(meters metric.MeterProvider) (*Metrics, error) {
	meter := meters.Meter("meai/activities/privacy/erasure")
	lateness, err := meter.Int64Counter("meai.erasure.deadlines", metric.WithDescription("Deadlines that erasures have come to without being done."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of deadlines: %w", err)
	}
	duration, err := meter.Float64Histogram("meai.erasure.duration", metric.WithUnit("s"),
		metric.WithDescription("How long erasures took from the end of their cooling-off to their certificate."),
		metric.WithExplicitBucketBoundaries(15, 30, 60, 120, 300, 900, 3600, 6*3600, 24*3600, 72*3600, 720*3600))
	if err != nil {
		return nil, fmt.Errorf("make the histogram of durations: %w", err)
	}
	return &Metrics{lateness, duration}, nil
}

func (m *Metrics) late(ctx context.Context, kind string) {
	if m != nil {
		m.lateness.Add(ctx, 1, metric.WithAttributes(attribute.String("deadline", kind)))
	}
}

func (m *Metrics) ended(ctx context.Context, took time.Duration) {
	if m != nil {
		m.duration.Record(ctx, took.Seconds())
	}
}

// Stay is something that is kept after an erasure.
type Stay struct {
	// What and Why are codes, such as "backups" and "expire_by_themselves".
	What, Why string
	// For is how long, in seconds as a duration; zero for as long as the law asks.
	For time.Duration
}

// Preview is what an erasure would take, and what it would leave.
type Preview struct {
	Counts map[string]int64
	Stays  []Stay
	// CoolingOff is how long it would wait.
	CoolingOff time.Duration
}

// Preview counts what an erasure would take. Nothing happens.
func (s *Store) Preview(ctx context.Context, subject uuid.UUID) (Preview, error) {
	all, err := s.places(ctx)
	if err != nil {
		return Preview{}, fmt.Errorf("preview an erasure: %w", err)
	}
	counts, err := countAll(ctx, all, subject, func() {})
	if err != nil {
		return Preview{}, fmt.Errorf("preview an erasure: %w", err)
	}
	return Preview{Counts: counts, Stays: s.Retained.stays(), CoolingOff: s.CoolingOff}, nil
}

const year = 365 * 24 * time.Hour

// stays is what is kept: nothing of it names the person, or can be read once their keys
// are destroyed.
func (r Retained) stays() []Stay {
	all := []Stay{
		{"application_logs", "opaque_ids_that_expire", r.Logs},
		{"audit_log", "accountability_under_a_pseudonym", year},
		{"ledger", "keeps_restores_from_undoing_the_erasure", 0},
		{"register_of_requests", "accountability_under_a_pseudonym", 0},
		{"certificates", "proof_for_the_person", 0},
	}
	if r.Backups > 0 {
		all = append(all, Stay{"backups", "unreadable_without_the_keys_until_they_expire", r.Backups})
	}
	return all
}
