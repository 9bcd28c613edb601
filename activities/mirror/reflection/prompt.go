package reflection

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/internal/lexicon"
)

// Need is a human need that is met or lacking.
type Need struct {
	Name    string `json:"name"`
	Lacking bool   `json:"lacking"`
}

// Request says what to make a prompt of. The same request gives the same prompt.
type Request struct {
	// Words are what the person wrote; empty when only the feeling is known.
	Words string
	// Emotion is a label of Mirror's vocabulary, or [Hard], [Good], [Neutral].
	Emotion string
	Needs   []Need
	// Purpose is [Deepen] when empty, Tone [Gentle].
	Purpose Purpose
	Tone    Tone
	// Echoes are patterns that memory found, as it words them, best first.
	Echoes []string
	// Seed varies the choice; see [Seed].
	Seed uint64
	// Recent are the ids of the prompts that went before, the newest last. The last
	// ten are not repeated.
	Recent []uuid.UUID
}

// Prompt invites a person to look closer.
type Prompt struct {
	// ID names the wording, without any word of the person's: a UUID of version 8,
	// whose halves are the hashes of the lead and of the question.
	ID        uuid.UUID  `json:"id"`
	Text      string     `json:"text"`
	Purpose   Purpose    `json:"purpose"`
	Tone      Tone       `json:"tone"`
	Emotion   string     `json:"emotion,omitempty"`
	Need      *Need      `json:"need,omitempty"`
	Expects   []Response `json:"expects"`
	FollowUps []string   `json:"follow_ups"`
}

// Seed is the seed of a turn: the same for the same interaction and turn.
func Seed(interaction [16]byte, turn int) uint64 {
	h := fnv.New64a()
	h.Write(interaction[:]) // a hash's Write never fails
	h.Write([]byte{byte(turn), byte(turn >> 8)})
	return h.Sum64()
}

const (
	// remembered is how many prompts have to pass before a wording may return.
	remembered = 10
	// attempts bounds how often another wording is drawn for one that does not pass.
	attempts = 64
)

// Compose makes a prompt. Every prompt that it returns passes [Check].
func Compose(r Request) Prompt {
	c := newComposer(r)
	for range attempts {
		if p, ok := c.draw(); ok {
			return p
		}
	}
	return c.plainest()
}

// Questions yields questions alone, without what leads to them: those that are the
// feeling's own, that ask about a need, or that have something of the person's in
// them. Each comes once, in an order that the seed decides; all pass [Check].
func Questions(r Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		c := newComposer(r)
		lines := slices.Clone(c.emotion.Asks[c.Purpose])
		for _, need := range c.Needs {
			lines = append(lines, c.aboutNeed(need)...)
		}
		for _, q := range c.grammar.Things[c.Purpose] {
			if len(c.things) > 0 {
				lines = append(lines, question{strings.ReplaceAll(q.text, "{thing}", c.thing()), q.expects})
			}
		}
		c.yieldShuffled(lines, yield)
	}
}

// GeneralQuestions yields those that fit many feelings, like [Questions].
func GeneralQuestions(r Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		c := newComposer(r)
		c.yieldShuffled(c.grammar.general(c.emotion.Side, c.Purpose), yield)
	}
}

func (c *composer) yieldShuffled(lines []question, yield func(string) bool) {
	for _, i := range c.rand.Perm(len(lines)) {
		if q := lines[i].text; passes(q, c.Words) && !yield(q) {
			return
		}
	}
}

// composer draws prompts for one request.
type composer struct {
	Request
	grammar   *grammar
	emotion   emotion
	things    []string
	fragments []string
	rand      *rand.Rand
}

func newComposer(r Request) *composer {
	r.Purpose, r.Tone = cmp.Or(r.Purpose, Deepen), cmp.Or(r.Tone, Gentle)
	r.Recent = r.Recent[max(0, len(r.Recent)-remembered):]
	g := reviewed()
	// The choice of words is no secret: the seed only has to vary it.
	c := &composer{Request: r, grammar: g, emotion: g.emotion(r.Emotion), rand: rand.New(rand.NewPCG(r.Seed, 1))}
	c.things, c.fragments = Things(r.Words), Fragments(r.Words)
	return c
}

