package main

import (
	"context"
	"fmt"

	"meai/api/client"
)

// searching is the product as somebody uses it who looks for resources: each request asks
// for twenty, and every hit has passed the filter.
type searching struct{ *product }

func (searching) name() string { return "search" }

// topics are asked for in turns, most with an emotion.
var topics = []client.ResourceSearch{
	{Topic: "I cannot sleep because I worry about work", Emotion: "anxiety"},
	{Topic: "my father died and the house is so quiet", Emotion: "grief"},
	{Topic: "a breathing exercise before an exam", Emotion: "fear"},
	{Topic: "I shouted at my children and feel ashamed", Emotion: "shame"},
	{Topic: "how to make friends in a new town", Emotion: "loneliness"},
	{Topic: "saving money when there is none left at the end of the month"},
	{Topic: "something calm for ten minutes", Emotion: "exhaustion"},
	{Topic: "I eat when I am sad and then I hate myself", Emotion: "sadness"},
}

func (s searching) client(ctx context.Context) (func(context.Context) error, error) {
	api, _, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	n := 0
	return func(ctx context.Context) error {
		query := topics[n%len(topics)]
		query.Limit = 20
		n++
		got, err := api.SearchResourcesWithResponse(ctx, query)
		if err != nil {
			return err
		}
		if got.JSON200 == nil || len(got.JSON200.Hits) == 0 || len(got.JSON200.Degraded) > 0 {
			return fmt.Errorf("a search found nothing, or was degraded: %s %s", got.Status(), got.Body)
		}
		return nil
	}, nil
}

// search measures one client and prints what it found.
func (m measureCommand) search(ctx context.Context, p *product) error {
	first, err := drive(ctx, searching{p}, 1, 0)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	// What a resource says is judged once and remembered: a round for each kind of search.
	if _, err := drive(ctx, searching{p}, 1, m.Round); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	r, err := drive(ctx, searching{p}, 1, m.Round)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	fmt.Printf("Searching twenty resources over HTTP, each judged by the filter, one client; the first took %.1f ms\n", milliseconds(first.quantile(1)))
	fmt.Printf("  %8s %10s %10s %10s %10s\n  %s\n\n", "count", "per second", "p50 ms", "p95 ms", "p99 ms", r)
	return nil
}
