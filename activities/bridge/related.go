package bridge

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"meai/internal/embedding"
)

// related.yaml holds what [Relate] made of the library with the built-in embeddings:
// always the same for the same entries, whatever model a process uses.
//
//go:generate go test -vet=off -count=1 -run ^TestRelatedEntriesAreThoseOfTheLibrary$ . -update
//go:embed related.yaml
var relatedFile []byte

const (
	// mostRelated is how many related entries an entry has at most, and mostOfAKind
	// how many of them are of one kind.
	mostRelated, mostOfAKind = 4, 2
	// twins are entries of one kind so near in meaning that one says what the other does.
	twins = 0.8
	// leastRelated is the score below which two entries have little to do with each other.
	leastRelated = 0.2
)

// What each sign adds to how much two entries have to do with each other.
const relatedMeaning, relatedTopics, relatedEmotions, relatedNeeds = 0.5, 0.3, 0.12, 0.08

// Relate finds for each entry those that have the most to do with it: near in
// meaning, for the same topics, feelings and needs, of different kinds and no twins.
func Relate(ctx context.Context, all []Resource, e embedding.Embedder) (map[string][]string, error) {
	entries := make([]*entry, len(all))
	texts := make([]string, len(all))
	for i, r := range all {
		entries[i] = newEntry(r)
		texts[i] = entries[i].about
	}
	vectors, err := e.Embed(ctx, texts...)
	if err != nil {
		return nil, fmt.Errorf("embed the library: %w", err)
	}
	for i, v := range vectors {
		entries[i].vector = v
	}
	found := make(map[string][]string, len(all))
	for _, e := range entries {
		found[e.ID] = relatedTo(e, entries)
	}
	return found, nil
}

func relatedTo(e *entry, all []*entry) []string {
	type neighbour struct {
		*entry
		score float64
	}
	var near []neighbour
	for _, other := range all {
		if score := round(relation(e, other)); other != e && goTogether(e.Resource, other.Resource) && score >= leastRelated {
			near = append(near, neighbour{other, score})
		}
	}
	slices.SortFunc(near, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.ID, b.ID))
	})
	chosen := []*entry{e}
	kinds := map[Kind]int{}
	for _, n := range near {
		if len(chosen) > mostRelated || kinds[n.Kind] == mostOfAKind && n.Kind != HelpLine || slices.ContainsFunc(chosen, n.twinOf) {
			continue
		}
		kinds[n.Kind]++
		chosen = append(chosen, n.entry)
	}
	ids := make([]string, 0, mostRelated)
	for _, c := range chosen[1:] {
		ids = append(ids, c.ID)
	}
	return ids
}

// goTogether keeps help lines among themselves, and to those of the same country:
// nobody knows where the person is who looks at an exercise.
func goTogether(a, b Resource) bool {
	if a.Kind != HelpLine || b.Kind != HelpLine {
		return a.Kind != HelpLine && b.Kind != HelpLine
	}
	return len(a.Regions) == 0 || len(b.Regions) == 0 || slices.ContainsFunc(a.Regions, func(r string) bool { return slices.Contains(b.Regions, r) })
}

func (e *entry) twinOf(other *entry) bool {
	return e.Kind == other.Kind && e.Kind != HelpLine && embedding.Cosine(e.vector, other.vector) >= twins
}

func relation(a, b *entry) float64 {
	meaning := min(1, max(0, (embedding.Cosine(a.vector, b.vector)-lowCosine)/(highCosine-lowCosine)))
	return relatedMeaning*meaning + relatedTopics*share(a.topics, b.topics, enoughTopics) +
		relatedEmotions*common(a.Emotions, b.Emotions) + relatedNeeds*common(a.Needs, b.Needs)
}

// common is how much of the shorter list is in the other, in [0, 1].
func common(a, b []string) float64 {
	n := 0
	for _, word := range a {
		if slices.Contains(b, word) {
			n++
		}
	}
	return float64(n) / float64(max(1, min(len(a), len(b))))
}

// relatedIn reads which entries are related. What an editor named comes first.
func relatedIn(file []byte, all []Resource) (map[string][]string, error) {
	var found map[string][]string
	if err := yaml.Unmarshal(file, &found); err != nil {
		return nil, fmt.Errorf("related.yaml: %w", err)
	}
	known := make(map[string]bool, len(all))
	for _, r := range all {
		known[r.ID] = true
	}
	var faults []error
	for _, r := range all {
		ids, there := found[r.ID]
		if !there || slices.ContainsFunc(ids, func(id string) bool { return !known[id] }) {
			faults = append(faults, fmt.Errorf("related.yaml is not that of the library at %q: run go generate ./activities/bridge", r.ID))
		}
		for _, id := range r.Related {
			ids = slices.DeleteFunc(ids, func(other string) bool { return other == id })
		}
		ids = slices.Concat(r.Related, ids)
		found[r.ID] = ids[:min(len(ids), mostRelated)]
	}
	return found, errors.Join(faults...)
}
