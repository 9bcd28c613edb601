package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"meai/internal/vectors"
)

// catalogueName is the library's in the vector index.
const catalogueName = "Resource"

// everywhere is the region label of what is for no country alone.
const everywhere = "everywhere"

// mostNear candidates come from the index; the ranking chooses among them.
const mostNear = 64

// index is the library's copy in Weaviate. It holds no text and nothing of a person's,
// and a person's words never get there, only the vector made of them.
type index struct {
	vectors *vectors.Index
	edition vectors.Catalogue
	// filled is set once this process has seen the whole edition there.
	filled atomic.Bool
	// failed is set while the last attempt to fill it has failed.
	failed atomic.Bool
	// lost has an entry when a search found the edition gone.
	lost chan struct{}
}

// SearchIn lets searches take their candidates from the vector index, once
// [Library.FillIndex] has written the library there. Call it before the first search.
func (l *Library) SearchIn(v *vectors.Index) {
	if l.embedder != nil {
		l.index = &index{vectors: v, edition: l.edition(catalogueName), lost: make(chan struct{}, 1)}
	}
}

// Lost tells when the index has to be filled again; nil without an index.
func (l *Library) Lost() <-chan struct{} {
	if l.index == nil {
		return nil
	}
	return l.index.lost
}

// FillIndex writes the library to the vector index, unless it is there as it is now
// and embedded by the same model. It is idempotent.
func (l *Library) FillIndex(ctx context.Context) (err error) {
	if l.index == nil {
		return nil
	}
	defer func() { l.index.failed.Store(err != nil) }()
	if err := l.Prepare(ctx); err != nil {
		return err
	}
	if err := l.index.vectors.EnsureCatalogue(ctx, l.index.edition, l.items()); err != nil {
		return fmt.Errorf("index the library: %w", err)
	}
	l.index.filled.Store(true)
	return nil
}

// ReplaceIndex is [Library.FillIndex], and removes what other versions of the library
// or other models had written.
func (l *Library) ReplaceIndex(ctx context.Context) error {
	if l.index == nil {
		return nil
	}
	if err := l.FillIndex(ctx); err != nil {
		return err
	}
	return l.index.vectors.DropOtherEditions(ctx, l.index.edition)
}

// edition names the library as it is: another text, label or model is another edition.
func (l *Library) edition(name string) vectors.Catalogue {
	hash := sha256.New()
	write := func(parts ...any) { hash.Write(fmt.Appendf(nil, "%q\n", fmt.Sprint(parts...))) }
	write(l.embedder.Model(), l.embedder.Dimensions())
	for _, e := range l.entries {
		write(e.ID, e.about, e.labels(), e.Minutes)
	}
	return vectors.Catalogue{Name: name, Edition: hex.EncodeToString(hash.Sum(nil)[:8])}
}

func (l *Library) items() []vectors.Item {
	l.mu.Lock()
	defer l.mu.Unlock()
	items := make([]vectors.Item, len(l.entries))
	for i, e := range l.entries {
		items[i] = vectors.Item{Key: e.ID, Labels: e.labels(), Amount: e.Minutes, Vector: e.vector}
	}
	return items
}

// labels are what a search may ask for.
func (e *entry) labels() []string {
	labels := []string{"kind:" + string(e.Kind), "format:" + string(e.Format), "complexity:" + string(e.Complexity)}
	if len(e.Regions) == 0 {
		return append(labels, "region:"+everywhere)
	}
	return append(labels, labelled("region:", e.Regions)...)
}

func labelled[T ~string](prefix string, values []T) []string {
	labels := make([]string, len(values))
	for i, value := range values {
		labels[i] = prefix + string(value)
	}
	return labels
}

var errNotIndexed = errors.New("the library could not be indexed yet")

// near are the similarities of the entries nearest to a vector that meet the
// constraints, by id; nil when there is no index, or it is still being filled.
func (l *Library) near(ctx context.Context, q question, vector []float32) (map[string]float64, error) {
	x := l.index
	if x == nil {
		return nil, nil
	}
	if !x.filled.Load() {
		if x.failed.Load() {
			return nil, errNotIndexed
		}
		return nil, nil
	}
	found, err := x.vectors.FindNear(ctx, x.edition, vectors.Nearest{
		Vector: vector, Labels: q.labels(), MostAmount: q.MaxMinutes, Limit: mostNear,
	})
	if errors.Is(err, vectors.ErrNoCatalogue) {
		x.filled.Store(false)
		x.failed.Store(true)
		select {
		case x.lost <- struct{}{}:
		default:
		}
	}
	if err != nil {
		return nil, err
	}
	cosines := make(map[string]float64, len(found))
	for _, n := range found {
		cosines[n.Key] = n.Cosine
	}
	return cosines, nil
}

// labels are the groups of which a candidate needs one each.
func (q question) labels() [][]string {
	var groups [][]string
	add := func(group []string) {
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	add(labelled("kind:", q.Kinds))
	add(labelled("format:", q.Formats))
	add(labelled("complexity:", q.Complexities))
	if q.Region != "" {
		add([]string{"region:" + q.Region, "region:" + everywhere})
	}
	return groups
}
