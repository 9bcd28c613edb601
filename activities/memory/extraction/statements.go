package extraction

import (
	"slices"
	"strconv"
	"strings"
)

// A form is a way to state a fact: the words after the subject, and what follows them.
type form struct {
	words  []string
	object func([]token) (string, Type)
	fact   Fact
}

// helping words may stand before the verb; they change nothing.
var helping = table(`'ve 'm 's 're have has had am are is was were be been being just now already finally recently also still actually both all
	officially currently even really always happily only`)

// wishing words make a statement a plan, a wish or a guess.
var wishing = table(`will 'll would 'd could should might may can cannot wish wishes want wants wanted hope hopes hoping plan plans planning going
	think thinks thinking dream dreams dreaming considering consider trying try tried need needs afraid about supposed almost nearly won't wouldn't couldn't shouldn't`)

var denying = table("not don't doesn't didn't never isn't aren't wasn't haven't hasn't hadn't ain't can't")

// stated are the facts in what follows a subject.
func stated(rest []token) []Fact {
	denied := false
	for i := 0; i < len(rest); i++ {
		if facts, ok := matched(rest, i, denied); ok {
			return facts
		}
		switch word := rest[i].lower; {
		case word == "used" && follows(rest, i, "to"): // it was so once
			facts, _ := matched(rest, i+2, true)
			return facts
		case has(wishing, word):
			return nil
		case has(denying, word), word == "no" && follows(rest, i, "longer"):
			denied = true
		case word == "longer" && i > 0 && rest[i-1].lower == "no":
		case !has(helping, word):
			return nil
		}
	}
	return nil
}

// matched tries all forms at a place. What is denied either ends a fact or, for a taste,
// states its opposite; "never" and a plain "not" state nothing else.
func matched(rest []token, i int, denied bool) ([]Fact, bool) {
	var facts []Fact
	for _, f := range forms {
		fact := f.fact
		if !startsWith(rest[min(i, len(rest)):], f.words) || slices.ContainsFunc(facts, func(known Fact) bool { return known.Slot == fact.Slot }) {
			continue
		}
		if fact.Object == "" && f.object != nil {
			fact.Object, fact.ObjectType = f.object(rest[i+len(f.words):])
			if fact.Object == "" {
				continue
			}
		}
		if denied {
			switch {
			case fact.Label == likes:
				fact.Label = dislikes
			case fact.Ends:
				return nil, true
			case ended(rest, i):
				fact.Ends = true
			default:
				return nil, true
			}
		}
		if strings.HasSuffix(fact.Slot, ":") { // one slot for each object
			fact.Slot += Normal(fact.Object)
		}
		facts = append(facts, fact)
		if !fact.Ends {
			break // an end may close several slots
		}
	}
	return facts, len(facts) > 0
}

// ended: the denial is of something that was so before.
func ended(rest []token, at int) bool {
	before, after := rest[:at], rest[at:]
	return slices.ContainsFunc(before, func(t token) bool { return t.lower == "longer" || t.lower == "used" }) ||
		slices.ContainsFunc(after, func(t token) bool { return t.lower == "anymore" }) || phrase(after, "any", "more")
}

func phrase(tokens []token, first, second string) bool {
	for i := range tokens {
		if tokens[i].lower == first && follows(tokens, i, second) {
			return true
		}
	}
	return false
}

func follows(tokens []token, i int, word string) bool {
	return i+1 < len(tokens) && tokens[i+1].lower == word
}

func startsWith(tokens []token, words []string) bool {
	if len(tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if tokens[i].lower != w || (tokens[i].ends && i+1 < len(words)) {
			return false
		}
	}
	return true
}

const (
	likes    = "likes"
	dislikes = "dislikes"
)

