package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"meai/activities/mirror/crisis"
	"meai/activities/truthfilter"
	"meai/internal/embedding"
	"meai/internal/mcp"
)

// discoveryUnavailable says that somebody outside did not answer.
const discoveryUnavailable = "discovery_unavailable"

// Discovery asks servers outside for resources, in the library's words, and believes
// none of what they say. It is safe for concurrent use; nil asks nobody.
type Discovery struct {
	vocabulary vocabulary
	permitted  func(context.Context) bool
	budget     time.Duration
	sources    []source
	log        *slog.Logger
}

// source is one tool of one server.
type source struct {
	client       *mcp.Client
	server, tool string
	most         int
}

// DiscoveryOptions are what discovery works with besides its file.
type DiscoveryOptions struct {
	// Permitted reports whether the person for whom something is done agrees to have others
	// asked; nil for everybody.
	Permitted func(ctx context.Context) bool
	Logger    *slog.Logger
	Meters    metric.MeterProvider
}

// NewDiscovery asks the servers of a file in the words of these resources. It does
// not connect.
func NewDiscovery(f DiscoveryFile, resources []Resource, o DiscoveryOptions) (*Discovery, error) {
	d := &Discovery{vocabulary: newVocabulary(resources), permitted: o.Permitted, budget: f.Budget, log: o.Logger}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	for _, s := range f.Servers {
		client, err := mcp.New(s.Server, mcp.Options{Logger: o.Logger, Meters: o.Meters})
		if err != nil {
			return nil, fmt.Errorf("set up the server %s: %w", s.Name, err)
		}
		for _, t := range s.Tools {
			d.sources = append(d.sources, source{client, s.Name, t.Name, s.MostResults})
		}
	}
	return d, nil
}

// Connect reaches the servers ahead of the first search; one that cannot be reached is
// tried again then.
func (d *Discovery) Connect(ctx context.Context) error {
	var failed []error
	for _, s := range d.sources {
		failed = append(failed, s.client.Connect(ctx))
	}
	return errors.Join(failed...)
}

// Close ends the connections, and the servers that are processes of ours.
func (d *Discovery) Close() {
	for _, s := range d.sources {
		s.client.Close()
	}
}

// found is what came from outside.
type found struct {
	items []discovered
	// refused counts results that were not even judged.
	refused     int
	unavailable bool
}

// begin asks all servers and returns what waits for them, no longer than the budget.
// Nobody is asked unless the caller wants it, nor about somebody who may be in danger. For
// who does not agree to it, there is nobody to ask.
func (d *Discovery) begin(ctx context.Context, in SearchInput) (await func() found) {
	nothing := func() found { return found{} }
	if !in.External || crisis.Assess(in.Topic).Severity != crisis.None {
		return nothing
	}
	if d == nil || d.permitted != nil && !d.permitted(ctx) {
		return func() found { return found{unavailable: true} }
	}
	q, sayable := d.vocabulary.query(in)
	if !sayable {
		return nothing
	}
	ctx, cancel := context.WithTimeout(ctx, d.budget)
	answers := make([]found, len(d.sources))
	var group sync.WaitGroup
	for i, s := range d.sources {
		group.Go(func() { answers[i] = d.ask(ctx, s, q) })
	}
	return func() found {
		defer cancel()
		group.Wait()
		return joined(answers)
	}
}

func (d *Discovery) ask(ctx context.Context, s source, q query) found {
	answer, err := s.client.Call(ctx, s.tool, q.must(), q.may(s.most))
	if err != nil {
		return found{unavailable: true}
	}
	items, refused := d.vocabulary.read(answer, s.most, Provenance{Server: s.server, Tool: s.tool, FetchedAt: time.Now().UTC()})
	if refused > 0 {
		d.log.WarnContext(ctx, "results from outside were refused", "server", s.server, "tool", s.tool, "entries", refused)
	}
	return found{items: items, refused: refused}
}

// joined puts answers together; what several servers found is the first one's.
func joined(answers []found) found {
	var all found
	seen := map[string]bool{}
	for _, a := range answers {
		all.refused += a.refused
		all.unavailable = all.unavailable || a.unavailable
		for _, i := range a.items {
			if !seen[i.from.URL] {
				all.items = append(all.items, i)
			}
			seen[i.from.URL] = true
		}
	}
	return all
}

// judge weighs and judges what came from outside as the library's own is, for a
// request; hits are what passed, most relevant first.
func (l *Library) judge(ctx context.Context, in SearchInput, items []discovered, filter *truthfilter.Filter) (hits []Hit, rejected int) {
	in.Topic = clip(in.Topic)
	q := question{SearchInput: in, terms: termSet(in.Topic)}
	candidates := make([]candidate, len(items))
	for i, item := range items {
		candidates[i] = candidate{entry: newEntry(item.Resource)}
	}
	l.compare(ctx, in.Topic, candidates)
	for i, c := range candidates {
		if c.Kind == HelpLine || !q.allows(c.Resource) {
			continue
		}
		judgement := filter.JudgeResource(ctx, q.toJudge(c))
		if judgement.Verdict != truthfilter.Pass {
			rejected++
			continue
		}
		hits = append(hits, Hit{Resource: c.Resource, Relevance: round(q.relevance(c)), Judgement: judgement, Provenance: &items[i].from})
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Relevance, a.Relevance) })
	return hits, rejected
}

// compare sets the similarity of candidates to a topic, if there are embeddings.
func (l *Library) compare(ctx context.Context, topic string, candidates []candidate) {
	if l.asking == nil || len(candidates) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, firstSearch)
	defer cancel()
	texts := []string{topic}
	for _, c := range candidates {
		texts = append(texts, c.about)
	}
	vectors, err := l.asking.Embed(ctx, texts...)
	if err != nil || len(vectors) != len(texts) {
		return // words decide; the curated search says so
	}
	for i := range candidates {
		cosine := embedding.Cosine(vectors[0], vectors[i+1])
		candidates[i].cosine = &cosine
	}
}

// merge puts hits from outside among the library's, whose order stays. A hit from
// outside goes first only where it is more relevant.
func merge(curated, outside []Hit, limit int) []Hit {
	merged := make([]Hit, 0, len(curated)+len(outside))
	for _, c := range curated {
		for len(outside) > 0 && outside[0].Relevance > c.Relevance {
			merged, outside = append(merged, outside[0]), outside[1:]
		}
		merged = append(merged, c)
	}
	merged = append(merged, outside...)
	return merged[:min(limit, len(merged))]
}

// find searches the library and, beside it, outside.
func (a *Activities) find(ctx context.Context, in SearchInput) (SearchResult, error) {
	filter, err := a.Filter.For(ctx, a.Policies, in.Ref.Subject)
	if err != nil {
		return SearchResult{}, err
	}
	await := a.Discovery.begin(ctx, in)
	result := a.Library.search(ctx, in, filter, a.Links.withheld(ctx))
	outside := await()
	hits, rejected := a.Library.judge(ctx, in, outside.items, filter)
	result.Rejected += rejected + outside.refused
	if outside.unavailable {
		result.Degraded = append(result.Degraded, discoveryUnavailable)
	}
	if len(hits) > 0 {
		result.Hits = merge(result.Hits, hits, min(cmp.Or(max(0, in.Limit), standardLimit), mostHits))
	}
	return result, nil
}
