package memory

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/activities/memory/ranking"
	"meai/activities/memory/when"
)

// Arm is a way by which a memory is found.
type Arm string

// The arms of a recall, in the order in which they are named.
const (
	ByWords   Arm = "words"
	ByMeaning Arm = "meaning"
	ByName    Arm = "names"
	ByTime    Arm = "time"
	// Beside is the conversation around something that was found.
	Beside Arm = "conversation"
	Lately Arm = "recent"
	// Unlocked: the vault is open for the session.
	Unlocked Arm = "vault"
)

var arms = []Arm{ByWords, ByMeaning, ByName, ByTime, Beside, Lately, Unlocked}

// Finding says that an arm found a memory, and why, in plain words. The reason may hold
// names that the person uses: it is for them alone.
type Finding struct {
	Arm    Arm    `json:"arm"`
	Reason string `json:"reason"`
}

// discovery is what is known of how a memory was found.
type discovery struct {
	arms     []Arm
	entities []uuid.UUID
}

func (s *search) discover(id uuid.UUID, arm Arm) *discovery {
	d := s.found[id]
	if d == nil {
		d = &discovery{}
		s.found[id] = d
	}
	if !slices.Contains(d.arms, arm) {
		d.arms = append(d.arms, arm)
	}
	return d
}

func (s *search) discoverAll(ids []uuid.UUID, arm Arm) {
	for _, id := range ids {
		s.discover(id, arm)
	}
}

// findings are the arms that found a memory, each with its reason.
func (s *search) findings(n node, f ranking.Features) []Finding {
	d := s.found[n.id]
	if d == nil {
		return nil
	}
	var list []Finding
	for _, arm := range arms {
		if slices.Contains(d.arms, arm) {
			list = append(list, Finding{arm, s.reason(arm, n, d, f)})
		}
	}
	return list
}

// mostCovered is the share of a question's terms, by rarity, from which on a memory shares
// most of its words.
const mostCovered = 0.5

func (s *search) reason(arm Arm, n node, d *discovery, f ranking.Features) string {
	switch arm {
	case ByWords:
		own, around := f.Shared()
		switch {
		case own >= mostCovered:
			return "shares most of the question's telling words"
		case own > 0:
			return "shares words with the question"
		case around > 0:
			return "was said beside words of the question"
		}
		return "its conversation shares words with the question"
	case ByMeaning:
		return "is close in meaning"
	case ByName:
		return "is about " + s.namesOf(d.entities)
	case ByTime:
		return s.timely(n)
	case Unlocked:
		return "is in the vault, which is open"
	case Beside:
		return "was said right before or after something that was found"
	default:
		return "was said lately"
	}
}

// timely says how a memory lies to the time asked about.
func (s *search) timely(n node) string {
	said := func(span when.Span) bool { return span.Contains(n.saidAt) }
	switch {
	case slices.ContainsFunc(s.spans, said):
		return "was said in the time asked about"
	case s.question != nil && slices.ContainsFunc(s.question.Events, said):
		return "was said around what the question dates by"
	default:
		return "speaks of the time asked about"
	}
}

func (s *search) namesOf(entities []uuid.UUID) string {
	var names []string
	for _, id := range entities {
		if name := s.names[id]; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
