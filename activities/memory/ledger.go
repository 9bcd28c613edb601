package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/activities/memory/patterns"
	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
)

// ledger holds a person's echoes and storylines as they are stored, inside a
// transaction that holds the lock on their memories.
type ledger struct {
	q      *queries.Queries
	keys   *keyring.Keys
	now    time.Time
	stored map[uuid.UUID]*storedPattern
	// echoes are the ids of those found now, by key.
	echoes map[string]uuid.UUID
}

// storedPattern is a row with its edges: from what it rests on, and to what it is about.
type storedPattern struct {
	queries.PatternsRow
	text    string
	details sealedDetails
	edges   []queries.PatternEdgesRow
}

func openPatterns(ctx context.Context, q *queries.Queries, keys *keyring.Keys, now time.Time) (*ledger, error) {
	l := &ledger{q: q, keys: keys, now: now, stored: make(map[uuid.UUID]*storedPattern), echoes: make(map[string]uuid.UUID)}
	rows, err := q.Patterns(ctx, keys.Subject())
	if err != nil {
		return nil, fmt.Errorf("list patterns: %w", err)
	}
	for _, row := range rows {
		p := &storedPattern{PatternsRow: row}
		if err := p.open(keys); err != nil {
			return nil, err
		}
		l.stored[row.ID] = p
	}
	edges, err := q.PatternEdges(ctx, keys.Subject())
	if err != nil {
		return nil, fmt.Errorf("list what patterns rest on: %w", err)
	}
	for _, e := range edges {
		// An echo's edge to its storyline belongs to the storyline.
		if p := l.stored[e.ToID]; p != nil {
			p.edges = append(p.edges, e)
		} else if p := l.stored[e.FromID]; p != nil {
			p.edges = append(p.edges, e)
		}
	}
	return l, nil
}

func (p *storedPattern) open(keys *keyring.Keys) error {
	text, err := keys.Open(p.TextSealed, place("text_sealed", p.ID))
	if err != nil {
		return fmt.Errorf("read pattern %s: %w", p.ID, err)
	}
	p.text = string(text)
	if p.DetailsSealed == nil {
		return nil // from before there were any
	}
	details, err := keys.Open(p.DetailsSealed, place("details_sealed", p.ID))
	if err != nil {
		return fmt.Errorf("read the details of pattern %s: %w", p.ID, err)
	}
	if err := json.Unmarshal(details, &p.details); err != nil {
		return fmt.Errorf("read the details of pattern %s: %w", p.ID, err)
	}
	return nil
}

// found reads what was found into an echo or a storyline.
func (p *storedPattern) found(into any) error {
	if p.details.Found == nil {
		return nil
	}
	if err := json.Unmarshal(p.details.Found, into); err != nil {
		return fmt.Errorf("read what pattern %s found: %w", p.ID, err)
	}
	return nil
}

// rests are the memories that a pattern rests on now.
func (p *storedPattern) rests() []uuid.UUID {
	var ids []uuid.UUID
	for _, e := range p.edges {
		if e.ToID == p.ID && e.RetractedAt == nil {
			ids = append(ids, e.FromID)
		}
	}
	return ids
}

// everRested counts the edges from what it rests on, retracted ones included.
func (p *storedPattern) everRested() int {
	n := 0
	for _, e := range p.edges {
		if e.ToID == p.ID {
			n++
		}
	}
	return n
}

// knows tells the keys of the echoes that hold.
func (l *ledger) knows(key string) bool {
	id, _ := l.place(key)
	return l.stored[id] != nil
}

// threads are the storylines that hold, the oldest first.
func (l *ledger) threads() []patterns.Thread {
	var told []patterns.Storyline
	for _, p := range l.stored {
		var s patterns.Storyline
		if p.Kind != string(Storyline) || p.RetractedAt != nil || p.found(&s) != nil || s.Key == "" {
			continue
		}
		s.Moments = p.rests()
		told = append(told, s)
	}
	slices.SortFunc(told, func(a, b patterns.Storyline) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a.Key), []byte(b.Key))
	})
	threads := make([]patterns.Thread, len(told))
	for i, s := range told {
		threads[i] = s.Thread
	}
	return threads
}

// changes count what a reconciliation did.
type changes struct{ echoes, storylines, ceased int }

// reconcile writes what was found, and ends what was not found any more.
func (l *ledger) reconcile(ctx context.Context, wanted []finding) (changes, error) {
	var done changes
	holds := make(map[uuid.UUID]bool, len(wanted))
	for _, f := range wanted {
		holds[f.id] = true
		changed, err := l.keep(ctx, f)
		if err != nil {
			return changes{}, err
		}
		switch {
		case !changed:
		case f.kind == Echo:
			done.echoes++
		default:
			done.storylines++
		}
	}
	for id, p := range l.stored {
		if holds[id] || p.RetractedAt != nil {
			continue
		}
		if err := l.end(ctx, p); err != nil {
			return changes{}, err
		}
		done.ceased++
	}
	return done, nil
}

