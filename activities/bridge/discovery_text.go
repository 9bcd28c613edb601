package bridge

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"meai/activities/truthfilter"
)

var (
	// markup is what no title or summary needs: tags, pictures, links that do
	// something, addresses outside of their place.
	markup = regexp.MustCompile(`(?i)<[a-z!/?]|!\[|\b(javascript|vbscript|data|file|blob|tel|sms|mailto|intent|ftp)\s*:\s*\S*[/,;@+\d]|\b(javascript|vbscript)\s*:|https?:|www\.`)
	// orders are meant for a model, whoever reads them.
	orders = regexp.MustCompile(`(?i)\b(ignore|disregard|forget|override|bypass)\b.{0,60}\b(instruction|prompt|rule|guideline|message|polic|training|safety|filter)|` +
		`\b(system|developer|hidden|initial|secret|new) (prompt|instruction)|\binstructions? (for|to) (the )?(ai|assistant|model|llm|agent|chatbot)\b|` +
		`\b(you are|you're|act as|pretend to be|behave as) (now )?(an? |the |in )?(ai|assistant|model|llm|admin|root|system|dan|unrestricted|unfiltered|developer mode)\b|` +
		`\b(dear|attention|note to|hey),? (the |all )?(ai|assistant|model|llm|agent|chatbot)s?\b|\b(tell|ask|instruct|convince|urge|warn|inform) the user\b|` +
		`\b(call|use|invoke|run) the .{0,30}\btool\b|\btool_call|\b(api|secret) ?key\b|\bpassword\b|\breveal\b.{0,40}\b(prompt|instruction|memor|secret)|\bjailbreak|\bchatgpt\b|\blanguage model\b`)
	// named keeps the text of a link to a page; a picture is none.
	named = regexp.MustCompile(`(^|[^!])\[([^\]\[]*)\]\(https?://[^)\s]*\)`)
	// leftovers are the codes of TruthFilter's rules for what was never meant for a person.
	leftovers = []string{"injection_leftover", "markup", "template_leftover"}
)

// plain makes a text of one line in letters that can be seen, at most so many long; it
// refuses one that is markup, speaks to a model or is empty.
func plain(text string, most int) (string, bool) {
	text = visible(html.UnescapeString(strings.ToValidUTF8(text, " ")))
	text = named.ReplaceAllString(text, "$1$2")
	if orders.MatchString(text) || slices.ContainsFunc(truthfilter.Screen(text), func(code string) bool { return slices.Contains(leftovers, code) }) {
		return "", false
	}
	if markup.MatchString(text) || strings.ContainsAny(text, "[]{}<>\\|") {
		return "", false
	}
	text = strings.Join(strings.Fields(strings.Map(unmarked, text)), " ")
	return cut(text, most), strings.ContainsFunc(text, unicode.IsLetter)
}

// visible leaves out what cannot be seen or changes how the rest is seen: controls,
// directions, joiners, tags, variants, private letters. Letters that look like others
// for show become those.
func visible(text string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point), r == '\u2800':
			return -1
		}
		return r
	}, norm.NFKC.String(text)))
}

// unmarked drops what is only there for Markdown.
func unmarked(r rune) rune {
	switch r {
	case '*', '`', '~', '#':
		return -1
	case '_':
		return ' '
	}
	return r
}

// cut shortens a text at a word, between characters.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	short := string(runes[:most-1])
	if i := strings.LastIndexByte(short, ' '); i > len(short)/2 {
		short = short[:i]
	}
	return strings.TrimRight(short, " ,;:") + "…"
}
