package patterns

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scale are words for how often, each with the share of occasions from which it holds,
// the strongest first.
type scale []struct {
	from float64
	word string
}

var (
	weekly = scale{{0.75, "almost every week"}, {0.45, "most weeks"}, {0.2, "every few weeks"}, {0.02, "now and then"}}
	// strengths are how often it is at the time, or with the thing, that is spoken of.
	strengths = scale{{0.7, nearly}, {0.5, most}, {0.25, often}, {0, rather}}
)

const (
	nearly = "nearly always"
	most   = "mostly"
	often  = "often"
	rather = "more often than otherwise"
	// holds is how probable it has to be, after what was counted, that a word's share is
	// reached.
	holds = 0.6
)

// word is the strongest word whose share is probably reached by k of n, and how
// probable that is.
func (s scale) word(k, n int) (word string, confidence float64) {
	for _, step := range s {
		word, confidence = step.word, atLeast(step.from, k, n)
		if confidence >= holds {
			break
		}
	}
	return word, sure(confidence)
}

// adjectives are how a person is who feels so. Others "feel" the label.
var adjectives = map[string]string{
	"overwhelm": "overwhelmed", "anxiety": "anxious", "fear": "afraid", "loneliness": "lonely", "grief": "grieving", "sadness": "sad",
	"despair": "close to despair", "shame": "ashamed", "anger": "angry", "frustration": "frustrated", "disappointment": "disappointed",
	"jealousy": "jealous", "exhaustion": "exhausted", "confusion": "confused", "surprise": "surprised", "gratitude": "grateful",
	"joy": "happy", "pride": "proud", "calm": "calm", "hope": "hopeful", "relief": "relieved", "curiosity": "curious",
}

// been is what the person has been: "been sad", "felt guilt"; the adverb stands before it.
func been(emotion, adverb string) string {
	if adverb != "" {
		adverb += " "
	}
	if adjective, known := adjectives[emotion]; known {
		return adverb + "been " + adjective
	}
	return adverb + "felt " + emotion
}

// wording says patterns in time.
func wording(found []candidate) []Echo {
	echoes := make([]Echo, len(found))
	for i, c := range found {
		e := c.echo
		e.show(c.evidence())
		word, _ := strengths.word(e.Times, e.Occasions)
		if c.span.axis == ofYear {
			word = nearly
			if e.Times < e.Occasions {
				word = most
			}
		}
		switch word {
		case nearly:
			e.Frequency = "nearly every " + c.span.one
			if c.span.axis == ofYear {
				e.Frequency = "every " + c.span.one
			}
			e.Text = fmt.Sprintf("You have %s %s.", been(e.Emotion, ""), e.Frequency)
		case most:
			e.Frequency = "most " + c.span.plural
			e.Text = fmt.Sprintf("You have %s on %s.", been(e.Emotion, ""), e.Frequency)
			if c.span.axis != ofWeek {
				e.Text = fmt.Sprintf("You have %s %s.", been(e.Emotion, ""), e.Frequency)
			}
		case often:
			e.Frequency = "often " + c.span.often
			e.Text = fmt.Sprintf("You have %s %s.", been(e.Emotion, often), c.span.often)
		default:
			e.Frequency = "more often " + c.span.often
			e.Text = fmt.Sprintf("You have %s more %s than %s.", been(e.Emotion, ""), c.span.often, c.span.others)
		}
		echoes[i] = e
	}
	return echoes
}

// triggerWords says what feelings go with.
func (s *search) triggerWords(found []candidate) []Echo {
	echoes := make([]Echo, len(found))
	for i, c := range found {
		e := c.echo
		e.show(c.evidence())
		e.Frequency, _ = strengths.word(e.Times, e.Occasions)
		name := s.spoken(topic{e.Entity, e.Theme})
		if e.Frequency == rather {
			e.Text = fmt.Sprintf("You have %s more often when you spoke of %s than otherwise.", been(e.Emotion, ""), name)
		} else {
			e.Text = fmt.Sprintf("You have %s when you spoke of %s.", been(e.Emotion, e.Frequency), name)
		}
		echoes[i] = e
	}
	return echoes
}

// spoken is how one speaks of a topic to the person: "Tom", "your sister", "the move";
// empty when there is no name for it.
func (s *search) spoken(t topic) string {
	if t.theme != "" {
		return s.Words[t.theme]
	}
	return spokenName(s.Names[t.entity])
}

// spokenName makes "your sister" of "sister", which is a relation; names stand for themselves.
func spokenName(name string) string {
	first, _ := utf8.DecodeRuneInString(name)
	if unicode.IsLower(first) {
		return "your " + name
	}
	return name
}

// capital gives text a capital first letter.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func lower(text string) string { return strings.ToLower(text) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
