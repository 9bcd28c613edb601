package api

import (
	"context"

	"meai/activities/memory"
)

// ListPatterns implements [StrictServerInterface].
func (s *Server) ListPatterns(ctx context.Context, _ ListPatternsRequestObject) (ListPatternsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.graph.Patterns(ctx, subject)
	if err != nil && !nobodyYet(err) {
		return nil, engineFailure("list patterns", err)
	}
	return ListPatterns200JSONResponse{Echoes: each(found.Echoes, toEcho), Storylines: each(found.Storylines, toStoryline)}, nil
}

// ConsolidateMemory implements [StrictServerInterface].
func (s *Server) ConsolidateMemory(ctx context.Context, _ ConsolidateMemoryRequestObject) (ConsolidateMemoryResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.engine.Consolidate(ctx, subject); err != nil {
		return nil, engineFailure("start a consolidation", err)
	}
	return ConsolidateMemory202Response{}, nil
}

func toEcho(e memory.FoundEcho) MemoryEcho {
	return MemoryEcho{
		Id: e.ID, Kind: as[MemoryEchoKind](e.Kind), Text: e.Text, Emotion: e.Emotion, EntityId: e.Entity, When: e.When, Frequency: e.Frequency,
		Times: e.Times, Occasions: e.Occasions, P: e.P, Confidence: e.Confidence, Strength: e.Strength,
		First: e.First.UTC(), Last: e.Last.UTC(), FoundAt: e.FoundAt.UTC(), Evidence: list(e.Evidence),
	}
}

func toStoryline(l memory.FoundStoryline) MemoryStoryline {
	return MemoryStoryline{
		Id: l.ID, Title: l.Title, Text: l.Text, Trend: as[MemoryStorylineTrend](l.Trend), Strength: l.Strength, From: l.From.UTC(), To: l.To.UTC(),
		FoundAt: l.FoundAt.UTC(), Evidence: list(l.Evidence), Echoes: list(l.Echoes),
	}
}
