// Package when reads what a text says about time: "last spring", "two weeks ago", "on
// 3 May", "between March and May". It is pure and safe for concurrent use.
//
// It is for English. Weeks begin on Monday. Seasons are those of the northern
// hemisphere, of three whole months each: spring is March to May, and winter 2024 begins
// in December 2024. Who lives in the south is half a year out where they name a season;
// nothing else depends on it. Dates written as figures are read only in the order
// 2025-03-02, because 02/03 means two different days to two people.
package when

import (
	"slices"
	"strings"
	"time"
)

// Span is a time that a text names, from From (inclusive) to To (exclusive).
type Span struct {
	// From is zero where the text names no beginning: "before 2019".
	From, To time.Time
	// Start and End are the byte offsets of the words in the text.
	Start, End int
}

// Contains reports whether t lies within the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// Parse returns the times that text names, in its order, none overlapping another in the
// text, as somebody means them who speaks at the moment at: in its location. What could
// be in the past or in the future ("on Friday", "in May") is the latest that has begun,
// unless the words before it look ahead: "I will", "due". What only says how long
// something took names no time.
func Parse(text string, at time.Time) []Span {
	r := reader{words: wordsOf(text), at: at}
	var spans []Span
	for i := 0; i < len(r.words); {
		s, next := r.expression(i)
		if next == i {
			i++
			continue
		}
		spans = append(spans, Span{From: s.from, To: s.to, Start: r.words[i].start, End: r.words[next-1].end})
		i = next
	}
	return spans
}

// stretch is a time on its way to a [Span].
type stretch struct {
	from, to time.Time
	// cycle is after how long the same words name another time: a year for "May", a week
	// for "Monday", none for "May 2019".
	cycle cycle
}

type cycle int

const (
	once cycle = iota
	weekly
	yearly
)

// shifted is the same, n cycles later.
func (s stretch) shifted(n int) stretch {
	switch s.cycle {
	case weekly:
		s.from, s.to = s.from.AddDate(0, 0, 7*n), s.to.AddDate(0, 0, 7*n)
	case yearly:
		s.from, s.to = s.from.AddDate(n, 0, 0), s.to.AddDate(n, 0, 0)
	}
	return s
}

// reader goes through the words of a text. Its methods take the index of a word and
// return that of the word behind what they have read: the same index for nothing.
type reader struct {
	words []word
	at    time.Time
}

// expression reads a time, or a range of two, or the time before or after one.
func (r reader) expression(i int) (stretch, int) {
	switch {
	case r.first(i, "between"):
		if s, next := r.between(i+1, "and"); next > i+1 {
			return s, next
		}
	case r.first(i, "from"):
		if s, next := r.between(i+1, "to", "until", "till", "through"); next > i+1 {
			return s, next
		}
	case r.first(i, "since", "after"):
		if s, next := r.named(i + 1); next > i+1 && s.from.Before(r.at) {
			if r.first(i, "after") {
				s.from = s.to
			}
			if s.to = r.at; s.from.Before(s.to) {
				return s, next
			}
		}
		return stretch{}, i
	case r.first(i, "before", "until", "till"):
		if s, next := r.named(i + 1); next > i+1 {
			if r.first(i, "before") {
				s.to = s.from
			}
			return stretch{to: s.to}, next
		}
		return stretch{}, i
	}
	return r.named(i)
}

// between reads two times with a word between them: "March and May", "3 and 5 May".
func (r reader) between(i int, joins ...string) (stretch, int) {
	first, next := r.named(i)
	day, numbered := r.dayNumber(i)
	if next == i && numbered {
		next = i + 1
	}
	if next == i || !r.is(next, joins...) {
		return stretch{}, i
	}
	last, end := r.named(next + 1)
	if end == next+1 {
		return stretch{}, i
	}
	if numbered && next == i+1 { // "3 and 5 May" is 3 May and 5 May
		from := last.from
		first = stretch{from: time.Date(from.Year(), from.Month(), day, 0, 0, 0, 0, from.Location()), cycle: last.cycle}
	}
	if first.cycle == yearly && last.cycle == once {
		first = first.shifted(last.from.Year() - first.from.Year())
	}
	for first.cycle != once && first.from.After(last.from) {
		first = first.shifted(-1)
	}
	if first.from.After(last.to) {
		return stretch{}, i
	}
	return stretch{from: first.from, to: last.to}, end
}

