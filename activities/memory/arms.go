package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/activities/memory/when"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// What the arms of the graph bring at most. Who is named in every message brings as
// little as anybody else; what matters of it is found by words and meaning as well.
const (
	mostAbout  = 40
	mostInTime = 20
	mostRecent = 10
	// mostSearched is how many terms of a long message the words are searched by: the
	// common ones cost most and find least.
	mostSearched = 16
	// mostBeside bounds the entities that are looked at beside one that is named.
	mostBeside = 10
	// mostTelling is how many memories are looked through for an event.
	mostTelling = 5
	// mostAboutEntities is what is read where entities are asked for.
	mostAboutEntities = 200
	// mostHeld and mostTotal bound the counts behind a term's rarity; a term in a
	// quarter of the memories weighs little, however many more hold it.
	mostHeld, mostTotal = 1000, 4000
	// longestAbout is how long before a time something must begin that reaches into it.
	longestAbout = 2 * 365 * 24 * time.Hour
)

// indexState is what the vector index knew.
type indexState int

const (
	indexAnswered indexState = iota
	// indexEmpty: nothing of the person is there yet, or it is being rebuilt.
	indexEmpty
	indexAway
)

// answer is what one arm of the index brought.
type answer struct {
	hits, inTime []vectors.Hit
	err          error
}

// searchByMeaning asks for the nearest vectors.
func (a *Activities) searchByMeaning(ctx context.Context, s *search) (found answer) {
	if s.vector == nil {
		return found
	}
	return a.searchIndex(ctx, s, vectors.Query{Vector: s.vector})
}

// searchByWords asks for the best by BM25 over a memory's terms, those beside it and those
// of its conversation.
func (a *Activities) searchByWords(ctx context.Context, s *search) (found answer) {
	if len(s.terms) == 0 {
		return found
	}
	return a.searchIndex(ctx, s, vectors.Query{Terms: s.rarest(mostSearched)})
}

// rarest are the query's terms that fewest memories hold.
func (s *search) rarest(most int) []vectors.Term {
	terms := slices.Clone(s.terms)
	slices.SortStableFunc(terms, func(a, b vectors.Term) int { return cmp.Compare(s.rarity[b], s.rarity[a]) })
	return terms[:min(most, len(terms))]
}

// searchIndex asks the index, and once more for each time that the question names.
func (a *Activities) searchIndex(ctx context.Context, s *search, q vectors.Query) (found answer) {
	if len(s.in.Kinds) > 0 { // every filter costs the index time
		q.Kinds = texts(s.kinds)
	}
	q.From, q.To, q.Limit = s.in.From, s.in.To, s.candidates()
	if found.hits, found.err = a.index.Search(ctx, s.in.Ref.Subject, q); found.err != nil {
		return found
	}
	for _, span := range s.spans {
		from, to, ok := s.within(span)
		if !ok {
			continue
		}
		q.From, q.To, q.Limit = from, to, mostInTime
		hits, err := a.index.Search(ctx, s.in.Ref.Subject, q)
		if err != nil {
			found.err = err
			return found
		}
		found.inTime = append(found.inTime, hits...)
	}
	return found
}

// within cuts a span down to the time that in asks for; false when nothing is left.
func (s *search) within(span when.Span) (from, to *time.Time, ok bool) {
	from, to = s.in.From, s.in.To
	if !span.From.IsZero() && (from == nil || span.From.After(*from)) {
		from = &span.From
	}
	if to == nil || span.To.Before(*to) {
		to = &span.To
	}
	return from, to, from == nil || from.Before(*to)
}

