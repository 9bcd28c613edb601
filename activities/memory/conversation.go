package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/ranking"
	"meai/internal/postgres/queries"
)

const (
	// reach is how many turns before and after count as the conversation around one.
	reach = 10
	// expanded is how many of the best have the turns beside them read.
	expanded = 40
)

// neighbour is a turn beside another in its conversation.
type neighbour struct {
	id       uuid.UUID
	distance int
	matched  ranking.Matched
}

// spoken is a turn in its conversation.
type spoken struct {
	id      uuid.UUID
	saidAt  time.Time
	matched ranking.Matched
}

// before orders turns as they were said.
func before(a, b spoken) int {
	return cmp.Or(a.saidAt.Compare(b.saidAt), slices.Compare(a.id[:], b.id[:]))
}

// stretch is what is read of a conversation: so many turns before one and after it, those
// after it up to another.
type stretch struct {
	session       uuid.UUID
	turn, until   spoken
	before, after int
}

// endless comes after all turns.
var endless = spoken{saidAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}

// lookAround reads the terms of the turns around the candidates. Several of one
// conversation have the same turns around them: each turn is read once, or twice at most.
func (s *search) lookAround(ctx context.Context, q *queries.Queries) error {
	found := make(map[uuid.UUID][]spoken)
	for _, n := range s.nodes {
		if n.kind == Turn && n.session != uuid.Nil {
			found[n.session] = append(found[n.session], spoken{n.id, n.saidAt, s.question.Match(n.terms)})
		}
	}
	all, err := s.readAround(ctx, q, stretches(found))
	if err != nil {
		return err
	}
	more, err := s.readAround(ctx, q, remaining(found, all))
	if err != nil {
		return err
	}
	for session, turns := range found {
		told := inOrder(turns, all[session], more[session])
		for i, t := range told {
			if _, asked := s.nodes[t.id]; asked {
				s.beside[t.id] = s.around(told, i)
			}
		}
	}
	return nil
}

// inOrder are the turns of some parts of a conversation as they were said, each once.
func inOrder(parts ...[]spoken) []spoken {
	told := slices.Concat(parts...)
	slices.SortFunc(told, before)
	return slices.CompactFunc(told, func(a, b spoken) bool { return a.id == b.id })
}

// stretches are what to read around turns, in conversations that it sorts: between two
// turns as much as both may need.
func stretches(found map[uuid.UUID][]spoken) []stretch {
	var list []stretch
	for session, turns := range found {
		slices.SortFunc(turns, before)
		for i, t := range turns {
			part := stretch{session: session, turn: t, until: endless, after: reach}
			if i == 0 {
				part.before = reach
			}
			if i+1 < len(turns) {
				part.until, part.after = turns[i+1], 2*reach
			}
			list = append(list, part)
		}
	}
	return list
}

// remaining are the turns before those that lie further from the one before than was read.
func remaining(found, around map[uuid.UUID][]spoken) []stretch {
	var list []stretch
	for session, turns := range found {
		for i := 1; i < len(turns); i++ {
			between := 0
			for _, t := range around[session] {
				if before(turns[i-1], t) < 0 && before(t, turns[i]) < 0 {
					between++
				}
			}
			if between >= 2*reach {
				list = append(list, stretch{session: session, turn: turns[i], until: endless, before: reach})
			}
		}
	}
	return list
}

// readAround reads stretches of conversations, by their sessions.
func (s *search) readAround(ctx context.Context, q *queries.Queries, list []stretch) (map[uuid.UUID][]spoken, error) {
	if len(list) == 0 {
		return nil, nil
	}
	in := queries.ConversationParams{SubjectID: s.in.Ref.Subject}
	for _, part := range list {
		in.Sessions, in.Ids, in.SaidAt = append(in.Sessions, part.session), append(in.Ids, part.turn.id), append(in.SaidAt, part.turn.saidAt)
		in.UntilIds, in.Until = append(in.UntilIds, part.until.id), append(in.Until, part.until.saidAt)
		in.Before, in.After = append(in.Before, int32(part.before)), append(in.After, int32(part.after))
	}
	rows, err := q.Conversation(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read the conversations around: %w", err)
	}
	around := make(map[uuid.UUID][]spoken)
	for _, row := range rows {
		around[row.SessionID] = append(around[row.SessionID], spoken{row.ID, row.SaidAt, s.question.Match(termsOf(row.Terms))})
	}
	return around, nil
}

// around are the turns around the one at a place of a conversation that in asks for.
func (s *search) around(told []spoken, at int) []neighbour {
	var list []neighbour
	for i := max(0, at-reach); i <= min(len(told)-1, at+reach); i++ {
		if i != at && s.inBounds(told[i].saidAt) {
			list = append(list, neighbour{told[i].id, i - at, told[i].matched})
		}
	}
	return list
}

// readNeighbours reads the turns right beside the best, which may be the better answers
// though no arm has found them.
func (s *search) readNeighbours(ctx context.Context, q *queries.Queries) error {
	best := slices.Collect(maps.Keys(s.nodes))
	scores := make(map[uuid.UUID]float64, len(best))
	for _, id := range best {
		scores[id] = s.question.Score(s.question.Of(s.ranked(s.nodes[id])))
	}
	slices.SortFunc(best, func(a, b uuid.UUID) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), slices.Compare(a[:], b[:]))
	})
	var missing []uuid.UUID
	for _, id := range best[:min(expanded, len(best))] {
		for _, n := range s.beside[id] {
			if _, known := s.read[n.id]; known || n.distance < -1 || n.distance > 1 || s.found[n.id] != nil {
				continue
			}
			s.discover(n.id, Beside)
			s.beside[n.id] = seenFrom(n, id, s.question.Match(s.read[id].terms), s.beside[id])
			missing = append(missing, n.id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return s.load(ctx, q, missing, 0)
}

// seenFrom are the turns around n, which is beside a turn that has others around it.
func seenFrom(n neighbour, turn uuid.UUID, matched ranking.Matched, around []neighbour) []neighbour {
	seen := []neighbour{{turn, -n.distance, matched}}
	for _, other := range around {
		if distance := other.distance - n.distance; distance != 0 && -reach <= distance && distance <= reach {
			seen = append(seen, neighbour{other.id, distance, other.matched})
		}
	}
	return seen
}
