package api

import (
	"context"

	"meai/activities/interaction"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
)

// AnalyzeEmotion implements [StrictServerInterface].
func (s *Server) AnalyzeEmotion(ctx context.Context, r AnalyzeEmotionRequestObject) (AnalyzeEmotionResponseObject, error) {
	analysis, err := s.analysed(ctx, r.Body.Text, "analyse a text")
	if err != nil {
		return nil, err
	}
	return AnalyzeEmotion200JSONResponse(toAnalysis(analysis)), nil
}

// DetectNeeds implements [StrictServerInterface].
func (s *Server) DetectNeeds(ctx context.Context, r DetectNeedsRequestObject) (DetectNeedsResponseObject, error) {
	analysis, err := s.analysed(ctx, r.Body.Text, "look for needs")
	if err != nil {
		return nil, err
	}
	return DetectNeeds200JSONResponse{Needs: each(analysis.Needs, toNeed), Language: analysis.Language, Degraded: list(analysis.Degraded)}, nil
}

// analysed has Mirror read a caller's text, which has to be in a language that it reads.
func (s *Server) analysed(ctx context.Context, text, purpose string) (mirror.Analysis, error) {
	subject, err := caller(ctx)
	if err != nil {
		return mirror.Analysis{}, withSafety(err, text, s.region)
	}
	analysis, err := s.engine.Analyze(ctx, mirror.AnalyzeInput{Ref: interaction.Ref{Subject: subject}, Text: text})
	switch {
	case err != nil:
		return mirror.Analysis{}, withSafety(engineFailure(purpose, err), text, s.region)
	case !analysis.Readable():
		return mirror.Analysis{}, foreign(analysis.Crisis, s.region)
	default:
		return analysis, nil
	}
}

// CheckCrisis implements [StrictServerInterface]. It answers by the rules alone when
// Mirror cannot be asked.
func (s *Server) CheckCrisis(ctx context.Context, r CheckCrisisRequestObject) (CheckCrisisResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, withSafety(err, r.Body.Text, s.region)
	}
	analysis, err := s.engine.Analyze(ctx, mirror.AnalyzeInput{Ref: interaction.Ref{Subject: subject}, Text: r.Body.Text})
	found, degraded := analysis.Crisis, list(analysis.Degraded)
	if err != nil {
		found, degraded = crisis.Assess(r.Body.Text), []string{"model_unavailable"}
	}
	return CheckCrisis200JSONResponse{Crisis: toCrisis(found), Safety: safetyIn(found, s.region), Degraded: degraded}, nil
}

// foreign is the problem of a text in another language, with help if it shows danger
// nevertheless.
func foreign(danger crisis.Assessment, region string) error {
	p := fieldProblem(unsupportedLanguage, FieldError{In: FieldErrorInBody, Pointer: "/text", Reason: "must be in English"})
	p.safety = safetyIn(danger, region)
	return p
}

func toAnalysis(a mirror.Analysis) Analysis {
	return Analysis{
		Kind: as[AnalysisKind](a.Kind), PrimaryEmotion: a.Primary, Intensity: a.Intensity, Confidence: a.Confidence,
		SecondaryEmotions: toEmotions(a.Secondary),
		Evidence:          each(a.Evidence, func(e mirror.Evidence) Evidence { return Evidence{Label: e.Label, Start: e.Start, End: e.End} }),
		Sentences: each(a.Sentences, func(s mirror.Sentence) SentenceReading {
			return SentenceReading{Start: s.Start, End: s.End, Emotions: toEmotions(s.Emotions)}
		}),
		Basic: BasicEmotions{
			Emotions: toEmotions(a.Basic.Emotions), Ekman: toEmotions(a.Basic.Ekman), Sentiments: toEmotions(a.Basic.Sentiments),
		},
		Valence:             a.Valence,
		Needs:               each(a.Needs, toNeed),
		SuggestedApproaches: list(a.Approaches),
		Crisis:              toCrisis(a.Crisis),
		Language:            a.Language,
		Degraded:            list(a.Degraded),
		ProcessingMs:        a.Milliseconds,
	}
}

func toEmotions(all []mirror.Emotion) []Emotion {
	return each(all, func(e mirror.Emotion) Emotion { return Emotion(e) })
}

func toNeed(n mirror.Need) Need {
	return Need{
		Name: as[NeedName](n.Name), Lacking: n.Lacking, Score: n.Score,
		Evidence: each(n.Evidence, func(s mirror.Span) Evidence { return Evidence{Label: n.Name, Start: s.Start, End: s.End} }),
	}
}