// gather takes what the arms of the index brought, and notes what was away.
func (s *search) gather(a *Activities, byMeaning, byWords answer) indexState {
	if s.vector == nil {
		s.degraded = append(s.degraded, embeddingUnavailable)
	}
	err := cmp.Or(unlessNoTenant(byMeaning.err), unlessNoTenant(byWords.err))
	state := indexAnswered
	switch {
	case err != nil:
		a.log.Warn("recall goes without the vector index", "error", err)
		s.degraded = append(s.degraded, vectorsUnavailable)
		state = indexAway
	case byMeaning.err != nil || byWords.err != nil:
		state = indexEmpty
	}
	if s.in.Diversity == 0 { // else memories are compared with each other, too
		for _, h := range slices.Concat(byMeaning.hits, byMeaning.inTime) {
			s.compared[h.ID] = h.Score
		}
	}
	for arm, found := range map[Arm]answer{ByMeaning: byMeaning, ByWords: byWords} {
		for _, h := range found.hits {
			s.discover(h.ID, arm)
		}
		for _, h := range found.inTime {
			s.discover(h.ID, arm)
			s.discover(h.ID, ByTime)
		}
	}
	return state
}

func unlessNoTenant(err error) error {
	if errors.Is(err, vectors.ErrNoTenant) {
		return nil
	}
	return err
}

// searchGraph runs the arms in PostgreSQL that need no answer of the index.
func (s *search) searchGraph(ctx context.Context, q *queries.Queries) error {
	switch {
	case len(s.in.Entities) > 0:
		if err := s.weighTerms(ctx, q); err != nil {
			return err
		}
		return s.about(ctx, q, s.in.Entities, mostAboutEntities)
	case s.open():
		return s.recent(ctx, q, int32(s.candidates()))
	}
	for _, arm := range []func(context.Context, *queries.Queries) error{s.named, s.inTime, s.telling} {
		if err := arm(ctx, q); err != nil {
			return err
		}
	}
	return s.recent(ctx, q, mostRecent)
}

// weighTerms reads how rare the query's terms are among the person's memories.
func (s *search) weighTerms(ctx context.Context, q *queries.Queries) error {
	if len(s.terms) == 0 {
		return nil
	}
	frequencies, err := q.TermFrequencies(ctx, queries.TermFrequenciesParams{
		SubjectID: s.in.Ref.Subject, Terms: numbers(s.terms), MostHeld: mostHeld, MostTotal: mostTotal,
	})
	if err != nil {
		return fmt.Errorf("count the query's terms: %w", err)
	}
	s.rarity = make(map[vectors.Term]float64, len(frequencies))
	for _, f := range frequencies {
		s.rarity[vectors.Term(f.Term)] = lexicon.Rarity(float64(f.HeldBy), float64(max(f.Total, f.HeldBy)))
	}
	return nil
}

// named finds what is about those whom the question names.
func (s *search) named(ctx context.Context, q *queries.Queries) error {
	var names []string
	for _, m := range extraction.Mentions(s.in.Query) {
		names = append(names, m.Name)
	}
	if len(names) == 0 {
		return nil
	}
	return s.about(ctx, q, names, mostAbout)
}

// about finds what is about the named entities, or about those beside them in the graph.
func (s *search) about(ctx context.Context, q *queries.Queries, names []string, most int32) error {
	book, err := openAddressBook(ctx, q, s.keys, names)
	if err != nil {
		return err
	}
	var meant []uuid.UUID
	for _, name := range names {
		if id, ok := book.find(name); ok && !slices.Contains(meant, id) {
			meant = append(meant, id)
		}
	}
	if len(meant) == 0 {
		return nil
	}
	if len(s.in.Entities) == 0 {
		near, err := q.EntitiesBeside(ctx, s.in.Ref.Subject, mostBeside, meant)
		if err != nil {
			return fmt.Errorf("look beside the entities: %w", err)
		}
		for _, n := range near {
			if !slices.Contains(meant, n.ID) {
				meant = append(meant, n.ID)
			}
		}
	}
	rows, err := q.MemoriesAbout(ctx, queries.MemoriesAboutParams{
		SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds), Entities: meant, SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: most,
	})
	if err != nil {
		return fmt.Errorf("search by entity: %w", err)
	}
	for _, row := range rows {
		d := s.discover(row.ID, ByName)
		d.entities = row.Entities
	}
	if len(rows) == 0 {
		return nil
	}
	return s.readNames(ctx, q, meant)
}

