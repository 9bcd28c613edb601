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
	text = strings.ToLower(norm.NFKD.String(pictures.Replace(strings.ToValidUTF8(text, " "))))
	text = strings.Map(plainRune, lineEnd.ReplaceAllString(text, ". "))
	text = spelledOut.ReplaceAllStringFunc(oneAlphabet(text), joinLetters)
	words := strings.Fields(sentenceEnd.ReplaceAllString(text, " . "))
	for i, w := range words {
		words[i] = plainWord(w)
		if words[i] == "kms" && i > 0 && strings.ContainsAny(words[i-1], "0123456789") {
			continue // a distance
		}
		words[i] = inFull(words[i])
	}
	text = " " + strings.Join(strings.Fields(strings.Join(words, " ")), " ") + " "
	for _, c := range inContext {
		text = c.pattern.ReplaceAllString(text, c.full)
	}
	return phrases.Replace(text)
}

// inFull gives a word that people shorten or misspell in full.
func inFull(w string) string {
	if full, known := spelled[w]; known {
		return full
	}
	for _, g := range misspelled {
		if near(w, g) {
			return g
		}
	}
	return w
}

// misspelled are words that are worth recognising with a slip, and that no other
// English word is so close to.
var misspelled = []string{"suicide", "suicidal", "myself", "overdosed", "unalive"}

// near reports whether two words of about the same length differ by one letter
// that is missing, added or another, or by two that changed places.
func near(w, g string) bool {
	if w == g || w == "" || len(w) < len(g)-1 || len(w) > len(g)+1 || w[0] != g[0] {
		return false
	}
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	w, g = w[i:], g[i:]
	switch {
	case w == "" || g == "":
		return true
	case len(w) > len(g):
		return w[1:] == g
	case len(w) < len(g):
		return w == g[1:]
	case w[1:] == g[1:]:
		return true
	default:
		return len(w) > 1 && w[0] == g[1] && w[1] == g[0] && w[2:] == g[2:]
	}
}

// plainRune drops what is invisible, accents included, and unifies quotes and
// letters in frames.
func plainRune(r rune) rune {
	switch {
	case r == '\'' || r == '’' || r == '‘' || r == '`' || r == '´' || r == 'ʼ':
		return '\''
	case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		return -1
	case unicode.IsSpace(r) || unicode.IsControl(r):
		return ' '
	case r >= 0x1F150 && r <= 0x1F169: // white on black circles
		return 'a' + r - 0x1F150
	case r >= 0x1F170 && r <= 0x1F189: // white on black squares
		return 'a' + r - 0x1F170
	case r >= 0x1F1E6 && r <= 0x1F1FF: // regional indicators
		return 'a' + r - 0x1F1E6
	default:
		return r
	}
}

// pictures that people put for the word.
var pictures = strings.NewReplacer(
	"🔪", " knife ", "🗡", " knife ", "🪒", " razor ", "✂", " scissors ", "🔫", " gun ", "💊", " pills ", "🪢", " rope ", "🩸", " blood ",
	"💀", " skull ", "☠", " skull ", "⚰", " coffin ", "🪦", " grave ", "🌉", " bridge ", "🚆", " train ", "🚂", " train ", "🚄", " train ",
	"🚌", " bus ", "💣", " bomb ", "🪓", " axe ", "🔨", " hammer ", "🩹", " plaster ", "🚫", " no ", "👋", " bye ", "⛓", " chain ", "😂", " lol ", "🤣", " lol ", "🕊", " dove ",
)

var (
	lineEnd     = regexp.MustCompile(`[\r\n\x{2028}\x{2029}]+`)
	sentenceEnd = regexp.MustCompile(`[.!?;…]+(\s|$)`)
	// spelledOut: k.i.l.l, k-i-l-l, k i l l, k . i . l . l; at least three single letters.
	spelledOut = regexp.MustCompile(`\b[a-z0-9@$](?:(?:[ .*_\-]| [.*_\-] )[a-z0-9@$]){2,}\b`)
	// letters that stand for others inside a word: k1ll, d!e, $uicide.
	lookalikes = strings.NewReplacer("1", "i", "!", "i", "3", "e", "0", "o", "@", "a", "4", "a", "$", "s", "5", "s", "7", "t", "+", "t", "€", "e", "|", "l")
)

// grave are words that people spell out or mask to get past a filter.
var grave = []string{
	"kill", "kills", "killed", "killing", "die", "died", "dies", "dying", "dead", "death", "suicide", "suicidal", "suicides", "rape", "rapes", "raped", "raping",
	"cut", "cuts", "cutting", "hang", "hanging", "overdose", "murder", "stab", "shoot", "bleed", "bleeding", "blood", "knife", "razor", "pills",
}

// small are the words that join those of the rules into sentences.
var small = []string{"i", "a", "am", "me", "my", "to", "the", "it", "is", "be", "so", "and", "want", "do", "not", "myself", "harm", "self", "again", "just"}

// joinLetters joins what was spelled out and cuts it into words again, if it is more
// than three letters or one of the words that matter: "vitamin a b c" stays.
func joinLetters(s string) string {
	joined := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .*_-", r) {
			return -1
		}
		return r
	}, s)
	plain := lookalikes.Replace(joined)
	if words := segment(plain); len(words) > 0 {
		return strings.Join(words, " ")
	}
	if len(joined) > 3 {
		return joined
	}
	return s
}

