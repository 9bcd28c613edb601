package ranking

import (
	"time"

	"meai/activities/memory/when"
	"meai/internal/vectors"
)

// Event is one by which a question names a time, with the terms of its words, all of
// which are among the question's.
type Event struct {
	Relation when.Relation
	Terms    []vectors.Term
}

const (
	// leastTold is the share of an event's terms, by rarity, that a memory must hold to
	// tell of it.
	leastTold = 0.6
	// aroundEvent is how long what was told when something happened lies around it,
	// besideEvent how long the time before and after it is.
	aroundEvent = 3 * 24 * time.Hour
	besideEvent = 120 * 24 * time.Hour
)

// Place finds when events were, by those of the memories that tell most of each, and of
// equals the first that was told. It sets the question's Events.
func (q *Question) Place(events []Event, memories []Memory) {
	for _, e := range events {
		event := q.Match(e.Terms).bits
		total := q.share(event)
		told, most := time.Time{}, 0.0
		for _, m := range memories {
			share := q.share(q.Match(m.Terms).bits&event) / max(total, leastWeight)
			if share < leastTold || share < most || (share == most && !m.SaidAt.Before(told)) {
				continue
			}
			most, told = share, m.SaidAt
			if !m.AboutFrom.IsZero() {
				told = m.AboutFrom
			}
		}
		if most == 0 {
			continue
		}
		span := when.Span{From: told.Add(-aroundEvent), To: told.Add(aroundEvent)}
		switch e.Relation {
		case when.Before:
			span = when.Span{From: told.Add(-besideEvent), To: told}
		case when.After:
			span = when.Span{From: told, To: told.Add(besideEvent)}
		}
		q.Events = append(q.Events, span)
	}
}

// leastWeight keeps a division by the weight of no terms finite.
const leastWeight = 1e-9
