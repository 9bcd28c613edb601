package synthesis

import (
	"slices"
	"strings"
	"time"

	"meai/activities/memory"
	"meai/activities/mirror/reflection"
	"meai/internal/lexicon"
)

// asksToRecall: the person asks what they told before. Questions that say so, and
// questions about people and things of theirs that only they can have told.
func (c *composition) asksToRecall() bool {
	return c.explicitRecall() || c.implicitRecall()
}

var recallPhrases = []string{
	" you remember ", " you still remember ", " you recall ", " remember when i ", " remember what i ",
	" did i tell ", " did i say ", " did i mention ", " have i told ", " have i mentioned ", " i told you about ", " i tell you about ",
	" i say about ", " i said about ", " i tell you ", " i told you ", " what i told you ", " what i said ", " you know about my ", " you know about me ", " do you know my ",
}

func (c *composition) explicitRecall() bool {
	question := c.recallQuestion()
	if question == "" {
		return false
	}
	said := " " + strings.Join(lexicon.Words(question), " ") + " "
	if strings.HasPrefix(said, " remember ") || strings.HasPrefix(said, " remind me ") {
		return true
	}
	for _, phrase := range recallPhrases {
		if strings.Contains(said, phrase) {
			return true
		}
	}
	return false
}

// recallQuestion is the question, also when the question mark was left out.
func (c *composition) recallQuestion() string {
	if question := c.question(); question != "" {
		return question
	}
	if len(c.lexicon) > 0 && (c.lexicon[0] == "remember" || c.lexicon[0] == "remind") {
		return c.words
	}
	return ""
}

// factual are the openings of questions about what the person may have told, and
// their own the ones that nobody else could answer.
var (
	factual = []string{"where ", "when ", "who ", "what was ", "what did ", "which ", "how old "}
	own     = []string{"what is my ", "what's my ", "what are my ", "when is my ", "where is my ", "who is my ", "when's my ", "where's my "}
	notFact = []string{" should ", " can i ", " could ", " would ", " do i ", " am i ", " will ", " get help ", " find ", " problem ", " point "}
)

func (c *composition) implicitRecall() bool {
	question := c.question()
	said := strings.Join(lexicon.Words(question), " ") + " "
	if containsAny(" "+said, notFact) {
		return false
	}
	if beginsWithAny(said, own) {
		return true
	}
	named := len(markedTerms(question)) > 0
	mine := strings.Contains(" "+said, " my ") || strings.Contains(" "+said, " i ")
	if !beginsWithAny(said, factual) || !named && !mine {
		return false
	}
	return named && mine || len(c.recollections(question, 1)) > 0
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

func beginsWithAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(text, part) })
}

// answerFromMemory tells what was told, and nothing more.
func (c *composition) answerFromMemory() {
	if len(c.clauses) > 0 && !c.mend.noReflection && !c.mend.shorter {
		c.reflect()
	}
	question := c.recallQuestion()
	told := c.told(question)
	switch {
	case len(told) > 0:
		c.tell(told)
	case c.tellNearest():
	case len(contentTerms(question)) == 0 && len(c.in.Memories) == 0:
		c.add("There is nothing about you for me to remember yet, because this is where we begin.", "honest", toBeHonest)
	default:
		c.add(strings.ReplaceAll(c.chooser.pick("unknown", notFound), "{subject}", c.soughtSubject(question)), "honest", toBeHonest)
	}
	c.care()
	c.asking = c.asksAfterRecall(len(c.answer.Memories) > 0)
	c.ask()
}

// told are the recollections that answer: those that share as much with the
// question as the best one does, nearly.
func (c *composition) told(question string) []recollection {
	if c.mend.noMemory {
		return nil
	}
	found := c.recollections(question, 1)
	if len(found) == 0 {
		return nil
	}
	marked := markedTerms(question)
	if len(marked) > 0 && found[0].names == 0 {
		return nil // it is about somebody else
	}
	kept := found[:1]
	for _, r := range found[1:] {
		if r.names == found[0].names && r.shared >= found[0].shared && len(kept) < mostTold {
			kept = append(kept, r)
		}
	}
	return kept
}

func (c *composition) tell(found []recollection) {
	for i, r := range found {
		opening := "You also told me {when}"
		if i == 0 {
			opening = c.chooser.pick("tell", c.telling())
		}
		c.add(told(c.when(r.memory, opening), c.retold(r)), "attentive", toRemember)
		c.use(r.memory)
	}
}