// asked is a question with where it comes from.
type asked struct {
	question
	template string
	need     *Need
	thing    bool
}

// lead is what comes before the question.
type lead struct{ template, text string }

// draw makes one prompt by chance; false when it is worn out or breaks a rule.
func (c *composer) draw() (Prompt, bool) {
	q := c.ask()
	l := c.lead(q)
	if c.wornOut(l.template, "") {
		l = lead{}
	}
	p := c.prompt(l, q, joinParts(l.text, c.prelude(l), q.text))
	return p, !c.wornOut("", q.template) && passes(p.Text, c.Words)
}

// ask draws a question: mostly one of the feeling's own, or about what the person
// spoke of, or about a need.
func (c *composer) ask() asked {
	own, general := c.emotion.Asks[c.Purpose], c.grammar.general(c.emotion.Side, c.Purpose)
	switch draw := c.rand.IntN(10); {
	case draw < 3 && len(c.Needs) > 0:
		need := pick(c.rand, c.Needs)
		if lines := c.aboutNeed(need); len(lines) > 0 {
			q := pick(c.rand, lines)
			return asked{question: q, template: q.text, need: &need}
		}
	case draw >= 3 && draw < 5 && len(c.things) > 0:
		q := pick(c.rand, c.grammar.Things[c.Purpose])
		filled := question{strings.ReplaceAll(q.text, "{thing}", c.thing()), q.expects}
		return asked{question: filled, template: q.text, thing: true}
	case draw >= 5 && draw < 8:
		q := pick(c.rand, own)
		return asked{question: q, template: q.text}
	}
	q := pick(c.rand, slices.Concat(own, general))
	return asked{question: q, template: q.text}
}

func (c *composer) aboutNeed(n Need) []question {
	if n.Lacking {
		return c.grammar.Needs[n.Name].Lacking[c.Purpose]
	}
	return c.grammar.Needs[n.Name].Met[c.Purpose]
}

// thing draws one of the first things that the person spoke of.
func (c *composer) thing() string { return pick(c.rand, c.things[:min(2, len(c.things))]) }

// lead draws what comes before the question: an echo when memory has one, else
// something of the person's own, else what the feeling is like.
func (c *composer) lead(q asked) lead {
	if l, found := c.echo(); found && c.rand.IntN(3) > 0 {
		return l
	}
	if c.Words == "" {
		template := pick(c.rand, c.grammar.Openings.Feeling[c.Tone])
		return lead{template, strings.ReplaceAll(template, "{feeling}", c.emotion.Noun)}
	}
	switch draw := c.rand.IntN(4); {
	case draw < 2 && len(c.things) > 0 && !q.thing:
		template := pick(c.rand, c.grammar.Openings.Thing[c.Tone])
		return lead{template, strings.ReplaceAll(template, "{thing}", c.thing())}
	case draw < 3 && len(c.fragments) > 0:
		template := pick(c.rand, c.grammar.Openings.Clause[c.Tone])
		return lead{template, strings.ReplaceAll(template, "{clause}", pick(c.rand, c.fragments))}
	default:
		notice := pick(c.rand, c.emotion.Notices)
		return lead{notice, notice}
	}
}

// echo says that something has come up before, and what, unless that is a name.
func (c *composer) echo() (lead, bool) {
	at := slices.IndexFunc(c.Echoes, c.belongs)
	if at < 0 {
		return lead{}, false
	}
	if named := c.echoed(c.Echoes[at]); named != "" {
		template := pick(c.rand, c.grammar.Echoes.Named)
		return lead{template, strings.ReplaceAll(template, "{echo}", named)}, true
	}
	template := pick(c.rand, c.grammar.Echoes.Unnamed)
	return lead{template, template}, true
}

