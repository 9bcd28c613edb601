package api

import (
	"context"

	"meai/activities/interaction"
	"meai/activities/mirror"
)

// AnalyzeEmotion implements [StrictServerInterface].
func (s *Server) AnalyzeEmotion(ctx context.Context, r AnalyzeEmotionRequestObject) (AnalyzeEmotionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, withSafety(err, r.Body.Text)
	}
	analysis, err := s.engine.Analyze(ctx, mirror.AnalyzeInput{Ref: interaction.Ref{Subject: subject}, Text: r.Body.Text})
	if err != nil {
		return nil, withSafety(engineFailure("analyse a text", err), r.Body.Text)
	}
	return AnalyzeEmotion200JSONResponse(toAnalysis(analysis)), nil
}

func toAnalysis(a mirror.Analysis) Analysis {
	return Analysis{
		Kind: as[AnalysisKind](a.Kind), PrimaryEmotion: a.Primary, Intensity: a.Intensity, Confidence: a.Confidence,
		SecondaryEmotions:   each(a.Secondary, func(e mirror.Emotion) Emotion { return Emotion(e) }),
		Valence:             a.Valence,
		Needs:               each(a.Needs, toNeed),
		SuggestedApproaches: list(a.Approaches),
		Crisis:              toCrisis(a.Crisis),
		Language:            a.Language,
		Degraded:            list(a.Degraded),
		ProcessingMs:        a.Milliseconds,
	}
}

func toNeed(n mirror.Need) Need { return Need{Name: n.Name, Lacking: n.Lacking} }
