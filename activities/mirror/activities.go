package mirror

import (
	"context"

	"meai/activities/interaction"
)

// Activities is Mirror as a worker runs it.
type Activities struct {
	Analyzer *Analyzer
	Steps    *interaction.Recorder
}

// Analyze reads a person's words. It always succeeds; what could not be used is
// named in the analysis.
func (a *Activities) Analyze(ctx context.Context, in AnalyzeInput) (Analysis, error) {
	a.Steps.Begin(in.Ref, interaction.EmotionalAnalysis)
	return a.Analyzer.Analyze(ctx, in.Text), nil
}
