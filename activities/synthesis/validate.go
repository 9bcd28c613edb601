package synthesis

import (
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/internal/lexicon"
)

// nameFeeling says tentatively what MeAi hears, and what that is like.
func (c *composition) nameFeeling() {
	if c.in.Analysis == nil || c.kind == mirror.Ambiguous && c.feeling.noun == "" || c.feeling.family == plain && c.feeling.stands == nil || c.kind == mirror.Question && !c.feeling.family.dark() {
		return
	}
	var sentences []string
	switch {
	case len(c.opposed) > 0 && !c.mend.unnamed:
		both := strings.NewReplacer("{one}", c.feeling.noun, "{other}", c.opposed[0].noun)
		sentences = append(sentences, both.Replace(c.chooser.pick("both", mixed)))
	default:
		if name := c.named(); name != "" {
			sentences = append(sentences, name)
		}
	}
	if stand := c.stand(); stand != "" && (c.strength > slight || len(sentences) == 0) {
		sentences = append(sentences, stand)
	}
	c.add(strings.Join(sentences, " "), c.tone(), toValidate)
}

// named is the sentence that names the feeling, unless the person did so or
// MeAi is not sure enough.
func (c *composition) named() string {
	f := c.feeling
	if f.noun == "" || c.mend.unnamed || !c.sure || f.namedBy(c.lexicon) {
		return ""
	}
	name := strings.NewReplacer("{noun}", f.noun, "{some}", amount(c.strength), "{sounds}", f.sounds[c.strength])
	options := byNoun
	switch {
	case f.sounds[c.strength] == "":
	case f.noun == "grief": // "some grief" would be too little in any case
		options = bySound
	default:
		options = slices.Concat(byNoun, bySound)
	}
	return name.Replace(c.chooser.pick("name", options))
}

// mixed names two feelings that seem to contradict each other.
var mixed = []string{
	"The {one} and the {other} can both be there.",
	"There is {one} in it and {other} as well, and neither cancels the other.",
}

var (
	byNoun = []string{
		"I hear {some} {noun} in that.",
		"There seems to be {some} {noun} in it.",
		"It reads as if there is {some} {noun} in it.",
	}
	bySound = []string{
		"That sounds {sounds}.",
		"It sounds {sounds}, the way you put it.",
		"From here that sounds {sounds}.",
	}
)

func amount(s strength) string {
	switch s {
	case strong:
		return "a lot of"
	case clear:
		return "some"
	default:
		return "a little"
	}
}

// stand is a sentence that stands by the person.
func (c *composition) stand() string {
	if !c.sure {
		return ""
	}
	options := c.feeling.stands
	if c.atNight() && c.feeling.family == shaken {
		options = append(options[:len(options):len(options)], "At night such things are often louder than by day.")
	}
	return c.chooser.pick("stand", options)
}

func (c *composition) atNight() bool {
	for _, word := range lexicon.Words(c.in.Context.TimeOfDay) {
		if word == "night" || word == "midnight" {
			return true
		}
	}
	return false
}

func (c *composition) tone() string {
	switch c.feeling.family {
	case heavy:
		return "gentle"
	case shaken:
		return "calm"
	case heated:
		return "steady"
	case bright:
		return "glad"
	case tender:
		return "warm"
	default:
		return "open"
	}
}
