package bridge

import (
	"context"
	"time"

	"meai/activities/interaction"
	"meai/activities/truthfilter"
)

// Activities is Bridge as a worker runs it.
type Activities struct {
	Library *Library
	Filter  *truthfilter.Filter
	// Policies are the persons'; nil judges everybody under the filter's own.
	Policies truthfilter.Policies
	Steps    *interaction.Recorder
	// Discovery asks outside when a search wants that; nil asks nobody.
	Discovery *Discovery
	// Links tells what is no longer offered; nil for nothing.
	Links *Links
}

// Search finds resources that fit the request and passed TruthFilter, best first.
// What could not be used is named in the result; it fails, to be retried, when it is not
// known what the person wants to be spared.
func (a *Activities) Search(ctx context.Context, in SearchInput) (SearchResult, error) {
	started := time.Now().UTC()
	a.Steps.Begin(in.Ref, interaction.ResourceSearch)
	found, err := a.find(ctx, in)
	if err != nil {
		return SearchResult{}, err
	}
	finished := time.Now().UTC()
	record := interaction.StepRecord{
		Step: interaction.ResourceSearch, State: interaction.Completed, StartedAt: started, CompletedAt: &finished,
	}
	if len(found.Degraded) > 0 {
		record.State, record.Reason = interaction.Degraded, found.Degraded[0]
	}
	a.Steps.End(in.Ref, record)
	return found, nil
}
