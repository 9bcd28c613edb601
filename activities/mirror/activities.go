package mirror

import (
	"context"
	"time"

	"meai/activities/interaction"
)

// Activities is Mirror as a worker runs it.
type Activities struct {
	Analyzer *Analyzer
	Steps    *interaction.Recorder
	// Second is asked when the analyzer is not sure; nil when nobody is.
	Second SecondOpinion
}

// Analyze reads a person's words. It always succeeds; what could not be used is
// named in the analysis.
func (a *Activities) Analyze(ctx context.Context, in AnalyzeInput) (Analysis, error) {
	a.Steps.Begin(in.Ref, interaction.EmotionalAnalysis)
	begun := time.Now()
	analysis := a.Analyzer.Analyze(ctx, in.Text)
	a.consult(ctx, in.Text, &analysis)
	done := time.Now()
	record := interaction.StepRecord{Step: interaction.EmotionalAnalysis, State: interaction.Completed, StartedAt: begun, CompletedAt: &done}
	if len(analysis.Degraded) > 0 {
		record.State, record.Reason = interaction.Degraded, analysis.Degraded[0]
	}
	a.Steps.End(in.Ref, record)
	return analysis, nil
}
