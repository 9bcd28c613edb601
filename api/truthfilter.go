package api

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
)

// FeedbackStore keeps what people say of what they were given; [feedback.Store] is the real one.
type FeedbackStore interface {
	Rate(ctx context.Context, subject uuid.UUID, about feedback.Thing, rating truthfilter.Rating) (time.Time, error)
	Policy(ctx context.Context, subject uuid.UUID) (truthfilter.Policy, error)
	Reset(ctx context.Context, subject uuid.UUID) error
	Triggers(ctx context.Context, subject uuid.UUID) ([]string, error)
	SetTriggers(ctx context.Context, subject uuid.UUID, triggers []string) error
}

// AssessText implements [StrictServerInterface].
func (s *Server) AssessText(ctx context.Context, r AssessTextRequestObject) (AssessTextResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, withSafety(err, r.Body.About, s.region)
	}
	q := *r.Body
	in := truthfilter.AssessInput{
		Ref: interaction.Ref{Subject: subject}, Text: q.Text, About: q.About, Emotion: string(q.Emotion), Needs: words(q.Needs),
		Kind: as[truthfilter.TextKind](cmp.Or(q.Kind, AssessmentRequestKindText)),
	}
	found, err := s.engine.Assess(ctx, in)
	switch {
	case err != nil:
		return nil, withSafety(engineFailure("assess a text", err), q.About, s.region)
	case found.Foreign:
		return nil, foreign(crisis.Assess(q.About), s.region)
	}
	out := AssessText200JSONResponse{Judgement: toJudgement(found.Judgement), Degraded: list(found.Degraded), Safety: safetyFor(q.About, s.region)}
	if found.Judgement.Verdict != truthfilter.Pass {
		out.Fallback = synthesis.FallbackAnswer(in.Analysis()).Text
	}
	return out, nil
}

// GiveFeedback implements [StrictServerInterface].
func (s *Server) GiveFeedback(ctx context.Context, r GiveFeedbackRequestObject) (GiveFeedbackResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	about := feedback.Thing{Interaction: r.Body.About.InteractionId, Resource: r.Body.About.ResourceId}
	at, err := s.feedback.Rate(ctx, subject, about, as[truthfilter.Rating](r.Body.Rating))
	if err != nil {
		return nil, fmt.Errorf("keep feedback: %w", err)
	}
	return GiveFeedback200JSONResponse{About: r.Body.About, Rating: r.Body.Rating, RatedAt: at}, nil
}

// GetAdjustments implements [StrictServerInterface].
func (s *Server) GetAdjustments(ctx context.Context, _ GetAdjustmentsRequestObject) (GetAdjustmentsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	policy, err := s.feedback.Policy(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read a person's policy: %w", err)
	}
	return GetAdjustments200JSONResponse{Policy: policy.Version, Adjusted: each(policy.Adjusted, toAdjustment)}, nil
}

// ResetAdjustments implements [StrictServerInterface].
func (s *Server) ResetAdjustments(ctx context.Context, _ ResetAdjustmentsRequestObject) (ResetAdjustmentsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.feedback.Reset(ctx, subject); err != nil {
		return nil, fmt.Errorf("take feedback back: %w", err)
	}
	return ResetAdjustments204Response{}, nil
}

// GetTriggers implements [StrictServerInterface].
func (s *Server) GetTriggers(ctx context.Context, _ GetTriggersRequestObject) (GetTriggersResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	triggers, err := s.feedback.Triggers(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read triggers: %w", err)
	}
	return GetTriggers200JSONResponse{Triggers: list(triggers)}, nil
}

// SetTriggers implements [StrictServerInterface].
func (s *Server) SetTriggers(ctx context.Context, r SetTriggersRequestObject) (SetTriggersResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	var faults []FieldError
	for i, trigger := range r.Body.Triggers {
		if !truthfilter.CanTrigger(trigger) {
			faults = append(faults, FieldError{
				In: FieldErrorInBody, Pointer: pointer("triggers", strconv.Itoa(i)), Reason: "there is no word in it by which it could be recognised",
			})
		}
	}
	if len(faults) > 0 {
		return nil, fieldProblem(invalidRequest, faults...)
	}
	if err := s.feedback.SetTriggers(ctx, subject, r.Body.Triggers); err != nil {
		return nil, engineFailure("keep triggers", err)
	}
	return SetTriggers200JSONResponse(*r.Body), nil
}
