// Package ranking says how likely a memory is part of the answer to a question.
//
// It is pure: the arms of a recall bring the memories, their neighbours in the
// conversation and the question, and it scores each memory by itself, so that a score
// means the same whichever arm found it and whatever else was found. The weights are
// fitted by scripts/train-recall on the project's conversations; see [Features] for what
// they weigh.
package ranking

import (
	"math"
	"strings"
	"time"
	"unicode"

	"meai/activities/memory/when"
	"meai/internal/embedding"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

// Question is what is asked, prepared once for all memories. It remembers what it read of
// them, and is not for concurrent use.
type Question struct {
	// Vector is its embedding, as it is compared with those of memories; nil for none.
	Vector []float32
	// Spans are the times it names, Events those around the events it names.
	Spans, Events []when.Span
	// At is when it is asked.
	At time.Time

	place  map[vectors.Term]int
	rarity []float64
	total  float64
	words  map[string]bool
	// asksWhen: the answer is a time.
	asksWhen bool
	// dates says of each text that was looked at whether it names a time: a memory is
	// looked at once more when the turns beside it have been read.
	dates map[saying]bool
}

// saying is a text and when it was said.
type saying struct {
	text string
	at   time.Time
}

// names reports whether a text names a time.
func (q *Question) names(said saying) bool {
	named, known := q.dates[said]
	if !known {
		named = len(when.Parse(said.text, said.at)) > 0
		q.dates[said] = named
	}
	return named
}

// NewQuestion prepares a question of these terms, each once, with the rarity of each; see
// [lexicon.Rarity].
func NewQuestion(text string, terms []vectors.Term, rarity map[vectors.Term]float64, vector []float32, at time.Time) *Question {
	q := &Question{Vector: vector, At: at, Spans: when.Parse(text, at), place: make(map[vectors.Term]int, len(terms)), words: make(map[string]bool), dates: make(map[saying]bool)}
	for _, t := range terms[:min(len(terms), mostTerms)] {
		q.place[t] = len(q.rarity)
		q.rarity = append(q.rarity, rarity[t])
		q.total += rarity[t]
	}
	words := lexicon.Words(text)
	for i, w := range words {
		w = strings.TrimSuffix(w, "'s")
		q.words[w] = true
		// "When did ...", "since when ...", "how long ...", "on which day ...".
		then := ""
		if i+1 < len(words) {
			then = words[i+1]
		}
		switch {
		case w == "when" && i < 2, w == "how" && then == "long",
			(w == "which" || w == "what") && (then == "day" || then == "date" || then == "month" || then == "year" || then == "weekday"):
			q.asksWhen = true
		}
	}
	return q
}

// Memory is what ranking has to know of one.
type Memory struct {
	Text   string
	Terms  []vectors.Term
	Vector []float32 // nil for none that compares with the question's
	// Cosine is how the vector compares with the question's where that is known already,
	// and Vector nil.
	Cosine float64
	SaidAt time.Time
	// About is the time it speaks of, zero for none; To is exclusive.
	AboutFrom, AboutTo time.Time
	// Around are the turns before and after it in its conversation.
	Around []Neighbour
}

// Neighbour is a turn of the same conversation.
type Neighbour struct {
	// Distance in turns: -1 is the turn before, 1 the one after.
	Distance int
	// Matched is what [Question.Match] gives for its terms.
	Matched Matched
	// Text, Vector and Cosine are empty where they have not been read.
	Text   string
	Vector []float32
	Cosine float64
}

// The features, in the order of the weights.
const (
	// own, window and session are BM25 over the memory's terms, over those of the turns
	// beside it too, and over those of the conversation around it: each divided by what
	// the question's terms weigh together, so that it depends on no other memory.
	own = iota
	window
	session
	// before and further are the same of the turn before alone, and of the second turns
	// away on either side.
	before
	further
	// meaning is the cosine of the embeddings; meaningBefore and meaningAfter are those
	// of the turns beside.
	meaning
	meaningBefore
	meaningAfter
	// covered is the share of the question's terms, by rarity, that the memory holds,
	// the ones beside it included, and with the conversation.
	covered
	coveredBeside
	coveredAround
	// length is the logarithm of the number of terms: who says more answers more.
	length
	// speaker is 1 where the one who speaks is named in the question, -1 where another is.
	speaker
	// asks is 1 for a memory that ends in a question, answers for one behind such a turn.
	asks
	answers
	// dated is 1 where the question asks for a time and the memory names one.
	dated
	// nearTime is how near it lies to the time asked about.
	nearTime
	// recent falls from 1 with the age.
	recent
	features
)

// Names of the features, in the order of the weights.
var Names = [features]string{
	"own", "window", "session", "before", "further", "meaning", "meaning_before", "meaning_after", "covered", "covered_beside", "covered_around",
	"length", "speaker", "asks", "answers", "dated", "near_time", "recent",
}

// Features are those of a memory for one question.
type Features [features]float64

// Shared are the shares of the question's terms, by rarity, that the memory holds itself,
// and that it holds or the turns right beside it.
func (f Features) Shared() (own, beside float64) { return f[covered], f[coveredBeside] }

const (
	// reach is how many turns on either side the conversation around a memory has.
	reach = 10
	// second is what the second turns away count in the window, beside the nearest.
	second = 0.5
	// fading is in how many days recency, and nearness to a time, fall to a third.
	fading     = 30
	nearFading = 14
)

// Of computes the features of a memory.
func (q *Question) Of(m Memory) Features {
	var f Features
	q.wording(&f, m)
	q.meanings(&f, m)
	f[length] = math.Log1p(float64(len(m.Terms)))
	f[speaker] = q.spoken(m.Text)
	f[asks] = truth(asking(m.Text))
	for _, n := range m.Around {
		if n.Distance == -1 {
			f[answers] = truth(asking(n.Text))
		}
	}
	if q.asksWhen && q.names(saying{m.Text, m.SaidAt}) {
		f[dated] = 1
	}
	f[nearTime] = max(nearest(q.Spans, m), nearest(q.Events, m))
	if age := days(q.At.Sub(m.SaidAt)); age >= 0 {
		f[recent] = math.Exp(-age / fading)
	}
	return f
}

const (
	// bearing is the least that a memory must have to do with a question, in meaning and
	// words together, whatever else speaks for it: better nothing than something beside
	// the point. Of the right memories of the people for tuning 1 in 100 had less than
	// .076, of all their memories 25 less than .085. Without an embedding it is a share of
	// the words.
	bearing = 0.08
	// bearingMeaning is the weight of the cosine in it, bearingWords that of the words.
	bearingMeaning, bearingWords = 0.6, 0.4
)

// Bears reports whether a memory has anything to do with the question. What is said in
// answer may leave the words to the one who asked.
func (q *Question) Bears(f Features) bool {
	words := f[covered]
	if f[answers] == 1 {
		words = f[coveredBeside]
	}
	if q.Vector == nil {
		return words >= bearing
	}
	return bearingMeaning*f[meaning]+bearingWords*words >= bearing
}

func (q *Question) meanings(f *Features, m Memory) {
	if q.Vector == nil {
		return
	}
	cosine := func(v []float32, known float64) float64 {
		if len(v) != len(q.Vector) {
			return known
		}
		return embedding.Cosine(q.Vector, v)
	}
	f[meaning] = cosine(m.Vector, m.Cosine)
	for _, n := range m.Around {
		switch n.Distance {
		case -1:
			f[meaningBefore] = cosine(n.Vector, n.Cosine)
		case 1:
			f[meaningAfter] = cosine(n.Vector, n.Cosine)
		}
	}
}

// spoken compares who speaks, where the text begins with a name, with the question.
func (q *Question) spoken(text string) float64 {
	name, _, found := strings.Cut(text, ": ")
	if !found || len(name) > 40 || strings.ContainsAny(name, ".,;!?\n") || !unicode.IsUpper(firstRune(name)) {
		return 0
	}
	for _, word := range lexicon.Words(name) {
		if q.words[word] {
			return 1
		}
	}
	return -1
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// asking reports whether a text ends in a question.
func asking(text string) bool {
	return strings.HasSuffix(strings.TrimRight(text, " \n\"'”’)"), "?")
}

// nearest is 1 for a memory said in one of the spans, or about it, and falls with the
// days between.
func nearest(spans []when.Span, m Memory) float64 {
	near := 0.0
	for _, s := range spans {
		gap := distance(s, m.SaidAt, m.SaidAt)
		if !m.AboutFrom.IsZero() {
			gap = min(gap, distance(s, m.AboutFrom, m.AboutTo))
		}
		near = max(near, math.Exp(-gap/nearFading))
	}
	return near
}

// distance is how many days lie between a span and the time from one moment to another.
func distance(s when.Span, from, to time.Time) float64 {
	switch {
	case to.Before(s.From):
		return days(s.From.Sub(to))
	case !from.Before(s.To):
		return days(from.Sub(s.To))
	default:
		return 0
	}
}

func days(d time.Duration) float64 { return d.Hours() / 24 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
