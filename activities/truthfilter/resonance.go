package truthfilter

import (
	"regexp"
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/internal/lexicon"
)

// Limits of an answer that a person can take in. Strong feelings leave less room.
const (
	tooShort        = 4
	tooLong         = 190
	tooLongWhenHigh = 150
	longSentence    = 45
	manyQuestions   = 3
	manyCommands    = 4
	strong          = 0.6
)

var (
	cheer = regexp.MustCompile(`\b(?:yay|woo-?hoo|awesome|amazing|fantastic|wonderful news|great news|good news|hooray|hurray|congrat\w*|superb|brilliant|exciting|lol|haha\w*|cheers|stay positive|think positive|positive vibes|good vibes|keep smiling|smile|chin up|you've got this|you got this|exciting opportunity|blessing|celebrate|rock on|high five|so happy for you|let's go)\b|!{2,}|[\x{1F600}-\x{1F60F}\x{1F638}-\x{1F63B}\x{1F389}\x{1F38A}]`)
	gloom = regexp.MustCompile(`\b(?:i'm (?:so |very |deeply )?sorry|my condolences|how awful|how terrible|that must hurt|tragic|heartbreaking|what a loss|poor you|that's terrible|be careful what|don't get (?:your hopes up|too excited)|it won't last|pride comes before|but remember that (?:it|things) (?:can|could)|what a shame)\b`)
	cold  = regexp.MustCompile(`\b(?:noted|your request|your input|your query|has been processed|has been recorded|error|invalid|according to my|data suggests|as per|so what|who cares|not my problem|anyway, moving on|next topic|moving on)\b`)
	order = regexp.MustCompile(`(?:^|[.!?] )(?:do|go|take|make|write|call|stop|start|try|get|put|think|tell|ask|find|read|list|sit|stand|drink|eat|sleep|walk|run|remember|forget|be|keep|set|plan|buy|join|talk|leave|focus|work)\b`)
	// meets are words by which an answer shows that it met the feeling before
	// anything else.
	meets = regexp.MustCompile(`\b(?:sounds?|hear|seems?|feels?|feel|feeling|sorry|thank you|hard|heavy|makes sense|painful|hurts?|a lot|understandable|no wonder|glad|tell me|telling|imagine|miss|loss|matters?|you (?:write|say)|with you|difficult|weigh|weighs|carry|carrying|fear|afraid|anger|angry|grief|sadness|lonely|shame|worry|worries|anxious|pain|tired|exhausting)\b`)
)

// judgeResonance scores how a text is likely to land with somebody who feels what
// the analysis says.
func judgeResonance(s subject, drafted string, a *mirror.Analysis) LayerScore {
	layer := LayerScore{Layer: Resonance, Score: 1}
	m, high := moodOf(a), a != nil && a.Intensity >= strong
	s.takeSaid(&layer, 0.65, "cheerleading", m == heavy, cheer)
	s.takeSaid(&layer, 0.6, "gloomy", m == bright, gloom)
	s.takeSaid(&layer, 0.6, "misnamed_feeling", m == heavy, namedBright)
	s.takeSaid(&layer, 0.6, "misnamed_feeling", m == bright, namedHeavy)
	s.takeSaid(&layer, 0.6, "cold", true, cold)
	layer.take(0.55, shouts(drafted), Reason{Code: "shouting"})

	words := len(lexicon.Words(drafted))
	limit := tooLong
	if high && m == heavy {
		limit = tooLongWhenHigh
	}
	layer.take(0.6, words < tooShort, Reason{Code: "too_short"})
	layer.take(0.3, words > limit, Reason{Code: "too_long"})
	layer.take(0.5, words > 2*limit, Reason{Code: "far_too_long"})
	layer.take(0.25, slices.ContainsFunc(lexicon.Sentences(drafted), func(one string) bool {
		return len(lexicon.Words(one)) > longSentence
	}), Reason{Code: "long_sentences"})
	layer.take(0.55, strings.Count(drafted, "?") > manyQuestions, Reason{Code: "interrogating"})
	layer.take(0.55, len(order.FindAllStringIndex(s.text, -1)) >= manyCommands && m == heavy, Reason{Code: "lecturing"})
	layer.take(0.3, high && m == heavy && !meets.MatchString(s.text), Reason{Code: "unmet_feeling"})
	return layer
}

// named recognises a feeling that the text says the person has.
var (
	namedBright = regexp.MustCompile(`\b(?:you(?:'re| are| seem| sound| must be| feel)(?: so| very| really| quite)? (?:happy|joyful|excited|delighted|thrilled|cheerful|in a good mood)|(?:your|such|what) (?:joy|happiness|excitement|delight)|how (?:lovely|wonderful|exciting|nice))\b`)
	namedHeavy  = regexp.MustCompile(`\b(?:you(?:'re| are| seem| sound| must be| feel)(?: so| very| really| quite)? (?:sad|angry|depressed|ashamed|lonely|afraid|desperate|heartbroken|miserable)|(?:your|such|so much) (?:sadness|grief|anger|despair|shame|pain|loneliness))\b`)
)

// shouts: most letters of a text longer than a word or two are capitals.
func shouts(text string) bool {
	letters, capitals := 0, 0
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z':
			letters++
		case r >= 'A' && r <= 'Z':
			letters++
			capitals++
		}
	}
	return letters >= 12 && capitals*2 > letters
}
