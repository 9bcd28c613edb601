package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

const (
	defaultLimit = 5
	mostRecalled = 50
	// spare candidates are fetched for each memory asked for, because some repeat
	// each other or are filtered out once they can be read.
	spare = 4
	// leastCandidates are fetched however few memories are asked for.
	leastCandidates = 20
	// mostCandidates bounds what one recall decrypts.
	mostCandidates = 200
	// freshest bounds how many memories that the index lacks are looked through.
	freshest = 50
)

// Recall finds the memories nearest to a text: by meaning and words in the vector
// index, by words alone in PostgreSQL when the index is down, and always among
// what is too new to be indexed. With entities it looks only at what is about
// them. It never returns the interaction that asks, nor anything from the vault.
func (a *Activities) Recall(ctx context.Context, in RecallInput) (Recollection, error) {
	kinds, err := kindsToRecall(in)
	if err != nil {
		return Recollection{}, err
	}
	started := a.now()
	a.steps.Begin(in.Ref, interaction.MemoryRetrieval)
	found, err := a.recall(ctx, in, kinds)
	if err != nil {
		return Recollection{}, fmt.Errorf("recall for subject %s: %w", in.Ref.Subject, err)
	}
	a.steps.End(in.Ref, a.outcome(interaction.MemoryRetrieval, started, found.Degraded...))
	return found, nil
}

// kindsToRecall are the kinds that in asks for, without the vault, which needs
// the person's consent on each access.
func kindsToRecall(in RecallInput) ([]Kind, error) {
	if in.Ref.Subject == uuid.Nil {
		return nil, failure.New(failure.InvalidInput, "recall needs a subject", nil)
	}
	if len(in.Kinds) == 0 {
		return indexed, nil
	}
	var kinds []Kind
	for _, k := range in.Kinds {
		switch k {
		case Turn, Marker, Echo, Storyline, Entity:
			kinds = append(kinds, k)
		case Vault:
		default:
			return nil, failure.New(failure.InvalidInput, "recall was asked for a kind of memory that does not exist", nil)
		}
	}
	return kinds, nil
}

func (a *Activities) recall(ctx context.Context, in RecallInput, kinds []Kind) (Recollection, error) {
	keys, err := a.keys.Keys(ctx, in.Ref.Subject)
	if failure.Is(err, failure.KeyMissing) || len(kinds) == 0 {
		return Recollection{}, nil // nobody has told anything yet
	}
	if err != nil {
		return Recollection{}, err
	}
	s := newSearch(in, kinds, keys)
	a.embedQuery(ctx, s)
	indexed := a.searchIndex(ctx, s)
	err = a.db.Read(ctx, in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		return s.searchGraph(ctx, q, indexed)
	})
	if err != nil {
		return Recollection{}, err
	}
	return Recollection{Memories: s.best(), Degraded: s.degraded}, nil
}

// search is one recall on its way.
type search struct {
	in    RecallInput
	kinds []Kind
	limit int
	keys  *keyring.Keys
	terms []vectors.Term
	// vector and model are zero when the query could not be embedded.
	vector []float32
	model  string
	// found are the candidates, nodes those of them that in asks for.
	found []uuid.UUID
	nodes map[uuid.UUID]node
	// rarity weighs the terms; beside holds the terms said just before and after.
	rarity   map[vectors.Term]float64
	beside   map[uuid.UUID][]vectors.Term
	degraded []string
}

func newSearch(in RecallInput, kinds []Kind, keys *keyring.Keys) *search {
	s := &search{
		in: in, kinds: kinds, keys: keys, limit: min(in.Limit, mostRecalled),
		terms: blindTerms(keys, in.Query, mostQueryTerms), nodes: make(map[uuid.UUID]node),
	}
	if s.limit <= 0 {
		s.limit = defaultLimit
	}
	return s
}

func (a *Activities) embedQuery(ctx context.Context, s *search) {
	if strings.TrimSpace(s.in.Query) == "" {
		return
	}
	embedded, err := a.embedder.Embed(ctx, s.in.Query)
	if err != nil {
		a.log.WarnContext(ctx, "recall goes by words alone", "error", err)
		s.degraded = append(s.degraded, embeddingUnavailable)
		return
	}
	s.vector, s.model = embedded[0], a.embedder.Model()
}

// searchIndex asks the vector index and reports whether it knows the person.
// Whatever is wrong with it, the person gets an answer.
func (a *Activities) searchIndex(ctx context.Context, s *search) bool {
	if len(s.in.Entities) > 0 {
		return true // the graph alone knows what is about whom
	}
	hits, err := a.index.Search(ctx, s.in.Ref.Subject, vectors.Query{
		Terms: s.terms, Vector: s.vector, Alpha: meaningWeight,
		Kinds: s.kindsInIndex(), From: s.in.From, To: s.in.To, Limit: s.candidates(),
	})
	if errors.Is(err, vectors.ErrNoTenant) {
		return false // nothing is indexed yet, or the index is being rebuilt
	}
	if err != nil {
		a.log.WarnContext(ctx, "recall goes without the vector index", "error", err)
		s.degraded = append(s.degraded, vectorsUnavailable)
		return false
	}
	for _, h := range hits {
		s.found = append(s.found, h.ID)
	}
	return true
}

