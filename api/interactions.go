package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"meai/activities/interaction"
	"meai/activities/synthesis"
	"meai/workflows"
)

const (
	// acceptTimeout bounds the wait for a database that does not answer: a problem
	// that carries help must reach a person in danger while they wait for it.
	acceptTimeout = 5 * time.Second
	// settleTimeout bounds what has to be finished for an accepted message even if
	// its client has gone.
	settleTimeout = 10 * time.Second
	// dangerWait is the longest wait for an answer to somebody in danger, whom the
	// help in a 202 reaches at once.
	dangerWait = 5 * time.Second
)

// CreateInteraction implements [StrictServerInterface]. A row first reserves the
// key and the id; it holds no words. They become durable with the workflow's
// start, whose arguments carry them: only then is the message accepted, and it
// will be answered.
func (s *Server) CreateInteraction(ctx context.Context, r CreateInteractionRequestObject) (CreateInteractionResponseObject, error) {
	words := r.Body.Input.Text
	reply, err := s.accept(ctx, r)
	if err != nil {
		return nil, withSafety(err, words, s.regionOf(fromContext(r.Body.Context)))
	}
	return reply.response(s.toInteraction(reply.record)), nil
}

// reply is how far a message got within its request.
type reply struct {
	record   synthesis.Record
	replayed bool
	waited   time.Duration
}

func (s *Server) accept(ctx context.Context, r CreateInteractionRequestObject) (reply, error) {
	subject, err := caller(ctx)
	if err != nil {
		return reply{}, err
	}
	if strings.TrimSpace(r.Body.Input.Text) == "" {
		return reply{}, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/input/text", Reason: "must say something"})
	}
	said := *r.Body
	if said.Context != nil && *said.Context == (InteractionContext{}) {
		said.Context = nil // says as much as none
	}
	body, err := canonical(said)
	if err != nil {
		return reply{}, err
	}
	rec, fresh, err := s.reserve(ctx, synthesis.Acceptance{
		Subject: subject, Session: r.SessionId, IdempotencyKey: r.Params.IdempotencyKey, Body: body,
		Previous: fromContext(r.Body.Context).Previous,
	})
	if err != nil {
		return reply{}, err
	}
	// The body is the one that was stored, or Accept had refused it.
	rec.Words, rec.Context = r.Body.Input.Text, fromContext(r.Body.Context)
	out := reply{record: rec, replayed: !fresh, waited: preferredWait(r.Params.Prefer)}
	if out.waited > dangerWait && safetyFor(rec.Words, s.region) != nil {
		out.waited = dangerWait
	}
	if rec.State != interaction.Answered {
		out.record, err = s.start(ctx, rec, out.waited)
	}
	return out, err
}

// reserve makes the row of the interaction, or finds it.
func (s *Server) reserve(ctx context.Context, a synthesis.Acceptance) (synthesis.Record, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	rec, fresh, err := s.store.Accept(ctx, a)
	if errors.Is(err, synthesis.ErrNoPrevious) {
		return rec, false, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/context/previous_interaction", Reason: "names no interaction"})
	}
	if err != nil {
		return rec, false, fmt.Errorf("accept an interaction: %w", err)
	}
	return rec, fresh, nil
}

// start makes an accepted message durable, perhaps not for the first time, and
// waits for its answer as long as the caller prefers. The record that it returns
// is the newest one.
func (s *Server) start(ctx context.Context, rec synthesis.Record, wait time.Duration) (synthesis.Record, error) {
	in := workflows.InteractionInput{Ref: rec.Ref, Words: rec.Words, Context: rec.Context, Region: s.regionOf(rec.Context), AcceptedAt: rec.AcceptedAt}
	if s.without != nil {
		in.Without = s.without(ctx)
	}
	answered, err := s.startOrWait(ctx, in, rec.State, wait)
	if err != nil {
		// Not accepted: the words are nowhere yet. The same key sends them again.
		return rec, fmt.Errorf("start an interaction: %w", err)
	}
	if rec.State == interaction.Received && !answered { // the answer's own transaction notes it as well
		s.confirm(ctx, rec.Ref)
	}
	rec.State = interaction.Accepted
	if wait == 0 {
		return rec, nil
	}
	newest, err := s.store.Interaction(ctx, rec.Ref.Subject, rec.Ref.Session, rec.Ref.Interaction)
	if err != nil {
		// It is accepted all the same; the client reads it later.
		s.log.LogAttrs(ctx, slog.LevelWarn, "answer not read back", slog.Any("error", err))
		return rec, nil
	}
	if newest.State != interaction.Answered { // the row holds no words yet
		newest.State, newest.Words, newest.Context = interaction.Accepted, rec.Words, rec.Context
	}
	return newest, nil
}

func (s *Server) startOrWait(ctx context.Context, in workflows.InteractionInput, state interaction.State, wait time.Duration) (answered bool, err error) {
	if wait > 0 {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.draining, cancel)()
		answered, err = s.engine.StartInteractionAndWait(ctx, in, wait)
		if err != nil && state == interaction.Accepted {
			// Its start was durable before; only the waiting failed.
			s.log.LogAttrs(ctx, slog.LevelWarn, "waiting for an answer failed", slog.Any("error", err))
			return false, nil
		}
		return answered, err
	}
	if state == interaction.Accepted {
		return false, nil
	}
	// A client that hangs up now must not leave a message behind that never starts.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return false, s.engine.StartInteraction(ctx, in)
}

// confirm notes that the start is durable. Without the note the message is
// answered all the same, so its failure is no failure of the request.
func (s *Server) confirm(ctx context.Context, ref interaction.Ref) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := s.store.Confirm(ctx, ref); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "acceptance not confirmed",
			slog.String("interaction", ref.Interaction.String()), slog.Any("error", err))
	}
}

// response is 201 for a new answer, 200 for a repeated one and 202 for none yet.
func (r reply) response(body Interaction) CreateInteractionResponseObject {
	location, replayed, applied := body.Links.Self, r.replayedHeader(), r.appliedHeader()
	switch {
	case r.record.State != interaction.Answered:
		return CreateInteraction202JSONResponse{Body: body, Headers: CreateInteraction202ResponseHeaders{
			Location: location, IdempotencyReplayed: replayed, PreferenceApplied: applied, RetryAfter: retrySeconds}}
	case r.replayed:
		return CreateInteraction200JSONResponse{Body: body, Headers: CreateInteraction200ResponseHeaders{
			Location: location, IdempotencyReplayed: replayed, PreferenceApplied: applied}}
	default:
		return CreateInteraction201JSONResponse{Body: body, Headers: CreateInteraction201ResponseHeaders{
			Location: location, PreferenceApplied: applied}}
	}
}

func (r reply) replayedHeader() *string {
	if !r.replayed {
		return nil
	}
	value := "true"
	return &value
}

func (r reply) appliedHeader() *string {
	if r.waited == 0 {
		return nil
	}
	value := "wait=" + strconv.Itoa(int(r.waited.Seconds()))
	return &value
}