// named reads one time.
func (r reader) named(i int) (stretch, int) {
	for _, read := range []func(int) (stretch, int){
		r.phrase, r.ago, r.lastFew, r.part, r.date, r.which, r.yearly, r.weekday, r.year,
	} {
		if s, next := read(i); next > i {
			return s, next
		}
	}
	return stretch{}, i
}

// word is one word with its place. lower has no possessive ending.
type word struct {
	text, lower string
	// gap is what stands between it and the word before.
	gap        string
	start, end int
}

func wordsOf(text string) []word {
	var words []word
	end := 0
	for start := 0; start < len(text); {
		size := wordAt(text[start:])
		if size == 0 {
			start++
			continue
		}
		written := text[start : start+size]
		lower := strings.ToLower(strings.ReplaceAll(written, "’", "'"))
		lower = strings.TrimSuffix(strings.TrimSuffix(lower, "'s"), "'")
		words = append(words, word{text: written, lower: lower, gap: text[end:start], start: start, end: start + size})
		start += size
		end = start
	}
	return words
}

// wordAt is the length of the word at the beginning of text: letters, digits, and
// apostrophes within. Bytes above ASCII count as letters, but for the apostrophe.
func wordAt(text string) int {
	n := 0
	for n < len(text) {
		switch c := text[n]; {
		case strings.HasPrefix(text[n:], "’") && n > 0:
			n += len("’")
		case strings.HasPrefix(text[n:], "–"), strings.HasPrefix(text[n:], "—"), strings.HasPrefix(text[n:], "…"),
			strings.HasPrefix(text[n:], "“"), strings.HasPrefix(text[n:], "”"), strings.HasPrefix(text[n:], "‘"), strings.HasPrefix(text[n:], "’"):
			return n
		case c == '\'' && n > 0, c >= 0x80, c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			n++
		default:
			return n
		}
	}
	return n
}

// lower is word i in lower case, "" behind the last.
func (r reader) lower(i int) string {
	if i < 0 || i >= len(r.words) {
		return ""
	}
	return r.words[i].lower
}

// is reports whether word i is one of these and follows the word before it without a stop.
func (r reader) is(i int, any ...string) bool {
	return i >= 0 && i < len(r.words) && slices.Contains(any, r.lower(i)) && (i == 0 || !strings.ContainsAny(r.words[i].gap, stops))
}

// behind reports whether word i follows one of these without a stop.
func (r reader) behind(i int, any ...string) bool {
	return i > 0 && i < len(r.words) && slices.Contains(any, r.lower(i-1)) && !strings.ContainsAny(r.words[i].gap, stops)
}

// stops end a phrase.
const stops = ".,;:!?\n()\"“”"

// follows reports whether the words stand at i, and gives the index behind them.
func (r reader) follows(i int, words ...string) (int, bool) {
	for n, w := range words {
		if i+n >= len(r.words) || r.lower(i+n) != w || (n > 0 && strings.ContainsAny(r.words[i+n].gap, stops)) {
			return i, false
		}
	}
	return i + len(words), true
}

// ahead reports whether the sentence before word i speaks of what is to come.
func (r reader) ahead(i int) bool {
	for back := i - 1; back >= 0; back-- {
		w := r.lower(back)
		if slices.Contains([]string{"will", "won't", "shall", "due", "tomorrow", "upcoming", "planning", "booked"}, w) ||
			strings.HasSuffix(w, "'ll") || (w == "going" && r.is(back+1, "to")) {
			return true
		}
		if strings.ContainsAny(r.words[back+1].gap, ".;!?\n") {
			return false
		}
	}
	return false
}
