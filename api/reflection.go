package api

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
)

// ComposeReflectionPrompts implements [StrictServerInterface].
func (s *Server) ComposeReflectionPrompts(ctx context.Context, r ComposeReflectionPromptsRequestObject) (ComposeReflectionPromptsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, withSafety(err, r.Body.Text, s.region)
	}
	q := *r.Body
	if q.Text == "" && q.Emotion == "" {
		return nil, textProblem("is required when emotion is not given")
	}
	if help := safetyIn(crisis.Look(q.Text), s.region); help != nil {
		return instead(help), nil // at once: it needs no engine
	}
	made, err := s.engine.Reflect(ctx, mirror.ReflectInput{
		Ref: interaction.Ref{Subject: subject}, Text: q.Text, Emotion: string(q.Emotion), Needs: neededFor(q),
		Purpose: as[reflection.Purpose](cmp.Or(q.Purpose, ReflectionPurposeDeepen)), Tone: as[reflection.Tone](cmp.Or(q.Tone, ReflectionToneGentle)),
		Recent: q.Recent, Count: cmp.Or(q.Count, 1), Seed: reflection.Seed(uuid.New(), 0),
	})
	switch {
	case err != nil:
		return nil, withSafety(engineFailure("make reflection prompts", err), q.Text, s.region)
	case made.Crisis.NeedsSafeAnswer():
		return instead(safetyIn(made.Crisis, s.region)), nil
	case !made.Readable():
		return nil, foreign(made.Crisis, s.region)
	}
	return ComposeReflectionPrompts200JSONResponse{Prompts: each(made.Prompts, toReflectionPrompt), Degraded: list(made.Degraded)}, nil
}

func textProblem(reason string) error {
	return fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/text", Reason: reason})
}

// instead of prompts there is help.
func instead(help *Safety) ComposeReflectionPrompts200JSONResponse {
	return ComposeReflectionPrompts200JSONResponse{Prompts: []ReflectionPrompt{}, Degraded: []string{}, Safety: help}
}

// neededFor are the needs of the request, nil where they are to be read from the text.
func neededFor(q ReflectionRequest) []mirror.Need {
	if q.Needs == nil {
		return nil
	}
	return each(q.Needs, func(n ReflectionNeed) mirror.Need { return mirror.Need{Name: string(n.Name), Lacking: n.Lacking} })
}

func toReflectionPrompt(p reflection.Prompt) ReflectionPrompt {
	out := ReflectionPrompt{
		Id: p.ID, Text: p.Text, Purpose: as[ReflectionPurpose](p.Purpose), Tone: as[ReflectionTone](p.Tone), Emotion: p.Emotion,
		ExpectedResponses: each(p.Expects, as[ReflectionPromptExpectedResponses]), FollowUps: list(p.FollowUps),
	}
	if p.Need != nil {
		out.Need = &ReflectionNeed{Name: as[ReflectionNeedName](p.Need.Name), Lacking: p.Need.Lacking}
	}
	return out
}
