package escalation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/quarantine"
	"meai/activities/mirror/crisis"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/notify"
	"meai/internal/postgres/queries"
)

// Activities are the steps of an escalation. Every exported method is an activity
// that can run twice without harm: a repeated notification has the same key.
type Activities struct {
	Store  *Store
	Ladder Ladder
	// Link begins the address of a case; its id follows.
	Link string
	// Ledger applies with [ApplyTold].
	Ledger audit.Committer
	// Begin starts the workflow of a case unless it runs or has ended well.
	Begin func(ctx context.Context, id uuid.UUID) error
	Log   *slog.Logger
}

// Start begins to tell people on call about a case that was just raised.
func (a *Activities) Start(ctx context.Context, in Ref) error {
	c, err := a.Store.read(ctx, in.ID)
	if err != nil || c.State != Open {
		return err
	}
	if len(a.Ladder.rounds()) == 1 && a.Ladder.rounds()[0].Targets == 0 {
		a.Log.WarnContext(ctx, "an escalation was raised, and there is nobody to be told", "id", in.ID.String())
	}
	return a.Begin(ctx, in.ID)
}

// Swept is what [Activities.Sweep] found.
type Swept struct {
	Open int `json:"open"`
}

// Sweep begins every open case that nobody is being told of: the interaction that
// raised it was ended before it came to that, as by an erasure, or somebody has ended
// the case's workflow.
func (a *Activities) Sweep(ctx context.Context, _ struct{}) (Swept, error) {
	var open []uuid.UUID
	err := a.Store.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		open, err = q.OpenEscalations(ctx)
		return err
	})
	if err != nil {
		return Swept{}, fmt.Errorf("look for open escalations: %w", err)
	}
	var failed []error
	for _, id := range open {
		failed = append(failed, a.Begin(ctx, id)) // one that fails keeps no other waiting
	}
	return Swept{Open: len(open)}, errors.Join(failed...)
}

// Load reads whether a case is still open, and how people are to be told.
func (a *Activities) Load(ctx context.Context, in Ref) (Plan, error) {
	c, err := a.Store.read(ctx, in.ID)
	return Plan{Open: c.State == Open, Rounds: a.Ladder.rounds()}, err
}

// NotifyInput is one place to be told in one round.
type NotifyInput struct {
	ID     uuid.UUID `json:"id"`
	Level  int       `json:"level"`
	Round  int       `json:"round"`
	Target int       `json:"target"`
}

// Notify tells one place about a case that is still open. A worker that ends between
// telling and recording tells it once more, with the same key. What was told before the
// database was restored is not told again, though the rows may have forgotten it; what
// comes after it in the ladder is.
func (a *Activities) Notify(ctx context.Context, in NotifyInput) error {
	if err := quarantine.Permit(ctx, a.Store.db); err != nil {
		return err
	}
	c, err := a.Store.read(ctx, in.ID)
	if err != nil || c.State != Open {
		return err
	}
	target := a.Ladder.target(in.Level, in.Target)
	if target == nil {
		return failure.New(failure.NotFound, "the configuration has no such place any more", nil)
	}
	if told, err := a.Store.toldBefore(ctx, in); err != nil || told {
		return err
	}
	sent := target.Notify(ctx, a.message(c, in))
	noted := a.note(ctx, in, target.Service(), sent)
	if sent == nil {
		a.remember(ctx, in)
	}
	return errors.Join(sent, noted)
}

// note records an attempt: each place of each round once as told, and once as failed.
func (a *Activities) note(ctx context.Context, in NotifyInput, service string, sent error) error {
	entry := audit.Entry{
		Actor: byService, Role: "system", Act: audit.EscalationNotified, Reason: service,
		Request: fmt.Sprintf("escalation/L%d/%d/%d", in.Level, in.Round, in.Target),
	}
	if sent != nil {
		entry.Outcome = audit.Failed
	}
	entry, err := a.Store.entry(ctx, in.ID, entry)
	if err != nil {
		return err
	}
	// What was sent is recorded even if the caller has no more time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if sent == nil {
			if err := q.NotedNotification(ctx, int16(in.Level), in.ID); err != nil {
				return err
			}
		}
		return audit.AppendOnce(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("record a notification of escalation %s: %w", in.ID, err)
	}
	return nil
}

// message says what happened and where to go on, and nothing of who it is about.
func (a *Activities) message(c Case, in NotifyInput) notify.Message {
	kinds := make([]string, len(c.Kinds))
	for i, kind := range c.Kinds {
		kinds[i] = strings.ReplaceAll(string(kind), "_", " ")
	}
	slices.Sort(kinds)
	title := fmt.Sprintf("MeAi: a person may be in danger (level %d)", in.Level)
	if slices.Contains(c.Kinds, crisis.ChildSexualContent) {
		title = fmt.Sprintf("MeAi: an answer with sexual content about minors was kept back (level %d)", in.Level)
	}
	if in.Round > 0 {
		title += fmt.Sprintf(", reminder %d", in.Round)
	}
	return notify.Message{
		Key: c.ID.String(), Title: title, Link: a.Link + c.ID.String(),
		Urgent: c.Severity != crisis.Implicit,
		Text: fmt.Sprintf("%s: severity %s, %s, raised %s, escalation %s. Acknowledge it to stop this.",
			title, c.Severity, strings.Join(kinds, ", "), c.CreatedAt.UTC().Format(time.RFC3339), c.ID),
	}
}

// Leave ends a case that nobody has acknowledged in all its time.
func (a *Activities) Leave(ctx context.Context, in Ref) error {
	entry, err := a.Store.entry(ctx, in.ID, audit.Entry{Actor: byService, Role: "system", Act: audit.EscalationUnanswered})
	if err != nil {
		return err
	}
	var left int64
	err = a.Store.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if left, err = q.LeaveEscalation(ctx, in.ID); err != nil || left == 0 {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("end escalation %s: %w", in.ID, err)
	}
	if left > 0 {
		a.Log.ErrorContext(ctx, "nobody has acknowledged an escalation", "id", in.ID.String())
	}
	return nil
}
