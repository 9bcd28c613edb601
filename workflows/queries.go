package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/bridge"
	"meai/activities/memory"
	"meai/activities/mirror"
)

// EmotionalAnalysis runs Mirror on a text outside an interaction.
func EmotionalAnalysis(ctx workflow.Context, in mirror.AnalyzeInput) (mirror.Analysis, error) {
	return analyze.run(ctx, in)
}

// MemoryQuery recalls memories outside an interaction.
func MemoryQuery(ctx workflow.Context, in memory.RecallInput) (memory.Recollection, error) {
	return recall.run(ctx, in)
}

// ResourceSearch searches the library outside an interaction.
func ResourceSearch(ctx workflow.Context, in bridge.SearchInput) (bridge.SearchResult, error) {
	return search.run(ctx, in)
}