// readNames opens the names of entities, to say why something was found.
func (s *search) readNames(ctx context.Context, q *queries.Queries, ids []uuid.UUID) error {
	rows, err := q.MemoriesByID(ctx, s.in.Ref.Subject, ids)
	if err != nil {
		return fmt.Errorf("read the names of %d entities: %w", len(ids), err)
	}
	for _, row := range rows {
		name, err := s.keys.Open(row.TextSealed, place("text_sealed", row.ID))
		if err != nil {
			return fmt.Errorf("read entity %s: %w", row.ID, err)
		}
		s.names[row.ID] = string(name)
	}
	return nil
}

// inTime finds what was said in the times that the question names, and what speaks of
// them. The index brings the best of those times; this the newest.
func (s *search) inTime(ctx context.Context, q *queries.Queries) error {
	for _, span := range s.spans {
		if err := s.saidIn(ctx, q, span); err != nil {
			return err
		}
		if span.From.IsZero() {
			continue // nearly everything speaks of "before 2019"
		}
		ids, err := q.MemoriesOfTime(ctx, queries.MemoriesOfTimeParams{
			SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds), Earliest: span.From.Add(-longestAbout), Since: span.From, Until: span.To,
			SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: mostInTime,
		})
		if err != nil {
			return fmt.Errorf("search by the time spoken of: %w", err)
		}
		s.discoverAll(ids, ByTime)
	}
	return nil
}

func (s *search) saidIn(ctx context.Context, q *queries.Queries, span when.Span) error {
	from, to, ok := s.within(span)
	if !ok {
		return nil
	}
	ids, err := q.RecentMemories(ctx, queries.RecentMemoriesParams{
		SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds), SaidFrom: from, SaidTo: to, AtMost: mostInTime,
	})
	if err != nil {
		return fmt.Errorf("search by time: %w", err)
	}
	s.discoverAll(ids, ByTime)
	return nil
}

// telling finds the memories that tell of the events by which the question names a time.
func (s *search) telling(ctx context.Context, q *queries.Queries) error {
	for _, e := range s.events {
		ids, err := s.matching(ctx, q, blindTerms(s.keys, e.Event, mostSearched), s.kinds, mostTelling)
		if err != nil {
			return err
		}
		s.discoverAll(ids, ByWords)
	}
	return nil
}

// lexical looks for the query's terms: in every kind when the index has not answered, and
// among entities always, because only PostgreSQL holds them.
func (s *search) lexical(ctx context.Context, q *queries.Queries, state indexState) error {
	kinds := s.kinds
	if state == indexAnswered {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k != Entity })
	}
	if len(kinds) == 0 || len(s.in.Entities) > 0 {
		return nil
	}
	ids, err := s.matching(ctx, q, s.rarest(mostSearched), kinds, s.candidates())
	if err != nil {
		return err
	}
	s.discoverAll(ids, ByWords)
	return nil
}

// matching are the memories that hold most of the terms.
func (s *search) matching(ctx context.Context, q *queries.Queries, terms []vectors.Term, kinds []Kind, most int) ([]uuid.UUID, error) {
	if len(terms) == 0 {
		return nil, nil
	}
	weights := make([]float64, len(terms))
	for i, t := range terms {
		weights[i] = s.rarity[t]
	}
	ids, err := q.LexicalMatches(ctx, queries.LexicalMatchesParams{
		SubjectID: s.in.Ref.Subject, Terms: numbers(terms), Weights: weights, MostHeld: mostHeld, Kinds: texts(kinds),
		SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: int32(most),
	})
	if err != nil {
		return nil, fmt.Errorf("search by words: %w", err)
	}
	return ids, nil
}

// recent takes the newest.
func (s *search) recent(ctx context.Context, q *queries.Queries, most int32) error {
	ids, err := q.RecentMemories(ctx, queries.RecentMemoriesParams{
		SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds), SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: most,
	})
	if err != nil {
		return fmt.Errorf("list the newest memories: %w", err)
	}
	s.discoverAll(ids, Lately)
	return nil
}
