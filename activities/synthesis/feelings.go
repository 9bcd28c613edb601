package synthesis

import (
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
	"meai/internal/lexicon"
)

// family groups feelings that are met in the same way.
type family int

const (
	plain  family = iota
	heavy         // sadness, grief, loneliness, shame
	shaken        // anxiety, fear, overwhelm
	heated        // anger, frustration
	bright        // joy, gratitude, pride
	tender        // calm, hope, love
	open          // curiosity, confusion
)

// dark reports whether the feeling is one that hurts.
func (f family) dark() bool { return f == heavy || f == shaken || f == heated }

// light reports whether the feeling is one that does good.
func (f family) light() bool { return f == bright || f == tender }

// feeling is how MeAi speaks of one emotion.
type feeling struct {
	// label is what the grammar of reflections knows it by.
	label  string
	family family
	// inward: it is about oneself more than about what happened.
	inward bool
	noun   string
	// sounds completes "That sounds", for slight, clear and strong feelings.
	sounds [3]string
	// said are words by which a person names it without help, as stems.
	said []string
	// shown are words that show it without naming it, as stems: "crying".
	shown []string
	// stands says what it is like, without judging and without promising.
	stands []string
}

// feelingOf returns how to speak of an emotion label. Labels that are not known
// are named as they are and met by the text's valence, so that Mirror may learn
// new ones first.
func feelingOf(label string, valence float64) feeling {
	label = strings.ToLower(strings.TrimSpace(label))
	if known, found := alias[label]; found {
		f := feelings[known]
		f.label, f.noun = known, label
		f.said = append([]string{lexicon.Stem(label)}, f.said...)
		return f
	}
	if f, found := feelings[label]; found {
		f.label = label
		return f
	}
	f := unnamed(valence)
	if nameable(label) {
		f.noun = strings.ReplaceAll(label, "_", " ")
		f.said = []string{lexicon.Stem(label)}
	}
	return f
}

// unread is how to meet what could not be read for certain.
func unread() feeling {
	return feeling{label: reflection.Neutral, family: plain, stands: unnamedUnsure}
}

func unnamed(valence float64) feeling {
	switch {
	case valence <= -0.3:
		return feeling{label: reflection.Hard, family: heavy, stands: unnamedHeavy}
	case valence >= 0.3:
		return feeling{label: reflection.Good, family: bright, stands: unnamedBright}
	default:
		return feeling{label: reflection.Neutral, family: plain}
	}
}

const longestLabel = 24

func nameable(label string) bool {
	return len(label) >= 3 && len(label) <= longestLabel && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz_ ") == ""
}

// alias leads labels of other vocabularies to the feeling that is met alike.
var alias = map[string]string{
	"stress": "overwhelm", "worry": "anxiety", "nervousness": "anxiety", "panic": "fear", "terror": "fear",
	"hopelessness": "despair", "embarrassment": "shame", "humiliation": "shame", "regret": "guilt", "remorse": "guilt",
	"envy": "jealousy", "rage": "anger", "resentment": "anger", "irritation": "frustration", "annoyance": "frustration",
	"hurt": "sadness", "melancholy": "sadness", "sorrow": "grief", "fatigue": "exhaustion", "tiredness": "exhaustion",
	"happiness": "joy", "excitement": "joy", "amusement": "joy", "contentment": "calm", "optimism": "hope",
	"affection": "love", "thankfulness": "gratitude", "interest": "curiosity", "uncertainty": "confusion",
}

// strength is how strongly to speak of a feeling.
type strength int

const (
	slight strength = iota
	clear
	strong
)

func strengthOf(a *mirror.Analysis) strength {
	switch {
	case a.Intensity >= 0.65:
		return strong
	case a.Intensity >= 0.35:
		return clear
	default:
		return slight
	}
}

// namedBy reports whether the words already name the feeling, other than to deny
// it.
func (f feeling) namedBy(words []string) bool {
	for i, word := range words {
		stem := lexicon.Stem(word)
		if slices.Contains(f.shown, stem) || slices.Contains(f.said, stem) && !slices.ContainsFunc(words[max(0, i-3):i], denies) &&
			!(i+1 < len(words) && words[i+1] == "down") { // "calm down" asks for calm
			return true
		}
	}
	return false
}

func denies(word string) bool {
	switch word {
	case "not", "no", "never", "lost", "losing", "without", "used":
		return true
	default:
		return strings.HasSuffix(word, "n't")
	}
}

// vocabulary is the order in which feelings are looked for in words.
var vocabulary = []string{
	"relief", "pride", "gratitude", "joy", "hope", "love", "calm",
	"grief", "despair", "shame", "guilt", "loneliness", "fear", "anxiety", "overwhelm", "anger", "sadness",
	"frustration", "disappointment", "jealousy", "exhaustion", "confusion",
}

// opposed are the feelings that the words name although they are of the other
// kind, light or dark, than f.
func (f feeling) opposed(words []string) []feeling {
	var found []feeling
	for _, label := range vocabulary {
		other := feelingOf(label, 0)
		named := feeling{said: other.said} // tears alone name nothing
		if (f.family.dark() && other.family.light() || f.family.light() && other.family.dark()) && named.namedBy(words) {
			found = append(found, other)
		}
	}
	return found
}