// belongs reports whether an echo has to do with what is said now: it is about the
// feeling at hand, or about something that the words speak of.
func (c *composer) belongs(echo string) bool {
	what, _, _ := strings.Cut(echo, " keeps coming ")
	if c.grammar.Emotions[lowered(what)].Noun != "" {
		return lowered(what) == c.Emotion
	}
	now := lexicon.Terms(c.Words)
	return slices.ContainsFunc(lexicon.Terms(what), func(term string) bool { return slices.Contains(now, term) })
}

// echoed reads "My sister keeps coming up." as "your sister", and "Loneliness
// keeps coming back." as "loneliness".
func (c *composer) echoed(echo string) string {
	what, _, _ := strings.Cut(echo, " keeps coming ")
	if noun := c.grammar.Emotions[lowered(what)].Noun; noun != "" {
		return noun
	}
	tokens := tokenise(lowered(what))
	if len(tokens) == 0 {
		return ""
	}
	thing, _ := thingAt(tokens, 0)
	return thing
}

// prelude draws what stands between the lead and the question, or in the place of
// the lead; mostly nothing, so that it does not become a habit.
func (c *composer) prelude(l lead) string {
	odds := 3
	if c.Tone == Direct {
		odds = 5
	}
	if l.text != "" && c.rand.IntN(odds) > 0 {
		return ""
	}
	prelude := pick(c.rand, c.grammar.Preludes[c.Tone])
	if strings.HasPrefix(l.text, "Thank you") && strings.HasPrefix(prelude, "Thank you") {
		return ""
	}
	return prelude
}

// joinParts puts the parts together; what ends in a comma goes on within the sentence.
func joinParts(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		switch said := b.String(); {
		case part == "":
			continue
		case strings.HasSuffix(said, ","):
			part = " " + lowered(part)
		case said != "":
			part = " " + part
		}
		b.WriteString(part)
	}
	return b.String()
}

func (c *composer) prompt(l lead, q asked, text string) Prompt {
	return Prompt{
		ID: wordingID(l.template, q.template), Text: text, Purpose: c.Purpose, Tone: c.Tone, Emotion: c.Emotion, Need: q.need,
		Expects: expected(q.expects), FollowUps: c.followUps(q),
	}
}

// expected is the sort of answer with the one that is always welcome.
func expected(r Response) []Response {
	if r == FreeText {
		return []Response{FreeText}
	}
	return []Response{r, FreeText}
}

// followUps draws two questions to go on with.
func (c *composer) followUps(q asked) []string {
	lines := slices.DeleteFunc(slices.Clone(c.grammar.FollowUps[c.Purpose]), func(line string) bool { return line == q.text })
	c.rand.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	return lines[:min(2, len(lines))]
}

// wordingID names a pair of lines of the grammar (RFC 9562, section 5.8).
func wordingID(lead, question string) (id uuid.UUID) {
	for i, line := range []string{lead, question} {
		h := fnv.New64a()
		h.Write([]byte(line)) // a hash's Write never fails
		copy(id[8*i:], h.Sum(nil))
	}
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

// wornOut reports whether a lead or a question was used lately; an empty one never
// is.
func (c *composer) wornOut(lead, question string) bool {
	id := wordingID(lead, question)
	return slices.ContainsFunc(c.Recent, func(before uuid.UUID) bool {
		return lead != "" && bytes.Equal(before[:8], id[:8]) || question != "" && bytes.Equal(before[8:], id[8:])
	})
}

// plainest is the prompt when chance finds none: a question that was not asked
// lately, without a lead. There are more of them than are remembered.
func (c *composer) plainest() Prompt {
	var p Prompt
	for _, q := range slices.Concat(c.emotion.Asks[c.Purpose], c.grammar.general(c.emotion.Side, c.Purpose)) {
		p = c.prompt(lead{}, asked{question: q, template: q.text}, q.text)
		if !c.wornOut("", q.text) && passes(p.Text, c.Words) {
			break
		}
	}
	return p
}

func pick[T any](r *rand.Rand, options []T) T { return options[r.IntN(len(options))] }
