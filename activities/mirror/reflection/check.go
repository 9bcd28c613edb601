package reflection

import (
	"regexp"
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// Rule is one thing that a prompt may not do.
type Rule string

const (
	// Diagnosis: it names an illness.
	Diagnosis Rule = "diagnosis"
	// Medical: it claims that something treats or heals.
	Medical Rule = "medical"
	// Order: a sentence tells the person to do something.
	Order Rule = "order"
	// Advice: it suggests what to do.
	Advice Rule = "advice"
	// Blame: it finds fault, or asks for a justification.
	Blame Rule = "blame"
	// Falsehood: it claims to know, feel or foresee what software cannot.
	Falsehood Rule = "falsehood"
	// Cliche: worn phrases of counselling.
	Cliche Rule = "cliche"
	// Parroting: it gives back more than six words in a row, or most of a sentence.
	Parroting Rule = "parroting"
	// ManyQuestions: it asks more than one question.
	ManyQuestions Rule = "questions"
	// Length: fewer than 5 or more than 45 words.
	Length Rule = "length"
	// Slot: a slot of the grammar was not filled.
	Slot Rule = "slot"
	// Form: an exclamation mark, a stray space, a small beginning, no end.
	Form Rule = "form"
)

const (
	fewestInPrompt, mostInPrompt = 5, 45
	// fewestParroted words in a row count as parroting when they are most of a
	// sentence: "your sister" is no parroting of "My sister!".
	fewestParroted = 3
)

// Violation is a rule with the part of the text that breaks it. Found may hold the
// person's words.
type Violation struct {
	Rule  Rule
	Found string
}

// phrases are the rules that words alone break.
var phrases = []struct {
	rule    Rule
	pattern *regexp.Regexp
}{
	{Diagnosis, anyOf(`depress(?:ed|ion|ions|ive|ives)`, `disorder(?:s|ed)?`, `bipolar`, `ptsd`, `ocd`, `adhd`, `trauma\w*`, `symptom\w*`, `clinical\w*`,
		`diagnos\w*`, `patholog\w*`, `syndromes?`, `neuro(?:sis|ses|tic|tics)`, `psycho(?:sis|ses|tic|path|paths|pathic)`, `schizo\w*`, `mani(?:a|c|as)`,
		`phobi(?:a|as|c)`, `autis\w*`, `narcissis\w*`, `borderline`, `personality type`, `panic attacks?`, `burn-?outs?`, `burnt out`, `burned out`, `addict\w*`,
		`insomnia\w*`, `anorexi\w*`, `bulimi\w*`, `dissociat\w*`, `paranoi\w*`, `delusion\w*`, `hallucinat\w*`, `suicid\w*`, `self-harm\w*`, `mental(?:ly)? (?:ill|illness|health)`,
		`co-?dependen\w*`, `attachment (?:style|issues?)`)},
	{Medical, anyOf(`cures?`, `cured`, `curing`, `heal(?:s|ed|ing)?`, `treatments?`, `treat(?:s|ing)? (?:your|the|this|it)`, `medicat\w*`, `medicin\w*`, `dos(?:e|es|age)`,
		`prescri\w*`, `therap(?:y|ies|ist|ists|eutic)`, `remed(?:y|ies)`, `relapse\w*`, `recover(?:y|s|ed|ing)?`, `proven`, `studies show`, `research shows`, `scientific\w*`)},
	{Order, anyOf(`you(?:'d| had)? (?:should|must|need to|have to|ought to|better|shouldn't|mustn't)`, `you(?:'re| are) supposed to`, `should(?:n't)? you`, `must you`, `tr(?:y|ies|ied|ying) to`)},
	{Advice, anyOf(`i (?:suggest|recommend|advise)`, `my advice`, `why not`, `why don't you`, `have you (?:tried|considered|thought of|thought about)`, `how about`, `what about (?:trying|doing|going|taking)`,
		`you (?:could|might|may) (?:try|start|want to|consider|like to try)`, `(?:helps|would help|may help|could help|can help) to`, `(?:it is|it's) (?:best|better|important|time) to`, `the best thing (?:to|is|you)`, `if i were you`)},
	{Blame, anyOf(`your (?:own )?(?:fault|problem|doing)`, `to blame`, `because of you`, `you (?:caused|brought|made) (?:this|it|them|him|her|yourself)`,
		`why (?:do|did|are|were|can|could|have|would|won't|don't|didn't|can't|couldn't|aren't|haven't|weren't) you`, `overreact\w*`, `too sensitive`, `only yourself`, `you let (?:this|it) happen`, `you are (?:wrong|selfish|lazy|weak)`)},
	{Falsehood, anyOf(`i (?:know|understand) (?:exactly )?how`, `i promise`, `always be (?:here|there)`, `(?:will|is going to) be (?:fine|okay|ok|all right|alright|well)`, `everything (?:will|happens)`, `gets? better`,
		`i feel`, `i care`, `i (?:am|have been) (?:here|sorry|glad|happy|proud|sad)`, `i'm (?:here|sorry|glad|happy|proud|sad)`, `at least`, `for a reason`, `time heals`, `look on the bright`, `cheer up`, `i have been there`)},
	{Cliche, anyOf(`safe space`, `hold(?:ing)? space`, `inner child`, `your journey`, `healing journey`, `sit(?:ting)? with (?:it|that|this|the|your)`, `lean(?:ing)? into`, `self-care`, `your truth`, `process (?:this|that|it|your|the)`,
		`valid`, `unpack`, `toxic`, `boundaries`, `hono(?:u)?r (?:your|that|this)`, `gentle reminder`, `show up for yourself`, `permission to`, `(?:it's|it is) (?:okay|ok|all right) (?:to|not to)`, `best self`, `mindful\w*`)},
}

func anyOf(patterns ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\pL\pN'])(` + strings.Join(patterns, "|") + `)(?:$|[^\pL\pN'])`)
}

// Check names the rules that a prompt breaks, given what the person said.
func Check(text, words string) []Violation {
	found := checkLine(text)
	if n := len(strings.Fields(text)); n < fewestInPrompt || n > mostInPrompt {
		found = append(found, Violation{Rule: Length})
	}
	if run := parroted(text, words); run != "" {
		found = append(found, Violation{Parroting, run})
	}
	return found
}

func passes(text, words string) bool { return len(Check(text, words)) == 0 }

// checkLine holds a text to the rules that need nothing but itself.
func checkLine(text string) []Violation {
	var found []Violation
	lower := strings.ToLower(apostrophes.Replace(text))
	for _, p := range phrases {
		if match := p.pattern.FindStringSubmatch(lower); match != nil {
			found = append(found, Violation{p.rule, match[1]})
		}
	}
	for _, sentence := range lexicon.Sentences(text) {
		if order := ordered(sentence); order != "" {
			found = append(found, Violation{Order, order})
		}
	}
	if strings.Count(text, "?") > 1 {
		found = append(found, Violation{Rule: ManyQuestions})
	}
	if strings.ContainsAny(text, "{}|") {
		found = append(found, Violation{Rule: Slot})
	}
	if !wellFormed(text) {
		found = append(found, Violation{Rule: Form})
	}
	return found
}

func wellFormed(text string) bool {
	return text != "" && text == strings.Join(strings.Fields(text), " ") && text == Capitalised(text) && !strings.ContainsAny(text, "!…") &&
		strings.ContainsAny(text[len(text)-1:], ".?") && !strings.Contains(text, "..") && !strings.Contains(text, ",.") && text == Clean(text)
}

// bareVerbs begin an order when they begin a sentence.
var bareVerbs = wordSet(`accept allow ask avoid be become begin believe breathe bring call check choose come consider count cut describe do draw drink eat
	enjoy explain explore face feel find focus follow forget forgive get give go grab have hold identify ignore imagine join keep learn leave let list listen look make
	meditate meet move name notice open pause pay picture plan practise practice put read reach reflect relax release remember repeat say schedule see seek set share
	show sit sleep slow speak spend stand start stay stop take talk tell think touch treat try turn use wait walk watch wear write don't never please let's`)

// soft verbs are nouns as well; they order only before one of these.
var (
	softVerbs = wordSet(`rest love trust hope fear worry care work sleep dance cry laugh smile help change face walk talk plan share look start use hold name touch`)
	objects   = wordSet(`yourself me us your the a an it on in for about to with that this and more less now what how him her them at up down into out back one`)
	adverbs   = wordSet(`just now then so perhaps maybe always simply and but or also next first today tonight instead gently`)
)

// ordered returns the beginning of an order in a sentence, or "". An order may
// also stand behind a comma: "If you like, tell me".
func ordered(sentence string) string {
	asks := strings.HasSuffix(sentence, "?")
	for i, part := range strings.FieldsFunc(sentence, func(r rune) bool { return strings.ContainsRune(",;:–—", r) }) {
		words := lexicon.Words(part)
		for len(words) > 1 && adverbs[words[0]] {
			words = words[1:]
		}
		if len(words) == 0 || asks && i == 0 && inverting[words[0]] {
			continue
		}
		next := ""
		if len(words) > 1 {
			next = words[1]
		}
		switch first := words[0]; {
		case softVerbs[first] && !objects[next], i > 0 && !objects[next], i > 0 && asks && inverting[first]:
		case bareVerbs[first] || softVerbs[first]:
			return strings.TrimSpace(first + " " + next)
		}
	}
	return ""
}

// parroted returns the run of the person's words that a text gives back although
// it is too long: more than six in a row, or more than six tenths of a sentence.
// Words that were turned to the listener's side count as the person's.
func parroted(text, words string) string {
	said := lexicon.Words(text)
	for _, sentence := range lexicon.Sentences(words) {
		plain := lexicon.Words(sentence)
		turnedRound := slices.Clone(plain)
		for i, w := range turnedRound {
			switch {
			case turned[w] != "":
				turnedRound[i] = turned[w]
			case w == "am":
				turnedRound[i] = "are"
			}
		}
		for _, theirs := range [][]string{plain, turnedRound} {
			from, n := longestRun(said, theirs)
			if n > mostPhrase || n >= fewestParroted && n*10 > len(theirs)*6 {
				return strings.Join(said[from:from+n], " ")
			}
		}
	}
	return ""
}

// longestRun finds the longest run of words that both lists hold, with its place
// in the first.
func longestRun(a, b []string) (from, n int) {
	before := make([]int, len(b)+1)
	for i := range a {
		now := make([]int, len(b)+1)
		for k := range b {
			if a[i] != b[k] {
				continue
			}
			if now[k+1] = before[k] + 1; now[k+1] > n {
				from, n = i+1-now[k+1], now[k+1]
			}
		}
		before = now
	}
	return from, n
}
