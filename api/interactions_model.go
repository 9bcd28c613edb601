package api

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
)

func (s *Server) toInteraction(rec synthesis.Record) Interaction {
	out := Interaction{
		Id: rec.Ref.Interaction, SessionId: rec.Ref.Session, State: as[InteractionState](rec.State),
		AcceptedAt: rec.AcceptedAt.UTC(), AnsweredAt: moment(rec.AnsweredAt),
		Context: toContext(rec.Context),
		Steps:   each(rec.Steps, toStep), Links: s.interactionLinks(rec.Ref),
	}
	if rec.Words != "" {
		out.Input = &InteractionInput{Text: rec.Words}
	}
	if rec.Answer == nil {
		out.Safety = safetyFor(rec.Words, s.regionOf(rec.Context))
		return out
	}
	response := toResponse(*rec.Answer)
	out.Response = &response
	return out
}

func (s *Server) toStatus(rec synthesis.Record) InteractionStatus {
	return InteractionStatus{
		Id: rec.Ref.Interaction, SessionId: rec.Ref.Session, State: as[InteractionState](rec.State),
		AcceptedAt: rec.AcceptedAt.UTC(), AnsweredAt: moment(rec.AnsweredAt),
		Steps: each(rec.Steps, toStep), Links: s.interactionLinks(rec.Ref),
	}
}

func (s *Server) interactionLinks(ref interaction.Ref) InteractionLinks {
	self := interactionLink(ref.Session, ref.Interaction)
	return InteractionLinks{
		Self: self, Session: sessionLink(ref.Session),
		Status: self + "/status", Response: self + "/response", Events: self + "/events",
		Workflow: s.workflow(ref.Workflow),
	}
}

func interactionLink(session, id uuid.UUID) string {
	return sessionLink(session) + "/interactions/" + id.String()
}

func toStep(r interaction.StepRecord) Step {
	return Step{
		Step: as[StepStep](r.Step), State: as[StepState](r.State),
		StartedAt: r.StartedAt.UTC(), CompletedAt: moment(r.CompletedAt), Reason: r.Reason,
	}
}

func toContext(c interaction.Context) *InteractionContext {
	out := InteractionContext{
		Country: c.Country, Place: c.Place, TimeOfDay: InteractionContextTimeOfDay(c.TimeOfDay), PreviousInteraction: orZero(c.Previous),
	}
	if out == (InteractionContext{}) {
		return nil
	}
	return &out
}

func fromContext(c *InteractionContext) interaction.Context {
	if c == nil {
		return interaction.Context{}
	}
	out := interaction.Context{Country: c.Country, Place: c.Place, TimeOfDay: string(c.TimeOfDay)}
	if c.PreviousInteraction != uuid.Nil {
		out.Previous = &c.PreviousInteraction
	}
	return out
}

// canonical is the request in one fixed spelling, so that another order of fields
// or other white space is still the same body.
func canonical(body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return encoded, nil
}

func toResponse(a synthesis.Answer) Response {
	out := Response{
		Source: as[ResponseSource](a.Source), Text: a.Text, FollowUp: a.FollowUp,
		Components: each(a.Components, toComponent),
		Memories:   each(a.Memories, toMemoryUse),
		Resources:  each(a.Resources, toResourceUse),
		Degraded:   list(a.Degraded),
	}
	if a.Analysis != nil {
		analysis := toAnalysis(*a.Analysis)
		out.EmotionalAnalysis = &analysis
	}
	if a.Review != nil {
		review := toJudgement(*a.Review)
		out.Review = &review
	}
	if a.Crisis != nil {
		danger := toCrisis(*a.Crisis)
		out.Crisis = &danger
	}
	return out
}

func toComponent(c synthesis.Component) ResponseComponent {
	return ResponseComponent{Text: c.Text, Tone: c.Tone, Purpose: c.Purpose}
}

func toMemoryUse(m synthesis.MemoryUse) MemoryUse {
	return MemoryUse{Id: m.ID, Kind: as[MemoryKind](m.Kind), SaidAt: m.SaidAt.UTC(), Text: m.Text, Score: m.Score}
}

func toResourceUse(r synthesis.ResourceUse) ResourceUse {
	return ResourceUse{Id: r.ID, Kind: as[ResourceKind](r.Kind), Title: r.Title, Relevance: r.Relevance, Score: r.Score}
}

func toCrisis(a crisis.Assessment) Crisis {
	return Crisis{Severity: as[CrisisSeverity](a.Severity), Kinds: each(a.Kinds, as[CrisisKind]), Rules: list(a.Rules)}
}
