package reflection

import "strings"

// Retold is the clause as it is told at a later time, when "yesterday" is no
// longer the day before: "last week" becomes "the week before".
func (c Clause) Retold() Clause {
	tokens := tokenise(c.Text)
	kept := tokens[:0]
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if i+1 < len(tokens) && t.after == "" {
			if moved, ok := movedSpan(t.was, tokens[i+1], i > 0 && determiners[tokens[i-1].was]); ok {
				t.word, t.after = moved, tokens[i+1].after
				kept = append(kept, t)
				i++
				continue
			}
		}
		if there, found := movedWords[t.was]; found {
			t.word = there
		}
		if past, found := pastOf(t, tokens, i); found {
			t.word = past
		}
		if t.word != "" {
			kept = append(kept, t)
		}
	}
	c.Text = join(kept)
	return c
}

// spans are the stretches of time that are counted from the day of speaking.
var spans = wordSet(`week month year night weekend summer winter spring autumn morning afternoon evening
	monday tuesday wednesday thursday friday saturday sunday`)

func movedSpan(first string, second token, determined bool) (string, bool) {
	if first == "right" && second.was == "now" {
		return "at the time", true
	}
	if !spans[second.was] || determined {
		return "", false
	}
	switch first {
	case "last":
		return "the " + second.word + " before", true
	case "next":
		return "the " + second.word + " after", true
	case "this":
		return "that " + second.word, true
	default:
		return "", false
	}
}

// movedWords give each word that points to the day of speaking its later form,
// "" for those that are left out.
var movedWords = map[string]string{
	"today": "that day", "tonight": "that night", "yesterday": "the day before", "tomorrow": "the next day",
	"ago": "earlier", "now": "", "currently": "", "just": "",
}

// PointsToTime reports whether the clause says when by the day of speaking.
func (c Clause) PointsToTime() bool {
	return strings.TrimSpace(c.Retold().Text) != c.Text
}

// passing are states of the listener that are told in the past later on. Lasting
// ones, as "you are a nurse", stay as they are.
var passing = map[string]string{
	"feel": "felt", "can't": "couldn't", "don't": "didn't", "want": "wanted", "need": "needed", "are": "were", "aren't": "weren't",
	"keep": "kept", "hope": "hoped", "fear": "feared", "miss": "missed",
}

// lasting words after "you are" tell what somebody is, not how.
var lasting = wordSet(`a an the from in at on one your years year`)

func pastOf(t token, tokens []token, i int) (string, bool) {
	next := ""
	if i+1 < len(tokens) {
		next = tokens[i+1].was
	}
	stays := lasting[next] || next != "" && next[0] >= '0' && next[0] <= '9'
	switch {
	case t.was == "you're" && !stays:
		return "you were", true
	case t.was == "you'll":
		return "you'd", true
	case t.was == "feels":
		return "felt", true
	case i > 0 && tokens[i-1].was == "you" && !(t.was == "are" && stays):
		past, found := passing[t.was]
		return past, found
	default:
		return "", false
	}
}
