package bridge

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meai/internal/embedding"
	"meai/internal/lexicon"
)

//go:embed library/*.yaml
var curated embed.FS

// Library is the curated collection of resources, ready to be searched. It is
// safe for concurrent use.
type Library struct {
	embedder embedding.Embedder
	// asking embeds what people ask for, which not everybody lets a provider have.
	asking  embedding.Embedder
	entries []*entry
	byID    map[string]*entry
	related map[string][]string
	// index is where candidates are looked for; nil for the entries in memory.
	index *index
	// preparing holds one token while vectors are computed, so that nobody computes
	// them twice and a search waits no longer than it can. mu guards the vectors.
	preparing chan struct{}
	mu        sync.Mutex
}

// entry is a resource with what searching it takes.
type entry struct {
	Resource
	about  string
	terms  map[string]bool
	topics map[string]bool
	vector []float32
}

const (
	// firstSearch bounds how long a search waits for missing vectors before it
	// goes by words alone.
	firstSearch = 1500 * time.Millisecond
	// batch texts go to the embedder at once, from at most workers goroutines. What
	// a batch has computed is kept, so that time running out costs one batch each.
	batch, workers = 4, 4
)

// NewLibrary loads the curated resources, to be embedded with e by
// [Library.Prepare] or the first search. It fails only when the collection itself
// is faulty. e may be nil: then words alone decide.
func NewLibrary(e embedding.Embedder) (*Library, error) {
	resources, err := load(curated)
	if err != nil {
		return nil, fmt.Errorf("load the curated resources: %w", err)
	}
	l := newLibrary(e, resources)
	if l.related, err = relatedIn(relatedFile, resources); err != nil {
		return nil, err
	}
	return l, nil
}

// AskBy has what people ask for embedded by another embedder, of the same model, than the
// library's own texts. It is called before the first search.
func (l *Library) AskBy(e embedding.Embedder) { l.asking = e }

func newLibrary(e embedding.Embedder, resources []Resource) *Library {
	l := &Library{embedder: e, asking: e, byID: make(map[string]*entry, len(resources)), preparing: make(chan struct{}, 1)}
	for _, r := range resources {
		l.entries = append(l.entries, newEntry(r))
		l.byID[r.ID] = l.entries[len(l.entries)-1]
	}
	return l
}

func newEntry(r Resource) *entry {
	about := r.Title + ". " + r.Summary + " " + strings.Join(r.Topics, ", ") + "."
	return &entry{
		Resource: r, about: about,
		terms:  termSet(about + " " + strings.Join(r.Steps, " ")),
		topics: termSet(strings.Join(r.Topics, " ")),
	}
}

func termSet(text string) map[string]bool {
	set := make(map[string]bool)
	for _, t := range lexicon.Terms(text) {
		set[t] = true
	}
	return set
}

// Resource returns the resource with the given id.
func (l *Library) Resource(id string) (Resource, bool) {
	e, there := l.byID[id]
	if !there {
		return Resource{}, false
	}
	return e.Resource, true
}

// Related returns the ids of the resources that have the most to do with one.
func (l *Library) Related(id string) []string { return l.related[id] }

// Resources returns all resources in the order of the collection.
func (l *Library) Resources() []Resource {
	all := make([]Resource, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.Resource
	}
	return all
}

// known returns the entries' vectors in their order, nil where one is missing.
func (l *Library) known() [][]float32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([][]float32, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.vector
	}
	return all
}

func (l *Library) prepareWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.Prepare(ctx)
}

// Prepare computes the vectors that are not there yet, a few batches at a time.
// Batches that succeed are kept even when others fail or ctx ends.
func (l *Library) Prepare(ctx context.Context) error {
	if l.embedder == nil {
		return errors.New("no embedder")
	}
	select {
	case l.preparing <- struct{}{}:
		defer func() { <-l.preparing }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the vectors of resources: %w", ctx.Err())
	}
	missing := l.missing()
	if len(missing) == 0 {
		return nil
	}
	var group errgroup.Group
	group.SetLimit(workers)
	for part := range slices.Chunk(missing, batch) {
		group.Go(func() error { return l.embed(ctx, part) })
	}
	return group.Wait()
}

func (l *Library) missing() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.entries), func(e *entry) bool { return e.vector != nil })
}

func (l *Library) embed(ctx context.Context, part []*entry) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("embed resources: %w", err)
	}
	texts := make([]string, len(part))
	for i, e := range part {
		texts[i] = e.about
	}
	vectors, err := l.embedder.Embed(ctx, texts...)
	if err != nil {
		return fmt.Errorf("embed resources: %w", err)
	}
	if len(vectors) != len(part) {
		return fmt.Errorf("embed resources: %d vectors for %d texts", len(vectors), len(part))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range part {
		e.vector = vectors[i]
	}
	return nil
}
