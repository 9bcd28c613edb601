package api

import (
	"context"
	"fmt"
	"time"

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
	if q.Topic == "" && q.Emotion == "" && len(q.Needs)+len(q.Formats)+len(q.Kinds) == 0 {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/topic", Reason: "is required when emotion, needs, formats and kinds are not given"})
	}
	found, err := s.engine.SearchResources(ctx, bridge.SearchInput{
		Ref: interaction.Ref{Subject: subject}, Topic: q.Topic, Emotion: q.Emotion, Needs: q.Needs,
		Kinds: each(q.Kinds, as[bridge.Kind]), Formats: each(q.Formats, as[bridge.Format]), Complexities: each(q.Complexities, as[bridge.Complexity]),
		Region: q.Region, MaxMinutes: q.MaxMinutes, Limit: q.Limit, External: q.External,
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
		Format: as[ResourceFormat](r.Format), Complexity: as[ResourceComplexity](r.Complexity), Source: r.Source, Licence: r.Licence, Reviewed: r.Reviewed,
	}
}

// Resources shows single resources; [bridge.Catalogue] is the real one.
type Resources interface {
	Resource(id string) (bridge.Resource, error)
	Describe(ctx context.Context, id string) (bridge.Described, error)
}

// GetResource implements [StrictServerInterface].
func (s *Server) GetResource(ctx context.Context, r GetResourceRequestObject) (GetResourceResponseObject, error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	if orZero(r.Params.Detail) == GetResourceParamsDetailFull {
		described, err := s.resources.Describe(ctx, r.ResourceId)
		if err != nil {
			return nil, fmt.Errorf("read a resource: %w", err)
		}
		return GetResource200JSONResponse(toFull(described)), nil
	}
	found, err := s.resources.Resource(r.ResourceId)
	if err != nil {
		return nil, fmt.Errorf("read a resource: %w", err)
	}
	if orZero(r.Params.Detail) == GetResourceParamsDetailBrief {
		return GetResource200JSONResponse(toBriefDetail(found)), nil
	}
	return GetResource200JSONResponse(toStandard(found)), nil
}

func toBrief(r bridge.Resource) ResourceBrief {
	return ResourceBrief{
		Id: r.ID, Kind: as[ResourceKind](r.Kind), Title: r.Title, Summary: r.Summary, Minutes: r.Minutes,
		Format: as[ResourceFormat](r.Format), Complexity: as[ResourceComplexity](r.Complexity),
	}
}

func toBriefDetail(r bridge.Resource) ResourceDetail {
	b := toBrief(r)
	return ResourceDetail{Id: b.Id, Kind: b.Kind, Title: b.Title, Summary: b.Summary, Minutes: b.Minutes, Format: b.Format, Complexity: b.Complexity}
}

func toStandard(r bridge.Resource) ResourceDetail {
	d := toBriefDetail(r)
	d.Steps, d.Caution, d.Topics, d.Needs, d.Emotions, d.Regions = r.Steps, r.Caution, r.Topics, r.Needs, r.Emotions, r.Regions
	return d
}

func toFull(described bridge.Described) ResourceDetail {
	d, r := toStandard(described.Resource), described.Resource
	d.Evidence, d.Source, d.Licence, d.Reviewed = r.Evidence, r.Source, r.Licence, r.Reviewed
	d.ReviewDue, d.Withheld, d.Degraded = described.Due.Format(time.DateOnly), described.Withheld, described.Degraded
	d.Related = each(described.Related, toBrief)
	if l := described.Link; l != nil {
		d.Link = ResourceLink{State: ResourceLinkState(l.State), Since: l.Since.UTC(), CheckedAt: l.Checked.UTC(), InARow: l.InARow}
	}
	return d
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
