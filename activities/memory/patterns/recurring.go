package patterns

import (
	"slices"

	"github.com/google/uuid"
)

const (
	// Something keeps coming up that came up in so many turns, on so many days.
	recursTimes = 3
	recursDays  = 2
	// recursWeeks is in how many weeks it came up, once the person wrote in twice as many.
	recursWeeks = 3
)

// recurring finds the feelings and people that came up several times lately. There is
// nothing to test: that they did is what it says. How often is held against the weeks
// in which the person wrote at all.
func (s *search) recurring() []Echo {
	turns := s.since(lately, false)
	written := weeksOf(turns)
	byEmotion, byEntity := make(map[string][]placed), make(map[uuid.UUID][]placed)
	for _, t := range turns {
		if t.Emotion != "" && t.Emotion != Neutral {
			byEmotion[t.Emotion] = append(byEmotion[t.Emotion], t)
		}
		for _, e := range t.Entities {
			byEntity[e] = append(byEntity[e], t)
		}
	}
	var found []Echo
	for emotion, shown := range byEmotion {
		if recurs(shown, written) {
			e := Echo{Key: "emotion " + emotion, Kind: Feeling, Emotion: emotion, Text: capital(emotion) + " keeps coming back."}
			found = append(found, s.recurrence(e, shown, written))
		}
	}
	for entity, shown := range byEntity {
		name := s.spoken(topic{entity: entity})
		if recurs(shown, written) && name != "" {
			e := Echo{Key: "entity " + entity.String(), Kind: Person, Entity: entity, Text: capital(name) + " keeps coming up."}
			found = append(found, s.recurrence(e, shown, written))
		}
	}
	return found
}

func recurs(shown []placed, written int) bool {
	days := make(map[int]bool)
	for _, t := range shown {
		days[t.day] = true
	}
	return len(shown) >= recursTimes && len(days) >= recursDays && (written < 2*recursWeeks || weeksOf(shown) >= recursWeeks)
}

func (s *search) recurrence(e Echo, shown []placed, written int) Echo {
	e.Times, e.Occasions, e.Since = weeksOf(shown), written, s.Now.Add(-lately)
	e.Frequency, e.Confidence = weekly.word(e.Times, e.Occasions)
	e.show(shown)
	return e
}

func weeksOf(turns []placed) int {
	weeks := make([]int, len(turns))
	for i, t := range turns {
		weeks[i] = t.week
	}
	slices.Sort(weeks)
	return len(slices.Compact(weeks))
}
