package memory

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

const (
	// echoWindow is how far back a pattern is looked for.
	echoWindow = 90 * 24 * time.Hour
	// A pattern came up in so many interactions, on so many days.
	echoTimes = 3
	echoDays  = 2
	// fullEcho is the number of interactions from which a pattern has full strength.
	fullEcho = 10
)

// neutral is Mirror's label for no particular feeling, which is no pattern.
const neutral = "neutral"

// pattern is something that keeps coming up.
type pattern struct {
	// key makes it the same pattern every night; name is its entity's, if it has one.
	key    string
	text   string
	name   string
	entity uuid.UUID
	turns  []uuid.UUID
	times  int
	last   time.Time
}

// findEchoes looks for patterns in what was said lately and returns how many are
// new or stronger than before.
func (a *Activities) findEchoes(ctx context.Context, subject uuid.UUID) (int, error) {
	keys, err := a.keys.Keys(ctx, subject)
	if err != nil {
		return 0, err
	}
	changed := 0
	err = a.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		patterns, err := patternsSince(ctx, q, keys, a.now().Add(-echoWindow))
		if err != nil {
			return err
		}
		for _, p := range patterns {
			grew, err := keepEcho(ctx, q, keys, p)
			if err != nil {
				return err
			}
			if grew {
				changed++
			}
		}
		return nil
	})
	return changed, err
}

func patternsSince(ctx context.Context, q *queries.Queries, keys *keyring.Keys, since time.Time) ([]pattern, error) {
	people, err := recurringEntities(ctx, q, keys, since)
	if err != nil {
		return nil, err
	}
	feelings, err := recurringEmotions(ctx, q, keys, since)
	return append(people, feelings...), err
}

func recurringEntities(ctx context.Context, q *queries.Queries, keys *keyring.Keys, since time.Time) ([]pattern, error) {
	rows, err := q.RecurringEntities(ctx, queries.RecurringEntitiesParams{
		SubjectID: keys.Subject(), Since: since, LeastTimes: echoTimes, LeastDays: echoDays,
	})
	if err != nil {
		return nil, fmt.Errorf("count mentions: %w", err)
	}
	patterns := make([]pattern, len(rows))
	for i, row := range rows {
		name, err := keys.Open(row.TextSealed, place("text_sealed", row.Entity))
		if err != nil {
			return nil, fmt.Errorf("read entity %s: %w", row.Entity, err)
		}
		patterns[i] = pattern{
			key: "entity " + row.Entity.String(), text: sentence(string(name) + " keeps coming up."), name: string(name),
			entity: row.Entity, turns: row.Turns, times: int(row.Times), last: row.LastSaid,
		}
	}
	return patterns, nil
}

// recurringEmotions counts in this process: the labels are sealed.
func recurringEmotions(ctx context.Context, q *queries.Queries, keys *keyring.Keys, since time.Time) ([]pattern, error) {
	rows, err := q.EmotionsSince(ctx, keys.Subject(), since)
	if err != nil {
		return nil, fmt.Errorf("list emotions: %w", err)
	}
	byLabel := make(map[string]*pattern)
	days := make(map[string]map[time.Time]bool)
	for _, row := range rows {
		opened, err := keys.Open(row.EmotionSealed, place("emotion_sealed", row.ID))
		if err != nil {
			return nil, fmt.Errorf("read the emotion of memory %s: %w", row.ID, err)
		}
		label := strings.ToLower(string(opened))
		if label == neutral {
			continue
		}
		p := byLabel[label]
		if p == nil {
			p = &pattern{key: "emotion " + label, text: sentence(label + " keeps coming back."), name: label}
			byLabel[label], days[label] = p, make(map[time.Time]bool)
		}
		p.turns, p.times, p.last = append(p.turns, row.ID), p.times+1, row.SaidAt
		days[label][row.SaidAt.UTC().Truncate(24*time.Hour)] = true
	}
	var patterns []pattern
	for label, p := range byLabel {
		if p.times >= echoTimes && len(days[label]) >= echoDays {
			patterns = append(patterns, *p)
		}
	}
	slices.SortFunc(patterns, func(a, b pattern) int { return cmp.Compare(a.key, b.key) })
	return patterns, nil
}

// keepEcho writes the node of a pattern and an edge from each turn that shows it,
// and reports whether any of it is new.
func keepEcho(ctx context.Context, q *queries.Queries, keys *keyring.Keys, p pattern) (bool, error) {
	echo := node{
		id: echoID(keys, p.key), kind: Echo, name: p.key, text: p.text,
		terms: blindTerms(keys, p.name, mostTerms), importance: clamp(float64(p.times) / fullEcho), saidAt: p.last, origin: Inferred,
	}
	row, err := sealed(keys, echo)
	if err != nil {
		return false, err
	}
	fresh, err := q.InsertMemoryNode(ctx, row)
	if err != nil {
		return false, fmt.Errorf("write echo %s: %w", echo.id, err)
	}
	edges, err := json.Marshal(echoEdges(echo, p))
	if err != nil {
		return false, fmt.Errorf("encode edges: %w", err)
	}
	added, err := q.InsertMemoryEdges(ctx, keys.Subject(), edges)
	if err != nil {
		return false, fmt.Errorf("connect echo %s: %w", echo.id, err)
	}
	if fresh || added == 0 {
		return fresh, nil
	}
	err = q.StrengthenEcho(ctx, queries.StrengthenEchoParams{
		SubjectID: keys.Subject(), ID: echo.id, Importance: float32(echo.importance), SaidAt: echo.saidAt,
	})
	if err != nil {
		return false, fmt.Errorf("strengthen echo %s: %w", echo.id, err)
	}
	return true, nil
}

// echoID derives the id from the blinded key: from the key itself anybody could
// tell which feelings keep coming back.
func echoID(keys *keyring.Keys, key string) uuid.UUID {
	return identify(keys.Subject().String(), hex.EncodeToString(blindName(keys, key)), 0)
}

func echoEdges(echo node, p pattern) []edge {
	edges := make([]edge, 0, len(p.turns)+1)
	for _, turn := range p.turns {
		edges = append(edges, edge{ID: identify(echo.id.String(), turn.String(), 0), From: turn, To: echo.id, Relation: instanceOf, Valid: p.last})
	}
	if p.entity != uuid.Nil {
		edges = append(edges, edge{ID: identify(echo.id.String(), p.entity.String(), 0), From: echo.id, To: p.entity, Relation: about, Valid: p.last})
	}
	return edges
}

// sentence gives text a capital first letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
