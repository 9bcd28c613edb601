package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"meai/activities/bridge"
	"meai/activities/memory"
	"meai/activities/mirror"
)

// EmotionalAnalysis runs Mirror on a text outside an interaction.
func EmotionalAnalysis(ctx workflow.Context, in mirror.AnalyzeInput) (mirror.Analysis, error) {
	return analyze.run(ctx, in)
}

// mostEchoes are looked through for one that belongs to a text.
const mostEchoes = 3

// ReflectionPrompts makes prompts outside an interaction. What keeps coming up is
// asked of the memory first; the prompts can do without.
func ReflectionPrompts(ctx workflow.Context, in mirror.ReflectInput) (mirror.Reflection, error) {
	var degraded []string
	if in.Text != "" {
		found, err := recall.run(ctx, memory.RecallInput{Ref: in.Ref, Query: in.Text, Kinds: []memory.Kind{memory.Echo}, Limit: mostEchoes})
		if degraded = found.Degraded; err != nil {
			workflow.GetLogger(ctx).Warn("prompts do without what keeps coming up", "error", err)
			degraded = []string{"memory_unavailable"}
		}
		for _, echo := range found.Memories {
			in.Echoes = append(in.Echoes, echo.Text)
		}
	}
	prompts, err := reflect.run(ctx, in)
	for _, code := range degraded {
		if !slices.Contains(prompts.Degraded, code) {
			prompts.Degraded = append(prompts.Degraded, code)
		}
	}
	return prompts, err
}

// Recollection recalls memories outside an interaction, in a worker of memory's queue.
func Recollection(ctx workflow.Context, in memory.RecallInput) (memory.Recollection, error) {
	return recall.here(ctx, in)
}

// MemoryQuery is [Recollection] as the version before started it, on the queue of
// syntheses. It serves those that are open while this one is deployed.
func MemoryQuery(ctx workflow.Context, in memory.RecallInput) (memory.Recollection, error) {
	return recall.run(ctx, in)
}

// ResourceSearch searches the library outside an interaction.
func ResourceSearch(ctx workflow.Context, in bridge.SearchInput) (bridge.SearchResult, error) {
	return search.run(ctx, in)
}
