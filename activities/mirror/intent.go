package mirror

import (
	"math"
	"strings"
	"unicode"

	"meai/internal/lexicon"
)

// undetermined is BCP 47 for a language that cannot be told.
const undetermined = "und"

// language is "en" where English stop words hold the text together, as they do in
// any sentence; short texts in plain letters get the benefit of the doubt.
func (r reading) language() string {
	letters, latin := 0, 0
	for _, c := range r.text {
		if unicode.IsLetter(c) {
			letters++
			if unicode.Is(unicode.Latin, c) {
				latin++
			}
		}
	}
	if letters == 0 || latin*10 < letters*9 {
		return undetermined
	}
	if len(r.words) < 5 {
		return "en"
	}
	english := 0
	for _, w := range r.words {
		if lexicon.StopWord(w) {
			english++
		}
	}
	if english*5 < len(r.words) {
		return undetermined
	}
	return "en"
}

// kind tells what sort of message it is; the first rule that fits counts.
func (r reading) kind() Kind {
	switch {
	case len(r.words) == 0:
		return Ambiguous
	case r.asksForHelp():
		return ResourceRequest
	case r.greets():
		return SmallTalk
	case r.asks():
		return Question
	case len(r.words) < 3:
		return Ambiguous
	default:
		return Expression
	}
}

func (r reading) asksForHelp() bool {
	if r.has("help me calm", "help me relax", "help me sleep", "help me cope", "help me with", "help me deal", "coping strategies", "coping strategy",
		"breathing exercise", "breathing exercises", "an exercise", "exercises for", "a technique", "techniques", "any tips", "some tips", "tips for", "any advice", "some advice",
		"recommend", "can you suggest", "could you suggest", "do you have any suggestions", "any resources", "a resource", "resources for", "help line", "helpline", "hotline",
		"something i can try", "anything i can try", "something i could try", "anything i could try", "something to try", "something i can do", "anything i can do", "something i could do", "anything i could do", "anything that could help", "something that could help", "what can i do", "what could i do", "what should i do",
		"how can i calm", "how do i calm", "how do i cope", "how can i cope", "how do i deal", "how can i deal", "how can i stop", "how do i stop", "how can i get better", "how to calm", "how to cope", "how to deal", "ways to",
		"a book about", "a book on", "where can i get help", "where can i find help", "show me how to", "teach me", "guide me", "anything that helps", "something that helps", "what helps") {
		return true
	}
	return r.has("meditation", "journaling prompt") && r.asks()
}

func (r reading) greets() bool {
	if len(r.words) > 8 {
		return false
	}
	return r.has("hello", "hi", "hey", "good morning", "good evening", "good night", "how are you", "what's up", "bye", "see you", "just checking in", "hi there", "nice weather") ||
		(len(r.words) <= 4 && r.has("thanks", "thank you", "ok", "okay", "cool", "great"))
}

var questionWords = map[string]bool{
	"what": true, "why": true, "how": true, "when": true, "where": true, "who": true, "which": true, "do": true, "does": true, "did": true,
	"can": true, "could": true, "would": true, "should": true, "is": true, "are": true, "am": true, "was": true, "will": true, "have": true, "has": true,
}

// asks: the last sentence is a question, or the text begins like one.
func (r reading) asks() bool {
	sentences := lexicon.Sentences(r.text)
	if len(sentences) == 0 {
		return false
	}
	if strings.HasSuffix(strings.TrimSpace(sentences[len(sentences)-1]), "?") {
		return true
	}
	return len(sentences) == 1 && questionWords[r.words[0]] && !strings.HasSuffix(sentences[0], "!") && len(r.words) > 2 &&
		!r.has("what a", "how nice", "how lovely")
}

var (
	boosters = map[string]bool{
		"very": true, "so": true, "really": true, "extremely": true, "totally": true, "completely": true, "absolutely": true, "incredibly": true,
		"utterly": true, "deeply": true, "terribly": true, "too": true, "much": true, "always": true, "never": true, "all": true, "constantly": true, "beyond": true,
	}
	dampers = map[string]bool{
		"slightly": true, "somewhat": true, "bit": true, "little": true, "kinda": true, "fairly": true, "rather": true, "mildly": true, "sort": true, "maybe": true, "barely": true, "hardly": true,
	}
)

// intensity is how strongly it is felt, in [0, 1]: from valence, degree words,
// exclamation marks, capitals and letters held down.
func (r reading) intensity(valence float64, e *emotion) float64 {
	base := 0.3 + 0.35*math.Abs(valence)
	if e.Label == neutral {
		base = 0.1 + 0.2*math.Abs(valence)
	}
	for _, c := range e.cues {
		if c.weight > 1 && r.affirmed(c.stems) > 0 {
			base += 0.1
			break
		}
	}
	up, down := 0, 0
	for _, w := range r.words {
		if boosters[w] {
			up++
		}
		if dampers[w] {
			down++
		}
	}
	base += 0.06*float64(min(up, 3)) - 0.1*float64(min(down, 2))
	base += 0.05*float64(min(strings.Count(r.text, "!"), 3)) + r.shouting()
	return min(max(base, 0.05), 1)
}

// shouting is a bonus for words in capitals and letters held down.
func (r reading) shouting() float64 {
	bonus := 0.0
	for _, w := range strings.Fields(r.text) {
		if len(w) >= 3 && w == strings.ToUpper(w) && w != strings.ToLower(w) {
			bonus += 0.04
		}
		if held(w) {
			bonus += 0.04
		}
	}
	return min(bonus, 0.12)
}

func held(w string) bool {
	run, last := 1, rune(0)
	for _, c := range w {
		if c == last && unicode.IsLetter(c) {
			if run++; run >= 3 {
				return true
			}
			continue
		}
		run, last = 1, c
	}
	return false
}
