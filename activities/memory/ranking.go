package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/ranking"
	"meai/activities/memory/when"
	"meai/internal/embedding"
	"meai/internal/postgres/queries"
)

// pinnedOdds is by how much the odds of a pinned memory are raised: it goes before others
// that bear as much on the question, and not before what clearly bears more. Scores of good
// answers in a person's own life lie about .03, so that a share of what is missing to a sure
// answer would put whatever is pinned first.
const pinnedOdds = 3

// rank reads the candidates, and what the ranking needs of the conversations around them.
func (s *search) rank(ctx context.Context, q *queries.Queries, state indexState) error {
	if err := s.lexical(ctx, q, state); err != nil {
		return err
	}
	fresh := int32(freshest)
	if len(s.in.Entities) > 0 || s.open() {
		fresh = 0
	}
	if err := s.load(ctx, q, slices.Collect(maps.Keys(s.found)), fresh); err != nil {
		return err
	}
	if err := s.unlock(ctx, q); err != nil {
		return err
	}
	s.question = ranking.NewQuestion(s.in.Query, s.terms, s.rarity, s.vector, s.at)
	if err := s.placeEvents(ctx, q); err != nil || s.open() {
		return err
	}
	if err := s.lookAround(ctx, q); err != nil || len(s.in.Entities) > 0 {
		return err
	}
	return s.readNeighbours(ctx, q)
}

// load reads memories, with as many of those that are not indexed yet, and keeps what in
// asks for.
func (s *search) load(ctx context.Context, q *queries.Queries, ids []uuid.UUID, freshest int32) error {
	rows, err := q.CandidateMemories(ctx, queries.CandidateMemoriesParams{
		SubjectID: s.in.Ref.Subject, Ids: ids, Freshest: freshest, Compared: slices.Collect(maps.Keys(s.compared)), Model: s.model,
	})
	if err != nil {
		return fmt.Errorf("read %d memories: %w", len(ids), err)
	}
	for _, row := range rows {
		n, err := opened(s.keys, candidate(row))
		if err != nil {
			return err
		}
		s.compare(&n)
		s.read[n.id] = n
		if s.found[n.id] == nil {
			s.discover(n.id, Lately)
		}
		if s.wants(n) {
			s.nodes[n.id] = n
		}
	}
	return nil
}

// compare sets how near a memory is to the question in meaning, where that can be said.
func (s *search) compare(n *node) {
	switch {
	case s.vector == nil, n.model != s.model:
		n.vector = nil
	case len(n.vector) == len(s.vector):
		n.cosine = embedding.Cosine(s.vector, n.vector)
	case n.vector == nil:
		n.cosine = s.compared[n.id]
	default:
		n.vector = nil
	}
}

// candidate is a row with what recall reads of it.
func candidate(row queries.CandidateMemoriesRow) queries.MemoryNode {
	return queries.MemoryNode{
		ID: row.ID, Kind: row.Kind, InteractionID: row.InteractionID, SessionID: row.SessionID,
		TextSealed: row.TextSealed, EmotionSealed: row.EmotionSealed, VectorSealed: row.VectorSealed, Model: row.Model,
		Terms: row.Terms, Importance: row.Importance, SaidAt: row.SaidAt, RecordedAt: row.RecordedAt, Origin: row.Origin,
		EntityType: row.EntityType, AboutFrom: row.AboutFrom, AboutTo: row.AboutTo, PinnedAt: row.PinnedAt,
		ValidTo: row.ValidTo, ClosedAt: row.ClosedAt, RetractedAt: row.RetractedAt, Reason: row.Reason,
	}
}

func (s *search) wants(n node) bool {
	switch {
	case !slices.Contains(s.kinds, n.kind),
		n.from != uuid.Nil && n.from == s.in.Ref.Interaction,
		!s.inBounds(n.saidAt):
		return false
	case len(s.in.Emotions) == 0:
		return true
	default:
		return slices.ContainsFunc(s.in.Emotions, func(e string) bool { return strings.EqualFold(e, n.emotion) })
	}
}

func (s *search) inBounds(saidAt time.Time) bool {
	return (s.in.From == nil || !saidAt.Before(*s.in.From)) && (s.in.To == nil || saidAt.Before(*s.in.To))
}

// placeEvents finds when the events were by which the question names a time, and what was
// said around them.
func (s *search) placeEvents(ctx context.Context, q *queries.Queries) error {
	if len(s.events) == 0 {
		return nil
	}
	events := make([]ranking.Event, len(s.events))
	for i, e := range s.events {
		events[i] = ranking.Event{Relation: e.Relation, Terms: blindTerms(s.keys, e.Event, mostQueryTerms)}
	}
	var memories []ranking.Memory
	for _, n := range s.nodes {
		memories = append(memories, s.ranked(n))
	}
	s.question.Place(events, memories)
	if len(s.question.Events) == 0 {
		return nil
	}
	known := len(s.found)
	for _, span := range s.question.Events {
		if err := s.saidIn(ctx, q, span); err != nil {
			return err
		}
	}
	if len(s.found) == known {
		return nil
	}
	var more []uuid.UUID
	for id := range s.found {
		if _, known := s.read[id]; !known {
			more = append(more, id)
		}
	}
	return s.load(ctx, q, more, 0)
}

// ranked is a node as the ranking sees it.
func (s *search) ranked(n node) ranking.Memory {
	m := ranking.Memory{Text: n.text, Terms: n.terms, Cosine: n.cosine, SaidAt: n.saidAt, AboutFrom: n.aboutFrom, AboutTo: n.aboutTo}
	for _, b := range s.beside[n.id] {
		known := s.read[b.id]
		m.Around = append(m.Around, ranking.Neighbour{Distance: b.distance, Matched: b.matched, Text: known.text, Cosine: known.cosine})
	}
	return m
}

// isAskedFor reports whether a memory is about somebody whom the question names, or was
// said in the time that it asks for when it asks for nothing else: "What was last week?"
func (s *search) isAskedFor(n node) bool {
	d := s.found[n.id]
	if d == nil {
		return false
	}
	said := func(span when.Span) bool { return span.Contains(n.saidAt) }
	return slices.Contains(d.arms, ByName) || s.onlyTime && slices.ContainsFunc(s.spans, said)
}

// best ranks the candidates and returns the first, without repetitions.
func (s *search) best() []Memory {
	// Who asks for an entity, or for nothing in particular, wants what there is.
	anyway := len(s.in.Entities) > 0 || s.open()
	ranked := make([]scored, 0, len(s.nodes))
	for _, n := range s.nodes {
		features := s.question.Of(s.ranked(n))
		if anyway || s.question.Bears(features) || s.isAskedFor(n) {
			m := n.memory(s.question.Score(features))
			if !n.pinnedAt.IsZero() {
				m.Score = pinnedOdds * m.Score / (1 + (pinnedOdds-1)*m.Score)
			}
			m.FoundBy = s.findings(n, features)
			ranked = append(ranked, scored{m, n.vector, n.terms})
		}
	}
	slices.SortFunc(ranked, func(a, b scored) int {
		if s.open() { // the newest
			return cmp.Or(b.SaidAt.Compare(a.SaidAt), slices.Compare(a.ID[:], b.ID[:]))
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), b.SaidAt.Compare(a.SaidAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return choose(eachOnce(ranked), s.limit, s.in.Diversity, s.in.Budget)
}
