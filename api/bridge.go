package api

import (
	"context"

	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/truthfilter"
)

// SearchResources implements [StrictServerInterface].
func (s *Server) SearchResources(ctx context.Context, r SearchResourcesRequestObject) (SearchResourcesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	q := *r.Body
	found, err := s.engine.SearchResources(ctx, bridge.SearchInput{
		Ref: interaction.Ref{Subject: subject}, Topic: q.Topic, Emotion: q.Emotion, Needs: q.Needs,
		Kinds: each(q.Kinds, as[bridge.Kind]), MaxMinutes: q.MaxMinutes, Limit: q.Limit, External: q.External,
	})
	if err != nil {
		return nil, withSafety(engineFailure("search resources", err), q.Topic, s.region)
	}
	return SearchResources200JSONResponse{
		Hits: each(found.Hits, toHit), Rejected: found.Rejected, Degraded: list(found.Degraded),
	}, nil
}

func toHit(h bridge.Hit) ResourceHit {
	hit := ResourceHit{Resource: toResource(h.Resource), Relevance: h.Relevance, Judgement: toJudgement(h.Judgement)}
	if p := h.Provenance; p != nil {
		hit.Provenance = &ResourceProvenance{Server: p.Server, Tool: p.Tool, Url: p.URL, FetchedAt: p.FetchedAt.UTC()}
	}
	return hit
}

func toResource(r bridge.Resource) Resource {
	return Resource{
		Id: r.ID, Kind: as[ResourceKind](r.Kind), Title: r.Title, Summary: r.Summary, Evidence: r.Evidence,
		Topics: list(r.Topics), Needs: list(r.Needs), Emotions: list(r.Emotions), Steps: list(r.Steps),
		Minutes: r.Minutes, Caution: r.Caution, Regions: list(r.Regions),
	}
}

func toJudgement(j truthfilter.Judgement) Judgement {
	facts := j.Facts
	if facts == "" { // judged before it was told
		facts = truthfilter.Unverified
	}
	return Judgement{
		Verdict: as[JudgementVerdict](j.Verdict), Score: j.Score, Layers: each(j.Layers, toLayer), Facts: as[JudgementFacts](facts),
		Framing: list(j.Framing), Confidence: j.Confidence, Policy: j.Policy, Adjusted: each(j.Adjusted, toAdjustment),
	}
}

func toLayer(l truthfilter.LayerScore) LayerScore {
	return LayerScore{Layer: as[FilterLayer](l.Layer), Score: l.Score, Confidence: l.Confidence, Reasons: each(l.Reasons, toReason)}
}

func toReason(r truthfilter.Reason) Reason {
	return Reason{Code: r.Code, Words: r.Words, Against: r.Against, Source: r.Source}
}

func toAdjustment(a truthfilter.Adjustment) Adjustment {
	return Adjustment{Layer: as[FilterLayer](a.Layer), By: a.By, Because: a.Because}
}
