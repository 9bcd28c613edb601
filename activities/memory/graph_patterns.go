package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/internal/postgres/queries"
)

// Patterns returns the echoes and storylines of a person that hold now, with their
// evidence. Somebody of whom nothing is known has none.
func (g *Graph) Patterns(ctx context.Context, subject uuid.UUID) (FoundPatterns, error) {
	found := FoundPatterns{Echoes: []FoundEcho{}, Storylines: []FoundStoryline{}}
	keys, err := g.keys.Keys(ctx, subject)
	if err != nil {
		return found, fmt.Errorf("read the patterns of %s: %w", subject, err)
	}
	err = g.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		l, err := openPatterns(ctx, q, keys, time.Time{})
		if err != nil {
			return err
		}
		for _, p := range l.stored {
			if p.RetractedAt == nil {
				if err := l.tell(p, &found); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return FoundPatterns{}, fmt.Errorf("read the patterns of %s: %w", subject, err)
	}
	slices.SortFunc(found.Echoes, func(a, b FoundEcho) int {
		return cmp.Or(cmp.Compare(b.Strength, a.Strength), b.Last.Compare(a.Last), bytes.Compare(a.ID[:], b.ID[:]))
	})
	slices.SortFunc(found.Storylines, func(a, b FoundStoryline) int { return cmp.Or(b.To.Compare(a.To), bytes.Compare(a.ID[:], b.ID[:])) })
	return found, nil
}

// tell adds a stored pattern to those that are handed out.
func (l *ledger) tell(p *storedPattern, to *FoundPatterns) error {
	if p.Kind == string(Echo) {
		e := FoundEcho{ID: p.ID, Text: p.text, Strength: float64(p.Importance), FoundAt: p.RecordedAt, Evidence: p.rests()}
		if err := p.found(&e.Echo); err != nil {
			return err
		}
		to.Echoes = append(to.Echoes, e)
		return nil
	}
	s := FoundStoryline{ID: p.ID, Text: p.text, Strength: float64(p.Importance), FoundAt: p.RecordedAt}
	if err := p.found(&s.Storyline); err != nil {
		return err
	}
	for _, id := range p.rests() {
		if echo := l.stored[id]; echo != nil {
			s.Echoes = append(s.Echoes, id)
		} else {
			s.Evidence = append(s.Evidence, id)
		}
	}
	to.Storylines = append(to.Storylines, s)
	return nil
}
