package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/patterns"
	"meai/activities/mirror"
	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
)

const (
	// historyPage is how many turns are read at once.
	historyPage = 500
	// mostMoments bounds the markers that storylines are made of: the newest.
	mostMoments = 2000
)

// history is what a person has told, as far as patterns need it. Of the words only the
// stems of themes are kept.
type history struct {
	patterns.History
	moments []patterns.Moment
	// said is when each turn and marker was said.
	said map[uuid.UUID]time.Time
}

// historian reads a history.
type historian struct {
	q      *queries.Queries
	keys   *keyring.Keys
	themes *patterns.Themes
	// valences are those of the labels.
	valences map[string]float64
	// alive is called after each page.
	alive func()
	where *time.Location
	history
}

// readHistory reads what a person told since a time, in pages.
func (a *Activities) readHistory(ctx context.Context, q *queries.Queries, keys *keyring.Keys, since time.Time) (history, error) {
	feelings, err := mirror.Feelings()
	if err != nil {
		return history{}, err
	}
	h := historian{
		q: q, keys: keys, valences: make(map[string]float64), where: a.where, alive: func() { a.heartbeat(ctx) },
		history: history{said: make(map[uuid.UUID]time.Time)},
	}
	if err := h.readNames(ctx); err != nil {
		return history{}, err
	}
	ignored := make(map[string]bool)
	for _, f := range feelings {
		h.valences[f.Label] = f.Valence
		ignore(ignored, f.Label, strings.Join(f.Names, " "))
	}
	for _, name := range h.Names {
		ignore(ignored, name)
	}
	h.themes = patterns.NewThemes(ignored)
	if err := h.readTurns(ctx, since); err != nil {
		return history{}, err
	}
	h.Words = h.themes.Words()
	if err := h.readMoments(ctx); err != nil {
		return history{}, err
	}
	return h.history, nil
}

// ignore adds the words of texts, which are no themes.
func ignore(stems map[string]bool, texts ...string) {
	for _, text := range texts {
		for _, w := range lexicon.Words(text) {
			stems[lexicon.Stem(w)] = true
		}
	}
}

func (h *historian) readNames(ctx context.Context) error {
	rows, err := h.q.NamesForPatterns(ctx, h.keys.Subject())
	if err != nil {
		return fmt.Errorf("list entities: %w", err)
	}
	h.Names = make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		name, err := h.keys.Open(row.TextSealed, place("text_sealed", row.ID))
		if err != nil {
			return fmt.Errorf("read entity %s: %w", row.ID, err)
		}
		h.Names[row.ID] = string(name)
	}
	return nil
}

func (h *historian) readTurns(ctx context.Context, since time.Time) error {
	next := queries.TurnsForPatternsParams{SubjectID: h.keys.Subject(), Since: since, After: since.Add(-time.Second), AtMost: historyPage}
	for {
		rows, err := h.q.TurnsForPatterns(ctx, next)
		if err != nil {
			return fmt.Errorf("read a page of turns: %w", err)
		}
		if err := h.addTurns(ctx, rows); err != nil {
			return err
		}
		if h.alive(); len(rows) < historyPage {
			return nil
		}
		last := rows[len(rows)-1]
		next.After, next.AfterID = last.SaidAt, last.ID
	}
}

func (h *historian) addTurns(ctx context.Context, rows []queries.TurnsForPatternsRow) error {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	spoken, err := h.spokenOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, row := range rows {
		text, err := h.keys.Open(row.TextSealed, place("text_sealed", row.ID))
		if err != nil {
			return fmt.Errorf("read turn %s: %w", row.ID, err)
		}
		emotion, err := h.label(row.ID, row.EmotionSealed)
		if err != nil {
			return err
		}
		h.said[row.ID] = row.SaidAt
		h.Turns = append(h.Turns, patterns.Turn{
			ID: row.ID, SaidAt: row.SaidAt, Emotion: emotion, Entities: spoken[row.ID], Themes: h.themes.Read(string(text)),
		})
	}
	return nil
}

// label opens an emotion; empty where there is none.
func (h *historian) label(id uuid.UUID, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	label, err := h.keys.Open(sealed, place("emotion_sealed", id))
	if err != nil {
		return "", fmt.Errorf("read the emotion of memory %s: %w", id, err)
	}
	return strings.ToLower(string(label)), nil
}

func (h *historian) spokenOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	rows, err := h.q.SpokenOf(ctx, h.keys.Subject(), ids)
	if err != nil {
		return nil, fmt.Errorf("read whom %d memories are about: %w", len(ids), err)
	}
	spoken := make(map[uuid.UUID][]uuid.UUID)
	for _, row := range rows {
		spoken[row.FromID] = append(spoken[row.FromID], row.Entity)
	}
	return spoken, nil
}

// readMoments reads the markers; their themes are those of their turns.
func (h *historian) readMoments(ctx context.Context) error {
	rows, err := h.q.MarkersForPatterns(ctx, h.keys.Subject(), mostMoments)
	if err != nil {
		return fmt.Errorf("read significant moments: %w", err)
	}
	themes := make(map[uuid.UUID][]string, len(h.Turns))
	for _, t := range h.Turns {
		themes[t.ID] = slices.DeleteFunc(slices.Clone(t.Themes), func(stem string) bool { return h.Words[stem] == "" })
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	spoken, err := h.spokenOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, row := range rows {
		m := patterns.Moment{
			ID: row.ID, SaidAt: row.SaidAt.In(h.where), Intensity: float64(row.Importance), Entities: spoken[row.ID], Themes: themes[row.TurnID],
		}
		if m.Emotion, err = h.label(row.ID, row.EmotionSealed); err != nil {
			return err
		}
		m.Valence = h.valences[m.Emotion]
		if row.VectorSealed != nil {
			if m.Vector, err = openVector(h.keys, row.ID, row.VectorSealed); err != nil {
				return err
			}
		}
		h.said[m.ID] = row.SaidAt
		h.moments = append(h.moments, m)
	}
	return nil
}
