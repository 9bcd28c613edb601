package truthfilter

import (
	"math"
	"strings"

	"meai/activities/truthfilter/models"
	"meai/internal/lexicon"
)

// A hazard is a passage that the models hold for asking for harm, or offering it.
type hazard struct {
	passage string
	harm    string
	// odds are log odds that it does.
	odds float64
}

const (
	// passageWords is about how long the passages are in which a text is read: what is
	// harmful must not drown in what is not, and a sentence alone says too little.
	passageWords = 40
	// harmlessOdds of the linear model spare the transformer: on the development statements
	// and the halves of XSTest and HarmBench nothing that it finds has less, while two
	// thirds of what people write have.
	harmlessOdds = -3
	// suspectOdds of a passage have its sentences read one by one.
	suspectOdds = -3
	// unsafeOdds are those at which the safety score is [atUnsafe], the threshold of the
	// built-in policy; chosen on the development statements and on a half of XSTest.
	unsafeOdds = 0.95
	atUnsafe   = 0.6
	// draftOdds take the place of unsafeOdds in what is said to the person: the rules were
	// made for it, and the models have read little of it.
	draftOdds = 6
	// resourceOdds do so in resources, which are written as instructions.
	resourceOdds = 4
	// steepness is how fast the score falls with the odds.
	steepness = 0.5
)

// sexualMinors is the reason of sexual content about minors. A rule names it, too: few
// statements of the kind were written to learn from.
const sexualMinors = "harm_sexual_minors"

// judgeSafety scores how safe a text is for a person who may be hurt already: by rules,
// each of which costs enough to fall below the threshold by itself, and by what the
// models have found.
func judgeSafety(s subject, worst hazard, unsafe float64) LayerScore {
	layer := s.judge(Safety, rulebook.safety)
	score := worst.score(unsafe)
	layer.take(1-score, score < atUnsafe, Reason{Code: "harm_" + worst.harm, Words: worst.passage})
	layer.Confidence = math.Abs(2*score - 1) // of the models; what a rule finds is there
	if len(layer.Reasons) > 0 {
		layer.Confidence = max(layer.Confidence, confident)
	}
	return layer
}

// worstOf finds what is likeliest to be harmful in a text. It reads passage by passage,
// and those that it suspects sentence by sentence: one harmful sentence drowns between
// harmless ones. The odds are those of certain harmlessness when nothing is suspected.
func worstOf(m *models.Models, text string) hazard {
	worst := hazard{odds: math.Inf(-1)}
	weigh := func(part string) float64 {
		read, readable := m.Read(part)
		if !readable {
			return math.Inf(-1)
		}
		if read.Unsafe > worst.odds {
			worst = hazard{part, read.Harm, read.Unsafe}
		}
		return read.Unsafe
	}
	for _, passage := range passages(text) {
		if m.Linear(passage) < harmlessOdds || weigh(passage) < suspectOdds {
			continue
		}
		if sentences := lexicon.Sentences(passage); len(sentences) > 1 {
			for _, sentence := range sentences {
				weigh(sentence)
			}
		}
	}
	return worst
}

// score is how safe the passage is, in [0, 1]: [atUnsafe] at the odds that count as unsafe.
func (h hazard) score(unsafe float64) float64 {
	return 1 / (1 + (1/atUnsafe-1)*math.Exp(steepness*(h.odds-unsafe)))
}

// passages are a text's sentences, short ones together.
func passages(text string) []string {
	var all []string
	var part strings.Builder
	words := 0
	for _, sentence := range lexicon.Sentences(text) {
		n := len(strings.Fields(sentence))
		if words > 0 && words+n > passageWords {
			all = append(all, part.String())
			part.Reset()
			words = 0
		}
		if words > 0 {
			part.WriteByte(' ')
		}
		part.WriteString(sentence)
		words += n
	}
	if words > 0 {
		all = append(all, part.String())
	}
	return all
}