// forms are the statements that are understood, a longer one before a shorter.
var forms = slices.Concat(
	each("live in,lives in,living in,live near,lives near,live just outside,moved to,moved back to,moved into,moved over to,relocated to,settled in,emigrated to,moved home to",
		placeName, Fact{Slot: "home", Label: "lives in"}),
	each("moved out of,moved away from,left", placeName, Fact{Slot: "home", Ends: true}),
	each("work at,works at,working at,work for,works for,working for,started at,started working at,started working for,got a job at,got a job with,got hired by,got the job at",
		orgName, Fact{Slot: "employer", Label: "works at"}),
	each(`quit my job,left my job,lost my job,got fired,got sacked,got laid off,laid off,fired,handed in my notice,resigned,retired,quit his job,quit her job,
		lost his job,lost her job,left his job,left her job`, nil, Fact{Slot: "employer", Ends: true}),
	each("quit,left", orgName, Fact{Slot: "employer", Ends: true}),
	each("work as,works as,working as,got a job as,started as,trained as,retrained as,became,'m,am,is,'s,are", profession,
		Fact{Slot: "occupation", Label: "works as"}),
	each("study,studies,studying", subject, Fact{Slot: "studies", Label: "studies"}),
	each("married,got married to,married to,got engaged to,engaged to,dating,going out with,in a relationship with", someone,
		Fact{Slot: "partner", Label: "is with"}),
	each("broke up with,broken up with,split up with,split from,separated from,divorced from,got divorced from", someone, Fact{Slot: "partner", Ends: true}),
	each("broke up,split up,got divorced,divorced,'m single,am single,is single", nil, Fact{Slot: "partner", Ends: true}),
	each("play the,plays the,play,plays,playing the,playing", activity, Fact{Slot: "does:", Label: "plays"}),
	each("started,took up,taken up,began,started playing,started learning,do,does,go,goes,joined a", activity, Fact{Slot: "does:", Label: "does"}),
	each("quit,stopped,gave up,given up,stopped playing", activity, Fact{Slot: "does:", Ends: true}),
	each("love,loves,like,likes,enjoy,enjoys,adore,adores", taste, Fact{Slot: "taste:", Label: likes}),
	each("hate,hates,dislike,dislikes,detest,detests,can't stand", taste, Fact{Slot: "taste:", Label: dislikes}),
	each("'m,am,is,'s,became,turned,gone,went,are", oneOf("vegetarian vegan pescatarian teetotal sober"), Fact{Slot: "diet", Label: "is", ObjectType: Thing}),
	each("eat meat again,eating meat again", nil, Fact{Slot: "diet", Ends: true}),
	each("allergic to", nounPhrase, Fact{Slot: "allergy:", Label: "is allergic to"}),
	each("turned,'m,am,is,'s", age, Fact{Slot: "age", Label: "is aged"}),
	each("'m from,am from,is from,'s from,come from,comes from,born in,grew up in", placeName, Fact{Slot: "origin", Label: "is from"}),
	each("have a,has a,got a,adopted a,have an,has an,got an,adopted an,have two,got two", pet, Fact{Slot: "pet:", Label: "has"}),
)

// each gives one fact several wordings.
func each(wordings string, object func([]token) (string, Type), fact Fact) []form {
	var list []form
	for wording := range strings.SplitSeq(wordings, ",") {
		list = append(list, form{strings.Fields(wording), object, fact})
	}
	slices.SortStableFunc(list, func(a, b form) int { return len(b.words) - len(a.words) })
	return list
}

// unarticled drops articles and their like.
func unarticled(tokens []token) []token {
	for len(tokens) > 1 && !tokens[0].ends && has(articles, tokens[0].lower) {
		tokens = tokens[1:]
	}
	return tokens
}

var articles = table("a an the some my our his her their")

func capitalised(tokens []token, t Type) (string, Type) {
	if tokens = unarticled(tokens); len(tokens) == 0 {
		return "", ""
	}
	name, last := nameAt(tokens, 0)
	if name == "" || possessive(tokens[last]) {
		return "", ""
	}
	return name, t
}

func placeName(tokens []token) (string, Type) { return capitalised(tokens, Place) }
func orgName(tokens []token) (string, Type)   { return capitalised(tokens, Organisation) }

func someone(tokens []token) (string, Type) {
	for i := range min(len(tokens), 3) {
		if kin, ok := relationAt(tokens, i); ok {
			if name, _ := nameAt(tokens, min(i+1, len(tokens))); name != "" && !tokens[i].ends {
				return name, Person
			}
			return kin, Person
		}
	}
	return capitalised(tokens, Person)
}

func activity(tokens []token) (string, Type) {
	for i, t := range unarticled(tokens) {
		if has(activities, t.lower) {
			return t.lower, Activity
		}
		if i == 1 || t.ends { // an adjective may stand before
			return "", ""
		}
	}
	return "", ""
}