// end closes a pattern that was not found any more. One whose evidence was deleted is
// deleted too: its words may quote what was to be forgotten.
func (l *ledger) end(ctx context.Context, p *storedPattern) error {
	if p.everRested() < p.details.RestsOn {
		if err := l.q.DeletePattern(ctx, l.keys.Subject(), p.ID); err != nil {
			return fmt.Errorf("delete pattern %s: %w", p.ID, err)
		}
		return nil
	}
	var edges []uuid.UUID
	for _, e := range p.edges {
		if e.RetractedAt == nil {
			edges = append(edges, e.ID)
		}
	}
	if err := l.q.RetractInferredEdges(ctx, l.now, l.keys.Subject(), edges); err != nil {
		return fmt.Errorf("part pattern %s from what showed it: %w", p.ID, err)
	}
	if err := l.q.ClosePattern(ctx, l.now, l.keys.Subject(), p.ID); err != nil {
		return fmt.Errorf("close pattern %s: %w", p.ID, err)
	}
	return nil
}

// keep writes one finding, and reports whether it is new, has new evidence, or reads
// otherwise than before.
func (l *ledger) keep(ctx context.Context, f finding) (changed bool, err error) {
	before := l.stored[f.id]
	fresh := before == nil
	if fresh {
		before = &storedPattern{}
	}
	added, ended := l.compare(f, before)
	details, err := json.Marshal(f.details)
	if err != nil {
		return false, fmt.Errorf("encode the details of pattern %s: %w", f.id, err)
	}
	after := sealedDetails{Found: details, RestsOn: before.everRested()}
	for _, e := range added {
		if e.To == f.id {
			after.RestsOn++
		}
	}
	reworded := before.text != f.text
	if fresh || reworded || !bytes.Equal(before.details.Found, details) || before.details.RestsOn != after.RestsOn {
		if err := l.write(ctx, f, after, fresh, reworded); err != nil {
			return false, err
		}
	}
	if len(ended) > 0 {
		if err := l.q.RetractInferredEdges(ctx, l.now, l.keys.Subject(), ended); err != nil {
			return false, fmt.Errorf("part pattern %s from what shows it no more: %w", f.id, err)
		}
	}
	if len(added) > 0 {
		rows, err := json.Marshal(added)
		if err != nil {
			return false, fmt.Errorf("encode edges: %w", err)
		}
		if err := l.q.InsertInferredEdges(ctx, l.keys.Subject(), rows); err != nil {
			return false, fmt.Errorf("connect pattern %s: %w", f.id, err)
		}
	}
	return fresh || reworded || len(added) > 0, nil
}

// compare gives the edges that a finding needs and has not, and those that it has and
// ought not to have. What was said before the time that was searched stays.
func (l *ledger) compare(f finding, before *storedPattern) (added []edge, ended []uuid.UUID) {
	type ends struct{ from, to uuid.UUID }
	wanted := make(map[ends]string)
	for _, id := range f.evidence {
		wanted[ends{id, f.id}] = f.relation
	}
	for _, id := range f.about {
		wanted[ends{f.id, id}] = about
	}
	retired := make(map[ends]int)
	for _, e := range before.edges {
		at := ends{e.FromID, e.ToID}
		switch {
		case e.RetractedAt != nil:
			retired[at]++
		case wanted[at] != "":
			delete(wanted, at)
		case e.ToID != f.id || !e.SaidAt.Before(f.since) || e.SourceRetractedAt != nil:
			ended = append(ended, e.ID)
		}
	}
	for at, relation := range wanted {
		added = append(added, edge{
			ID: identify(at.to.String(), at.from.String(), retired[at]), From: at.from, To: at.to, Relation: relation, Valid: f.validFrom(at.from),
		})
	}
	slices.SortFunc(added, func(a, b edge) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return added, ended
}

// validFrom is when a memory began to show a pattern: when it was said.
func (f finding) validFrom(evidence uuid.UUID) time.Time {
	if at, known := f.said[evidence]; known {
		return at
	}
	return f.to
}

// write makes or changes the node.
func (l *ledger) write(ctx context.Context, f finding, after sealedDetails, fresh, reworded bool) error {
	row, err := sealed(l.keys, f.node)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("encode the details of pattern %s: %w", f.id, err)
	}
	details, err := l.keys.Seal(plain, place("details_sealed", f.id))
	if err != nil {
		return err
	}
	if fresh {
		err = l.q.InsertPattern(ctx, queries.InsertPatternParams{
			SubjectID: row.SubjectID, ID: row.ID, Kind: row.Kind, NameHmac: row.NameHmac, NameVersion: extraction.NameVersion,
			TextSealed: row.TextSealed, EmotionSealed: row.EmotionSealed, DetailsSealed: details, Terms: row.Terms, TermsVersion: lexicon.Version,
			Importance: row.Importance, SaidAt: row.SaidAt, AboutFrom: f.from, AboutTo: f.to,
		})
	} else if err = l.q.DropTerms(ctx, row.SubjectID, row.ID); err == nil {
		err = l.q.UpdatePattern(ctx, queries.UpdatePatternParams{
			SubjectID: row.SubjectID, ID: row.ID, TextSealed: row.TextSealed, EmotionSealed: row.EmotionSealed, DetailsSealed: details,
			Terms: row.Terms, TermsVersion: lexicon.Version, Importance: row.Importance, SaidAt: row.SaidAt,
			AboutFrom: f.from, AboutTo: f.to, Reworded: reworded,
		})
	}
	if err != nil {
		return fmt.Errorf("write %s %s: %w", f.kind, f.id, err)
	}
	return nil
}