// longestSpelled bounds the letters that are cut into words.
const longestSpelled = 48

// segment cuts letters into grave and small words with at least one grave one, into
// as few as there can be; nil if they are others.
func segment(letters string) []string {
	if len(letters) > longestSpelled {
		return nil
	}
	best := make([][]string, len(letters)+1)
	best[0] = []string{}
	for end := 1; end <= len(letters); end++ {
		for _, w := range slices.Concat(grave, small) {
			if !strings.HasSuffix(letters[:end], w) || best[end-len(w)] == nil {
				continue
			}
			if best[end] == nil || len(best[end-len(w)])+1 < len(best[end]) {
				best[end] = append(slices.Clone(best[end-len(w)]), w)
			}
		}
	}
	words := best[len(letters)]
	if !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(grave, w) || w == "harm" || w == "myself" }) {
		return nil
	}
	return words
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

// oneAlphabet turns Cyrillic and Greek letters that look Latin into Latin ones in
// a text with a word that mixes both; a Russian or Greek word with a letter of its
// own stays as it is.
func oneAlphabet(text string) string {
	if strings.IndexFunc(text, alien) < 0 || strings.IndexFunc(text, latin) < 0 {
		return text
	}
	words := strings.SplitAfter(text, " ")
	if !slices.ContainsFunc(words, func(w string) bool {
		return strings.IndexFunc(w, alien) >= 0 && strings.IndexFunc(w, latin) >= 0
	}) {
		return text
	}
	for i, w := range words {
		if like := homoglyphs.Replace(w); strings.IndexFunc(like, alien) < 0 {
			words[i] = like
		}
	}
	return strings.Join(words, "")
}

func latin(r rune) bool { return unicode.Is(unicode.Latin, r) }

func alien(r rune) bool {
	return unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee) || r > 'z' && latin(r)
}

var homoglyphs = strings.NewReplacer(
	"а", "a", "в", "b", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "у", "y", "і", "i", "ӏ", "l", "ј", "j", "к", "k", "ѕ", "s", "һ", "h", "н", "h", "ԁ", "d",
	"ԛ", "q", "ԝ", "w", "ѵ", "v", "ү", "y", "т", "t", "м", "m", "г", "r", "п", "n",
	"α", "a", "β", "b", "ε", "e", "η", "n", "ι", "i", "κ", "k", "λ", "l", "μ", "m", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x", "ω", "w", "γ", "y", "ς", "s", "δ", "d",
	"ı", "i", "ł", "l", "ø", "o", "ɑ", "a", "ɡ", "g", "ɩ", "i", "ɪ", "i", "ꜱ", "s", "ᴀ", "a", "ʙ", "b", "ᴄ", "c", "ᴅ", "d", "ᴇ", "e", "ꜰ", "f", "ɢ", "g", "ʜ", "h",
	"ᴊ", "j", "ᴋ", "k", "ʟ", "l", "ᴍ", "m", "ɴ", "n", "ᴏ", "o", "ᴘ", "p", "ʀ", "r", "ᴛ", "t", "ᴜ", "u", "ᴠ", "v", "ᴡ", "w", "ʏ", "y", "ᴢ", "z", "ғ", "f", "ǫ", "q", "ß", "ss", "æ", "ae",
	"օ", "o", "ս", "u", "ո", "n", "հ", "h",
)

// plainWord undoes look-alike letters, drops other punctuation and shortens
// letters that are held down.
func plainWord(w string) string {
	if w == "." {
		return w
	}
	if starred, known := masked(w); known {
		return starred
	}
	if full, known := shorthand[w]; known {
		return full
	}
	if hasLetter(w) && !measure.MatchString(w) {
		w = unleet(strings.TrimRight(w, "!"))
	}
	var b strings.Builder
	for _, r := range w {
		switch {
		case r == '\'' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		case r == '"' || r == '“' || r == '”':
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Trim(held(b.String()), " '")
}

// measure is a number with a unit or an ordinal: no letter is meant.
var measure = regexp.MustCompile(`^\W*\d+(?:st|nd|rd|th|am|pm|mg|g|kg|km|kms|k|m|cm|mm|ml|l|s|h|hrs?|mins?|d|y|x|%)\W*$`)

// unleet reads digits and signs as letters. A 1 is an i, or an l where that gives
// a word that the rules know.
func unleet(w string) string {
	if strings.Contains(w, "1") {
		if l := strings.Trim(lookalikes.Replace(strings.ReplaceAll(w, "1", "l")), ".,:\"()"); slices.Contains(withL, l) {
			return l
		}
	}
	return lookalikes.Replace(w)
}

// withL are words in which a 1 is an l.
var withL = []string{"kill", "kills", "killed", "killing", "pills", "slaps", "slapped", "locks", "locked", "life", "alone", "bleeding", "blood", "self", "myself", "fell", "hell", "leave", "let", "blade", "blades", "all", "live", "alive", "help", "please", "pulled", "school", "love", "lonely", "gun", "holds", "kil"}

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

// Plain is a text in the plain spelling that the rules see, in which tricks are undone.
func Plain(text string) string { return strings.TrimSpace(normalise(text)) }