func (c *composition) telling() []string {
	if c.yesNo() {
		return []string{"Yes. You told me {when}", "Yes, I remember. You told me {when}", "Yes, you told me {when}"}
	}
	return []string{"You told me {when}", "I looked back, and you told me {when}", "Here is what I have from you. You told me {when}"}
}

func (c *composition) yesNo() bool {
	words := lexicon.Words(c.recallQuestion())
	return len(words) > 0 && (words[0] == "do" || words[0] == "did" || words[0] == "have" || words[0] == "can")
}

// tellNearest mentions the nearest memory by meaning, with a caveat.
func (c *composition) tellNearest() bool {
	if c.mend.noMemory || !c.explicitRecall() || len(markedTerms(c.recallQuestion())) > 0 {
		return false
	}
	all := c.recollections("", 0)
	if len(all) > 0 && len(contentTerms(c.recallQuestion())) == 0 { // "what do you remember about me?"
		c.tell(all[:min(mostTold, len(all))])
		return true
	}
	for _, r := range all {
		if r.memory.Score >= nearScore {
			c.add(told(c.when(r.memory, "I'm not certain that it is what you mean. The nearest I find is that you told me {when}"), c.retold(r)), "attentive", toRemember)
			c.use(r.memory)
			return true
		}
	}
	return false
}

var notFound = []string{
	"I looked for {subject} among the things I keep from you and found nothing, and I would rather say so than guess.",
	"I find nothing about {subject} in my memory, and I don't want to make something up.",
	"About {subject} I have nothing from you yet, as far as I can see.",
}

// soughtSubject names what was asked for, as far as that can be said.
func (c *composition) soughtSubject(question string) string {
	if who, found := reflection.PersonNamed(question); found {
		return who.Who
	}
	words := strings.Fields(strings.TrimRight(reflection.Clean(question), "?!. "))
	for i, word := range words[:max(0, len(words)-1)] {
		from := i
		if strings.EqualFold(word, "about") {
			from = i + 1
		} else if !strings.EqualFold(word, "my") {
			continue
		}
		if subject, ok := reflection.Shift(phrase(words[from:])); ok && !c.unsayable(subject) {
			return strings.Replace(subject, "Your ", "your ", 1)
		}
	}
	return "that"
}

// mostSubject words name what was asked for.
const mostSubject = 4

// phrase is the beginning of words up to a comma.
func phrase(words []string) string {
	end := 0
	for end < min(len(words), mostSubject) {
		end++
		if strings.HasSuffix(words[end-1], ",") {
			break
		}
	}
	return strings.TrimRight(strings.Join(words[:end], " "), ",")
}

func (c *composition) asksAfterRecall(found bool) []string {
	if !found {
		return []string{
			"Would you like to tell me about it?",
			"Will you tell me, so that I can keep it this time?",
			"What would you like me to know about it?",
		}
	}
	options := []string{
		"What made you think of it just now?",
		"How is it for you now, looking back?",
		"What has changed since then?",
	}
	if c.topic.named && !c.topic.lost {
		options = append(options, "How are things with "+c.topic.who.Short()+" now?")
	}
	return options
}

// when puts into an opening how long ago something was said, in words that hold
// whatever the person's time zone.
func (c *composition) when(m memory.Memory, opening string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(opening, "{when}", c.ago(m))), " ")
}

func (c *composition) ago(m memory.Memory) string {
	if c.in.At.IsZero() || m.SaidAt.IsZero() || m.SaidAt.After(c.in.At) {
		return "before"
	}
	const day = 24 * time.Hour
	switch gap := c.in.At.Sub(m.SaidAt); {
	case gap < 18*time.Hour:
		return "earlier"
	case gap < 2*day:
		return "a day or so ago"
	case gap < 6*day:
		return "a few days ago"
	case gap < 11*day:
		return "about a week ago"
	case gap < 25*day:
		return "a few weeks ago"
	case gap < 50*day:
		return "about a month ago"
	case gap < 300*day:
		return "some months ago"
	case gap < 500*day:
		return "about a year ago"
	default:
		return "some years ago"
	}
}

// sameOccasion: "today" still means the same day.
func (c *composition) sameOccasion(m memory.Memory) bool {
	gap := c.in.At.Sub(m.SaidAt)
	return !c.in.At.IsZero() && !m.SaidAt.IsZero() && gap >= 0 && gap < 12*time.Hour
}