// profession reads an occupation after its article, which may have an adjective.
func profession(tokens []token) (string, Type) {
	if len(tokens) < 2 || (tokens[0].lower != "a" && tokens[0].lower != "an" && tokens[0].lower != "the") {
		return "", ""
	}
	for i, t := range tokens[1:min(len(tokens), 5)] {
		if has(professions, t.lower) {
			words := make([]string, 0, i+1)
			for _, w := range tokens[1 : i+2] {
				words = append(words, w.lower)
			}
			return strings.Join(words, " "), Activity
		}
		if t.ends {
			break
		}
	}
	return "", ""
}

var professions = table(`nurse doctor surgeon dentist vet veterinarian paramedic midwife carer caregiver pharmacist physiotherapist psychologist therapist counsellor
	teacher professor lecturer tutor librarian researcher scientist biologist chemist physicist engineer programmer developer designer architect
	accountant auditor banker lawyer solicitor paralegal judge secretary receptionist assistant manager director clerk administrator consultant analyst
	journalist editor writer translator interpreter photographer painter musician violinist pianist actor dancer
	chef cook baker waiter waitress barista bartender butcher farmer gardener florist carpenter electrician plumber mechanic welder builder bricklayer
	driver pilot conductor sailor firefighter soldier officer guard cleaner cashier hairdresser tailor seamstress salesman saleswoman courier postman
	student apprentice trainee intern freelancer entrepreneur landlord caretaker housekeeper nanny`)

func subject(tokens []token) (string, Type) {
	object, _ := nounPhrase(tokens)
	if has(notStudied, object) {
		return "", ""
	}
	return object, Thing
}

var notStudied = table("hard more less alone late together abroad again it this that")

// taste reads what somebody likes: an activity, a name, or one or two plain words.
func taste(tokens []token) (string, Type) {
	if object, t := activity(tokens); object != "" {
		return object, t
	}
	if object, _ := capitalised(tokens, ""); object != "" {
		return object, ""
	}
	object, _ := nounPhrase(tokens)
	if strings.Count(object, " ") > 1 {
		return "", ""
	}
	return object, Thing
}

// nounPhrase reads up to three plain words until something else begins.
func nounPhrase(tokens []token) (string, Type) {
	var words []string
	for _, t := range unarticled(tokens) {
		if len(words) == 3 || t.lower == "" || has(closing, t.lower) || has(joining, t.lower) {
			break
		}
		words = append(words, t.lower)
		if t.ends {
			break
		}
	}
	return strings.Join(words, " "), Thing
}

// closing words are no part of a thing's name.
var closing = table(`at in on to of for from with by about as than too now again here there still very so much it this that these those him her them you me us
	how what when where why being been anymore any more lately everything everyone nothing something someone`)

func oneOf(words string) func([]token) (string, Type) {
	allowed := table(words)
	return func(tokens []token) (string, Type) {
		for i, t := range unarticled(tokens) {
			if has(allowed, t.lower) {
				return t.lower, Thing
			}
			if i == 1 || t.ends { // "fully", "now"
				break
			}
		}
		return "", ""
	}
}

func age(tokens []token) (string, Type) {
	if len(tokens) == 0 {
		return "", ""
	}
	years, err := strconv.Atoi(tokens[0].word)
	const youngest, oldest = 5, 115
	if err != nil || years < youngest || years > oldest {
		return "", ""
	}
	if !tokens[0].ends && len(tokens) > 1 && !has(aged, tokens[1].lower) && !has(joining, tokens[1].lower) {
		return "", "" // "I'm 20 minutes late"
	}
	return tokens[0].word, Thing
}

var aged = table("years now today next last this on in")

// pet reads "dog called Rex": the animal's name, or what it is.
func pet(tokens []token) (string, Type) {
	for i, t := range tokens[:min(len(tokens), 4)] {
		if !has(animals, t.lower) {
			if t.ends {
				break
			}
			continue
		}
		if i+2 < len(tokens) && !t.ends && (tokens[i+1].lower == "called" || tokens[i+1].lower == "named") {
			if name, _ := nameAt(tokens, i+2); name != "" {
				return name, Animal
			}
		}
		if name, _ := nameAt(tokens, min(i+1, len(tokens))); name != "" {
			return name, Animal
		}
		return t.lower, Animal
	}
	return "", ""
}

var animals = table("dog puppy cat kitten rabbit hamster parrot budgie horse pony tortoise turtle ferret snake lizard goldfish guinea-pig chicken hen goat donkey")
