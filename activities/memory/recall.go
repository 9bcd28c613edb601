package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meai/activities/interaction"
	"meai/activities/memory/ranking"
	"meai/activities/memory/when"
	"meai/internal/embedding"
	"meai/internal/embedding/asking"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

const (
	defaultLimit = 5
	mostRecalled = 50
	// Each of the two arms of the index brings twice what is asked for, and no fewer or
	// more than these: what makes a memory an answer beyond word and meaning, who speaks or
	// what was asked before, is weighed only once it has been read.
	leastCandidates, mostCandidates = 60, 100
	// mostFiltered is what the arms bring where emotions are asked for: those are sealed,
	// so that they are filtered only after decryption.
	mostFiltered = 200
	// freshest bounds how many memories that the index lacks are looked through.
	freshest = 50
)

// Recall finds the memories that are likely to answer a text. Its arms look for them at
// the same time, by meaning, by words, by who and what is named, by the time asked about
// and by what was said last; then each is ranked by itself (see package ranking), so that
// neither the arm nor the state of the index changes a score. Without the vector index
// the arms of PostgreSQL are left, and it says so. With entities it looks only at what is
// about them. It never returns the interaction that asks, nor anything from the vault but
// in a session for which that is open.
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
	if in.Diversity < 0 || in.Diversity > 1 || in.Budget < 0 {
		return nil, failure.New(failure.InvalidInput, "recall was asked for a diversity outside [0, 1] or a negative budget", nil)
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
	s := newSearch(in, kinds, keys, a.now())
	found, err := a.runArms(ctx, s)
	if err != nil {
		return Recollection{}, err
	}
	err = a.db.Read(ctx, in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		return s.rank(ctx, q, found)
	})
	if err != nil {
		return Recollection{}, err
	}
	memories := s.best()
	if err := a.vaults.recalled(ctx, in.Ref, memories); err != nil {
		return Recollection{}, err
	}
	return Recollection{Memories: memories, Degraded: s.degraded}, nil
}

// search is one recall on its way.
type search struct {
	in    RecallInput
	kinds []Kind
	limit int
	keys  *keyring.Keys
	at    time.Time
	terms []vectors.Term
	// spans are the times that the question names, events what it names a time by;
	// onlyTime: it hardly says anything else.
	spans    []when.Span
	events   []when.Anchor
	onlyTime bool
	// vector and model are zero when the query could not be embedded.
	vector []float32
	model  string
	// compared are the cosines that the index found by the vector.
	compared map[uuid.UUID]float64
	// rarity weighs the terms.
	rarity map[vectors.Term]float64
	// names are those of the entities that the question means or that are beside them.
	names map[uuid.UUID]string
	// found says which arms brought a memory; read are all that were opened, and nodes
	// those of them that in asks for. beside are the turns around a turn.
	found    map[uuid.UUID]*discovery
	read     map[uuid.UUID]node
	nodes    map[uuid.UUID]node
	beside   map[uuid.UUID][]neighbour
	question *ranking.Question
	degraded []string
}

func newSearch(in RecallInput, kinds []Kind, keys *keyring.Keys, now time.Time) *search {
	s := &search{
		in: in, kinds: kinds, keys: keys, limit: min(in.Limit, mostRecalled), at: now,
		terms:    blindTerms(keys, in.Query, mostQueryTerms),
		compared: make(map[uuid.UUID]float64), names: make(map[uuid.UUID]string), found: make(map[uuid.UUID]*discovery),
		read: make(map[uuid.UUID]node), nodes: make(map[uuid.UUID]node), beside: make(map[uuid.UUID][]neighbour),
	}
	if s.limit <= 0 {
		s.limit = defaultLimit
	}
	if in.At != nil {
		s.at = *in.At
	}
	s.spans, s.events = when.Parse(in.Query, s.at), when.Anchors(in.Query)
	rest := in.Query
	for _, span := range slices.Backward(s.spans) {
		rest = rest[:span.Start] + rest[span.End:]
	}
	s.onlyTime = len(s.spans) > 0 && len(lexicon.Terms(rest)) <= 1
	return s
}

// open: nothing is asked in words, so that there is nothing to compare with.
func (s *search) open() bool { return len(s.terms) == 0 && strings.TrimSpace(s.in.Query) == "" }

// candidates is how many memories each arm of the index is asked for.
func (s *search) candidates() int {
	if len(s.in.Emotions) > 0 {
		return mostFiltered
	}
	return min(max(2*s.limit, leastCandidates), mostCandidates)
}

// runArms runs the arms of the index and those of the graph at the same time.
func (a *Activities) runArms(ctx context.Context, s *search) (indexState, error) {
	if len(s.in.Entities) > 0 || s.open() {
		// Only the graph knows what is about whom, and what was said last.
		return indexAnswered, a.db.Read(ctx, s.in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
			return s.searchGraph(ctx, q)
		})
	}
	if err := a.prepare(ctx, s); err != nil {
		return indexAway, err
	}
	var byMeaning, byWords answer
	arms, running := errgroup.WithContext(ctx)
	arms.Go(func() error {
		byMeaning = a.searchByMeaning(running, s)
		return nil
	})
	arms.Go(func() error {
		byWords = a.searchByWords(running, s)
		return nil
	})
	arms.Go(func() error {
		return a.db.Read(running, s.in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
			return s.searchGraph(ctx, q)
		})
	})
	if err := arms.Wait(); err != nil {
		return indexAway, err
	}
	return s.gather(a, byMeaning, byWords), nil
}

// prepare embeds the question and reads how rare its terms are, at the same time.
func (a *Activities) prepare(ctx context.Context, s *search) error {
	both, running := errgroup.WithContext(ctx)
	both.Go(func() error {
		a.embedQuery(running, s)
		return nil
	})
	both.Go(func() error {
		return a.db.Read(running, s.in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
			return s.weighTerms(ctx, q)
		})
	})
	return both.Wait()
}

// embedQuery makes the vector by which memories are compared; without it recall goes on.
func (a *Activities) embedQuery(ctx context.Context, s *search) {
	embedded, err := a.embedder.Embed(ctx, s.in.Query)
	if err != nil {
		if !errors.Is(err, embedding.ErrWithheld) {
			a.log.WarnContext(ctx, "recall goes by words alone", "error", err)
		}
		return
	}
	s.vector, s.model = asking.Toward(a.embedder.Model(), embedded[0]), a.embedder.Model()
}

func texts(kinds []Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}