// kindsInIndex narrows the search down, unless to all that the index holds: every
// filter costs the index time.
func (s *search) kindsInIndex() []string {
	if len(s.in.Kinds) == 0 {
		return nil
	}
	return texts(s.kinds)
}

// candidates is how many memories each arm is asked for. Emotions are sealed, so
// they are filtered after decryption and need more to choose from.
func (s *search) candidates() int {
	if len(s.in.Emotions) > 0 {
		return mostCandidates
	}
	return min(max(s.limit*spare, leastCandidates), mostCandidates)
}

// searchGraph runs the arms in PostgreSQL and reads what the ranking needs.
func (s *search) searchGraph(ctx context.Context, q *queries.Queries, indexed bool) error {
	var err error
	var fresh int32
	switch {
	case len(s.in.Entities) > 0:
		err = s.aboutEntities(ctx, q)
	case len(s.terms) == 0 && s.vector == nil:
		err = s.recent(ctx, q)
	default:
		err, fresh = s.lexical(ctx, q, indexed), freshest
	}
	if err != nil {
		return err
	}
	if err := s.load(ctx, q, fresh); err != nil {
		return err
	}
	return s.weigh(ctx, q)
}

// lexical looks for the query's terms: in every kind when the index has not
// answered, and among entities always, because only PostgreSQL holds them.
func (s *search) lexical(ctx context.Context, q *queries.Queries, indexed bool) error {
	kinds := s.kinds
	if indexed {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k != Entity })
	}
	if len(kinds) == 0 || len(s.terms) == 0 {
		return nil
	}
	ids, err := q.LexicalMatches(ctx, queries.LexicalMatchesParams{
		SubjectID: s.in.Ref.Subject, Terms: numbers(s.terms), Kinds: texts(kinds),
		SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: int32(s.candidates()),
	})
	if err != nil {
		return fmt.Errorf("search by words: %w", err)
	}
	s.found = append(s.found, ids...)
	return nil
}

// recent takes the newest when the question says nothing to compare with.
func (s *search) recent(ctx context.Context, q *queries.Queries) error {
	ids, err := q.RecentMemories(ctx, queries.RecentMemoriesParams{
		SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds),
		SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: int32(s.candidates()),
	})
	if err != nil {
		return fmt.Errorf("list the newest memories: %w", err)
	}
	s.found = append(s.found, ids...)
	return nil
}

// aboutEntities finds what is about any of the named entities.
func (s *search) aboutEntities(ctx context.Context, q *queries.Queries) error {
	named, err := s.entities(ctx, q)
	if err != nil || len(named) == 0 {
		return err
	}
	s.found, err = q.MemoriesAbout(ctx, queries.MemoriesAboutParams{
		SubjectID: s.in.Ref.Subject, Kinds: texts(s.kinds), Entities: named,
		SaidFrom: s.in.From, SaidTo: s.in.To, AtMost: mostCandidates,
	})
	if err != nil {
		return fmt.Errorf("search by entity: %w", err)
	}
	return nil
}

// entities are the nodes that the names in the question mean.
func (s *search) entities(ctx context.Context, q *queries.Queries) ([]uuid.UUID, error) {
	book, err := openAddressBook(ctx, q, s.keys, s.in.Entities)
	if err != nil {
		return nil, err
	}
	var found []uuid.UUID
	for _, name := range s.in.Entities {
		if id, ok := book.find(name); ok {
			found = append(found, id)
		}
	}
	return found, nil
}

// load reads the candidates and as many of the memories that are not indexed yet,
// and keeps what in asks for.
func (s *search) load(ctx context.Context, q *queries.Queries, freshest int32) error {
	rows, err := q.CandidateMemories(ctx, s.in.Ref.Subject, s.found, freshest)
	if err != nil {
		return fmt.Errorf("read %d memories: %w", len(s.found), err)
	}
	for _, row := range rows {
		n, err := opened(s.keys, queries.MemoryNode(row))
		if err != nil {
			return err
		}
		if s.wants(n) {
			s.nodes[n.id] = n
		}
	}
	return nil
}

func (s *search) wants(n node) bool {
	switch {
	case !slices.Contains(s.kinds, n.kind), !n.span.RetractedAt.IsZero(),
		n.from != uuid.Nil && n.from == s.in.Ref.Interaction,
		s.in.From != nil && n.saidAt.Before(*s.in.From),
		s.in.To != nil && !n.saidAt.Before(*s.in.To):
		return false
	case len(s.in.Emotions) == 0:
		return true
	default:
		return slices.ContainsFunc(s.in.Emotions, func(e string) bool { return strings.EqualFold(e, n.emotion) })
	}
}

func texts(kinds []Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}
