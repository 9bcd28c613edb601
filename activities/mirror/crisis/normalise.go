package crisis

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxBytes bounds the work; the API takes less.
const maxBytes = 64 << 10

// normalise brings a text into the one spelling that the rules are written in:
// lower case, plain letters, single spaces, contractions spelled out, and what
// people write to get past filters undone. Sentence ends become " . ".
func normalise(text string) string {
	if len(text) > maxBytes {
		text = text[:maxBytes]
	}
	text = strings.ToLower(norm.NFKC.String(strings.ToValidUTF8(text, " ")))
	text = strings.Map(plainRune, lineEnd.ReplaceAllString(text, ". "))
	text = spelledOut.ReplaceAllStringFunc(text, joinLetters)
	words := strings.Fields(sentenceEnd.ReplaceAllString(text, " . "))
	for i, w := range words {
		words[i] = plainWord(w)
		if words[i] == "kms" && i > 0 && strings.ContainsAny(words[i-1], "0123456789") {
			continue // a distance
		}
		if full, known := spelled[words[i]]; known {
			words[i] = full
		}
	}
	return phrases.Replace(" " + strings.Join(words, " ") + " ")
}

// plainRune drops what is invisible and unifies quotes and dashes.
func plainRune(r rune) rune {
	switch {
	case r == '\'' || r == '’' || r == '‘' || r == '`' || r == '´' || r == 'ʼ':
		return '\''
	case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
		return -1
	case unicode.IsSpace(r) || unicode.IsControl(r):
		return ' '
	default:
		return r
	}
}

var (
	lineEnd     = regexp.MustCompile(`[\r\n\x{2028}\x{2029}]+`)
	sentenceEnd = regexp.MustCompile(`[.!?;…]+(\s|$)`)
	// spelledOut: k.i.l.l, k-i-l-l, k i l l; at least three single letters.
	spelledOut = regexp.MustCompile(`\b[a-z0-9@$](?:[ .*_\-][a-z0-9@$]){2,}\b`)
	// letters that stand for others inside a word: k1ll, d!e, $uicide.
	lookalikes = strings.NewReplacer("1", "i", "!", "i", "3", "e", "0", "o", "@", "a", "4", "a", "$", "s", "5", "s", "7", "t")
)

// grave are words that people spell out or mask to get past a filter.
var grave = []string{"kill", "killing", "die", "died", "dead", "death", "suicide", "suicidal", "rape", "raped", "cut", "cutting", "hang", "overdose"}

// joinLetters joins what was spelled out, if it is more than three letters or one
// of the words that matter: "vitamin a b c" stays.
func joinLetters(s string) string {
	joined := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .*_-", r) {
			return -1
		}
		return r
	}, s)
	if len(joined) > 3 || slices.Contains(grave, lookalikes.Replace(joined)) {
		return joined
	}
	return s
}

// masked reads a word with stars for letters: k*ll, su*cide.
func masked(w string) (string, bool) {
	w = strings.Trim(w, ".,!?\"'")
	if !strings.Contains(w, "*") || strings.Trim(w, "*") == "" {
		return "", false
	}
	pattern := strings.ReplaceAll(w, "*", "?")
	for _, g := range grave {
		if ok, err := path.Match(pattern, g); err == nil && ok {
			return g, true
		}
	}
	return "", false
}

// oneAlphabet turns Cyrillic letters that look Latin into Latin ones where a word
// mixes both; a Russian word stays as it is.
func oneAlphabet(w string) string {
	if strings.IndexFunc(w, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) < 0 {
		return w
	}
	return homoglyphs.Replace(w)
}

var homoglyphs = strings.NewReplacer("а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "у", "y", "і", "i", "к", "k", "ѕ", "s", "һ", "h")

// plainWord undoes look-alike letters, drops other punctuation and shortens
// letters that are held down.
func plainWord(w string) string {
	if w == "." {
		return w
	}
	if starred, known := masked(w); known {
		return starred
	}
	if hasLetter(w) {
		w = oneAlphabet(w)
		w = lookalikes.Replace(strings.TrimRight(w, "!"))
	}
	var b strings.Builder
	for _, r := range w {
		switch {
		case r == '-' || r == '/' || r == ',' || r == ':' || r == '*' || r == '_':
			b.WriteByte(' ')
		case r == '\'' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(held(b.String()))
}

func hasLetter(w string) bool { return strings.IndexFunc(w, unicode.IsLetter) >= 0 }

// held shortens a run of three or more of the same letter to one, or to two
// where English writes two at the end of these words (kill, off).
func held(w string) string {
	var b strings.Builder
	runes := []rune(w)
	for i := 0; i < len(runes); {
		n := i
		for n < len(runes) && runes[n] == runes[i] {
			n++
		}
		count := n - i
		if count >= 3 && unicode.IsLetter(runes[i]) {
			count = 1
			if runes[i] == 'l' || runes[i] == 'f' {
				count = 2
			}
		}
		b.WriteString(strings.Repeat(string(runes[i]), count))
		i = n
	}
	return b.String()
}

// spelled gives contractions, phone slips and slang in full.
var spelled = map[string]string{
	"i'm":        "i am",
	"im":         "i am",
	"i'll":       "i will",
	"i've":       "i have",
	"ive":        "i have",
	"i'd":        "i would",
	"don't":      "do not",
	"dont":       "do not",
	"doesn't":    "does not",
	"doesnt":     "does not",
	"didn't":     "did not",
	"didnt":      "did not",
	"can't":      "can not",
	"cant":       "can not",
	"cannot":     "can not",
	"won't":      "will not",
	"wont":       "will not",
	"isn't":      "is not",
	"isnt":       "is not",
	"aren't":     "are not",
	"wasn't":     "was not",
	"weren't":    "were not",
	"ain't":      "is not",
	"wouldn't":   "would not",
	"wouldnt":    "would not",
	"couldn't":   "could not",
	"couldnt":    "could not",
	"shouldn't":  "should not",
	"haven't":    "have not",
	"havent":     "have not",
	"hasn't":     "has not",
	"he's":       "he is",
	"hes":        "he is",
	"she's":      "she is",
	"shes":       "she is",
	"they're":    "they are",
	"theyre":     "they are",
	"he'll":      "he will",
	"she'll":     "she will",
	"they'll":    "they will",
	"it's":       "it is",
	"there's":    "there is",
	"that's":     "that is",
	"what's":     "what is",
	"whats":      "what is",
	"everyone's": "everyone is",
	"wanna":      "want to",
	"gonna":      "going to",
	"gotta":      "got to",
	"lemme":      "let me",
	"mysef":      "myself",
	"myslef":     "myself",
	"suicde":     "suicide",
	"sucide":     "suicide",
	"suiside":    "suicide",
	"sucidal":    "suicidal",
	"anymor":     "anymore",
	"alot":       "a lot",
	"kms":        "kill myself",
	"unalive":    "kill",
	"unaliving":  "killing",
	"selfharm":   "self harm",
}

// phrases unifies what comes in several words.
var phrases = strings.NewReplacer(
	" my self ", " myself ",
	" any more ", " anymore ",
	" any longer ", " anymore ",
)
