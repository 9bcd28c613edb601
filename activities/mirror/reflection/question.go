package reflection

import (
	"slices"
	"strings"

	"meai/internal/lexicon"
)

var (
	interrogatives = wordSet(`what why how when where who which whose what's where's who's how's why's when's`)
	contractedIs   = wordSet(`what's where's who's how's why's when's`)
	auxiliaries    = wordSet(`am is are was were do does did have has had can could will would shall should may might must
		isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't`)
	inverting = wordSet(`am is are was were do does did have has can could will would shall should may might
		isn't aren't wasn't don't doesn't didn't haven't hasn't can't couldn't won't wouldn't shouldn't`)
	// measures follow "how" and "what": "how long", "what kind".
	measures = wordSet(`long much many often far old soon bad hard kind sort time`)
	subject  = wordSet(`i he she it they we this that there everyone everybody someone nobody anyone`)
)

// leadIns put a question to the listener, or to oneself.
var leadIns = []string{
	"do you think that", "do you think", "do you believe", "do you know", "can you tell me", "could you tell me",
	"any idea", "i wonder", "i keep asking myself", "i keep wondering", "tell me",
}

// Indirect turns a question into its indirect form on the listener's side: "Why
// do I always give in?" becomes "why you always give in", "Should I go?" becomes
// "whether you should go". It reports false when it cannot be done safely.
func Indirect(question string) (string, bool) {
	words := trimmed(tokenise(withoutLeadIn(quieted(Clean(question)))))
	if len(words) < 3 || len(words) > mostWords || slices.ContainsFunc(words, foreign) {
		return "", false
	}
	direct, ok := declarative(words)
	if !ok {
		return "", false
	}
	shifted, ok := shift(direct)
	if !ok || len(shifted) == 0 {
		return "", false
	}
	shifted[len(shifted)-1].after = ""
	return lowered(join(shifted)), true
}

// withoutLeadIn leaves "whether" in the place of "do you think".
func withoutLeadIn(question string) string {
	lower := strings.ToLower(question)
	if len(lower) != len(question) {
		return question
	}
	for _, lead := range leadIns {
		if !strings.HasPrefix(lower, lead+" ") {
			continue
		}
		rest := question[len(lead)+1:]
		if first := lexicon.Words(rest); len(first) > 0 && !interrogatives[first[0]] && !inverting[first[0]] && first[0] != "whether" && first[0] != "if" {
			return "whether " + rest
		}
		return rest
	}
	return question
}

// declarative puts subject before verb.
func declarative(words []token) ([]token, bool) {
	switch first := words[0].was; {
	case first == "what" && words[1].was == "if":
		return slices.Concat(plain("what happens if"), words[2:]), true
	case contractedIs[first]:
		question, _, _ := strings.Cut(words[0].word, "'")
		is := token{word: "is", was: "is"}
		return uninverted(plain(question), append([]token{is}, words[1:]...))
	case interrogatives[first]:
		lead := 1
		if measures[words[1].was] && (first == "how" || first == "what") {
			lead = 2
		}
		return uninverted(words[:lead], words[lead:])
	case inverting[first]:
		return uninverted(plain("whether"), words)
	case first == "whether" || first == "if":
		return words, true
	default:
		return nil, false
	}
}

// uninverted joins the question word and the rest, whose verb may stand first.
func uninverted(lead, rest []token) ([]token, bool) {
	if len(rest) < 2 {
		return nil, false
	}
	verb, after := rest[0], rest[1:]
	if !auxiliaries[verb.was] {
		return slices.Concat(lead, rest), lead[0].was != "whether" // "who cares", "what helps"
	}
	end := subjectEnd(after)
	switch {
	case end == 0:
		// "what is wrong with me" has its order already.
		return slices.Concat(lead, rest), lead[0].was != "whether" && isForm(verb.was)
	case end >= len(after) && !isForm(verb.was):
		return nil, false
	case verb.was == "do" && after[0].was == "i" && (lead[0].was == "how" || lead[0].was == "where") && len(lead) == 1:
		return slices.Concat(lead, plain("to"), after[end:]), true
	case verb.was == "do":
		return slices.Concat(lead, after), true
	case verb.was == "does":
		return thirdPerson(lead, after, end)
	case verb.was == "did":
		return nil, false // its past form would have to be known
	}
	verb.before, verb.word = "", verb.was
	return slices.Concat(lead, after[:end], []token{verb}, after[end:]), true
}

func isForm(verb string) bool {
	return verb == "is" || verb == "are" || verb == "was" || verb == "were" || verb == "am"
}

// thirdPerson conjugates: "does he love me" gives "he loves me".
func thirdPerson(lead, after []token, end int) ([]token, bool) {
	verb := after[end]
	switch w := verb.was; {
	case w == "have":
		verb.word = "has"
	case w == "go" || w == "do" || strings.HasSuffix(w, "s") || strings.HasSuffix(w, "sh") || strings.HasSuffix(w, "ch") || strings.HasSuffix(w, "x"):
		verb.word = w + "es"
	case strings.HasSuffix(w, "y") && len(w) > 2 && !strings.ContainsRune("aeou", rune(w[len(w)-2])):
		verb.word = w[:len(w)-1] + "ies"
	case between[w] || lexicon.StopWord(w):
		return nil, false // an adverb stands before the verb
	default:
		verb.word = w + "s"
	}
	return slices.Concat(lead, after[:end], []token{verb}, after[end+1:]), true
}

// subjectEnd is the number of words that make up the subject, 0 if unknown.
func subjectEnd(words []token) int {
	if subject[words[0].was] {
		return 1
	}
	if np, n := personAt(words, 0); np != "" {
		return n
	}
	if (words[0].was == "my" || words[0].was == "the" || words[0].was == "our") && len(words) <= 3 {
		return len(words) // "when is my exam?"
	}
	return 0
}

// plain makes tokens of words that the person did not say.
func plain(text string) []token {
	var tokens []token
	for word := range strings.FieldsSeq(text) {
		tokens = append(tokens, token{word: word, was: strings.ToLower(word)})
	}
	return tokens
}
