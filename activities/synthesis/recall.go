package synthesis

import (
	"cmp"
	"slices"
	"strings"

	"meai/activities/memory"
	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
	"meai/internal/lexicon"
)

const (
	// leastScore is the recall score below which a memory is left alone, however
	// many words it shares; nearScore is the one from which meaning alone is enough
	// to mention it when asked, with a caveat. Scores are probabilities: of the five best
	// memories of a question 98 in 100 reach the first, some 40 the second (the people for
	// tuning in activities/memory/evaluation).
	leastScore, nearScore = 0.004, 0.05
	// mostTold bounds how many memories answer one question.
	mostTold = 3
)

// recollection is something a memory says that bears on the words.
type recollection struct {
	memory memory.Memory
	clause reflection.Clause
	// turned: the clause could be turned; otherwise it is quoted.
	turned bool
	shared int
	// names counts shared proper names and persons; they weigh more.
	names int
}

func (r recollection) weight() float64 {
	return float64(r.shared) + 1.5*float64(r.names) + r.memory.Score
}

// recollections are the statements among the memories that share content words
// with the question, best first, each thing said once.
func (c *composition) recollections(question string, leastShared int) []recollection {
	terms := contentTerms(question)
	marked := markedTerms(question)
	var found []recollection
	for _, m := range c.in.Memories {
		if crisis.Assess(m.Text).NeedsSafeAnswer() {
			continue // nobody is reminded of their darkest hour in passing
		}
		if m.Kind != memory.Turn && m.Kind != memory.Marker || m.Interaction == c.in.Ref.Interaction && m.Interaction != [16]byte{} {
			continue
		}
		for _, clause := range statements(m.Text) {
			r := recollection{memory: m, clause: clause.Clause, turned: clause.turned}
			r.shared, r.names = overlap(terms, marked, contentTerms(clause.Said))
			if r.shared >= leastShared && (m.Score >= leastScore || r.names > 0) && !c.unsayableMemory(r) {
				found = append(found, r)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b recollection) int { return cmp.Compare(b.weight(), a.weight()) })
	return distinct(found)
}

// distinct keeps the best statement of each memory and of each text: a turn and
// the marker of the same moment say the same.
func distinct(found []recollection) []recollection {
	kept := found[:0]
	for _, r := range found {
		said := strings.Join(lexicon.Words(r.clause.Said), " ")
		if !slices.ContainsFunc(kept, func(k recollection) bool {
			return k.memory.ID == r.memory.ID || k.memory.Interaction == r.memory.Interaction && k.memory.Interaction != [16]byte{} ||
				strings.Contains(strings.Join(lexicon.Words(k.clause.Said), " "), said)
		}) {
			kept = append(kept, r)
		}
	}
	return kept
}

// statement is something said, turned when possible.
type statement struct {
	reflection.Clause
	turned bool
}

// statements are what a memory says, without what it asks. What cannot be turned
// is kept to be quoted.
func statements(text string) []statement {
	var found []statement
	for _, sentence := range lexicon.Sentences(reflection.Clean(text)) {
		if reflection.IsQuestion(sentence) {
			continue
		}
		clauses := reflection.Clauses(sentence)
		for _, clause := range clauses {
			found = append(found, statement{clause, true})
		}
		if len(clauses) == 0 {
			found = append(found, statement{reflection.Clause{Said: sentence}, false})
		}
	}
	return found
}

func (c *composition) unsayableMemory(r recollection) bool {
	return c.unsayable(told("You told me", r))
}

// told says that the person told something, in the middle or at the end of a
// sentence that begins with opening.
func told(opening string, r recollection) string {
	switch {
	case r.turned && r.clause.Loaded:
		return opening + " how it seemed to you: that " + r.clause.Retold().Text + "."
	case r.turned && r.clause.Embeds:
		return opening + " that " + r.clause.Text + "."
	default:
		return opening + ": “" + strings.TrimRight(reflection.Quote(r.clause.Said, mostQuoted), ".") + "”."
	}
}

// retold moves the times in a recollection to the day it is told, unless it was
// said in the same conversation.
func (c *composition) retold(r recollection) recollection {
	if !c.sameOccasion(r.memory) {
		r.clause = r.clause.Retold()
	}
	return r
}

func (c *composition) use(m memory.Memory) {
	if !slices.ContainsFunc(c.answer.Memories, func(u MemoryUse) bool { return u.ID == m.ID }) {
		c.answer.Memories = append(c.answer.Memories, MemoryUse{ID: m.ID, Kind: m.Kind, SaidAt: m.SaidAt, Text: m.Text, Score: m.Score})
	}
}

// weaveMemory mentions one thing the person told before, when it truly belongs to
// what they say now.
func (c *composition) weaveMemory() {
	if c.mend.noMemory || c.mend.shorter {
		return
	}
	now := strings.Join(lexicon.Words(c.words), " ")
	for _, r := range c.recollections(c.words, 1) {
		repeated := strings.Contains(now, strings.Join(lexicon.Words(r.clause.Said), " "))
		if repeated || r.memory.Score < leastScore || r.shared < 2 && r.names == 0 {
			continue
		}
		c.add(told(c.when(r.memory, c.chooser.pick("weave", c.weaving(r))), c.retold(r)), "attentive", toRemember)
		c.use(r.memory)
		return
	}
	c.weaveEcho()
}

// weaving are openings that lead to "that …" or ": “…”".
func (c *composition) weaving(r recollection) []string {
	then := feelingOf(r.memory.Emotion, 0).family
	switch {
	case then.dark() && c.feeling.family.light() && c.sure:
		return []string{
			"This reads differently from when you told me {when}",
			"It sounded different when you told me {when}",
		}
	case then.dark() && c.feeling.family.dark():
		return []string{
			"I also have in mind that you told me {when}",
			"It seems to touch something else: you told me {when}",
			"And it doesn't stand alone: you told me {when}",
		}
	default:
		return []string{
			"I also have in mind that you told me {when}",
			"It makes me think of something else: you told me {when}",
		}
	}
}

// noticed is an echo's sentence within another: "Tom keeps coming up in what you tell
// me.", "you have often been sad on Sundays."
func noticed(echo string) string {
	text := strings.TrimRight(reflection.Quote(echo, mostQuoted), ".")
	if after, addressed := strings.CutPrefix(text, "You"); addressed {
		text = "you" + after
	}
	if strings.Contains(text, " keeps coming ") {
		text += " in what you tell me"
	}
	return text + "."
}

// weaveEcho mentions a pattern that the nightly consolidation found, when the
// words speak of it again.
func (c *composition) weaveEcho() {
	for _, m := range c.in.Memories {
		if crisis.Assess(m.Text).NeedsSafeAnswer() {
			continue // nobody is reminded of their darkest hour in passing
		}
		if m.Kind != memory.Echo || m.Score < leastScore {
			continue
		}
		text := "I notice something, with care: " + noticed(m.Text)
		shared, _ := overlap(contentTerms(c.words), nil, contentTerms(m.Text))
		if shared == 0 || c.unsayable(text) {
			continue
		}
		c.add(text, "attentive", toRemember)
		c.use(m)
		return
	}
}
