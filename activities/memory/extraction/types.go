package extraction

import "strings"

// Type is what an entity is.
type Type string

const (
	// Self is the person whose words these are.
	Self         Type = "self"
	Person       Type = "person"
	Animal       Type = "animal"
	Place        Type = "place"
	Organisation Type = "organisation"
	Activity     Type = "activity"
	Thing        Type = "thing"
)

func kinType(kin string) Type {
	switch kin {
	case "dog", "cat":
		return Animal
	case "team":
		return Organisation
	default:
		return Person
	}
}

// Before a name, these words make it a place or a person. "To" and "from" alone say
// neither: people are written to.
var (
	placed   = table("in near through across around towards toward into visit visited visiting outside within leaving reached")
	moving   = table("go goes going went gone move moved moving fly flying flew drive driving drove travel travelled traveled travelling trip train bus flight way back return returned returning head heading headed emigrated home relocated")
	with     = table("with told tell met meet meeting asked ask called call phoned texted love loved miss missed hugged kissed married dating visited invited thanked helped helping hate argued")
	speaking = table(`said says say told tells asks asked thinks thought called calls texted wrote writes smiled laughed cried left came comes looked feels felt
		wants wanted loves loved hates hated knows knew died is's was's got went gave helped helps hugged answered replied`)
	working = table("work works working worked job position interview internship apprenticeship contract hired employed")
)

// typeAt tells what the name in tokens[first:last+1] is by the words around it.
func typeAt(tokens []token, first, last int) Type {
	before := func(n int) string {
		if i := first - n; i >= 0 && !tokens[i].ends {
			return tokens[i].lower
		}
		return ""
	}
	if _, titled := titles[before(1)]; titled {
		return Person
	}
	if _, titled := titles[tokens[first].lower]; titled {
		return Person
	}
	next := ""
	if last+1 < len(tokens) && !tokens[last].ends {
		next = tokens[last+1].lower
	}
	one := before(1)
	switch {
	case has(working, before(2)) && (one == "at" || one == "for" || one == "with"):
		return Organisation
	case has(with, one), has(speaking, next), possessive(tokens[last]):
		return Person
	case one == "in" || has(placed, one):
		return Place
	case (one == "to" || one == "from" || one == "for") && (has(moving, before(2)) || has(moving, before(3))):
		return Place
	default:
		return ""
	}
}

func has(words map[string]string, word string) bool {
	_, ok := words[word]
	return ok && word != ""
}

// activities are what people do again and again, by the word that names it.
var activities = table(`yoga pilates pottery ceramics swimming running jogging climbing bouldering hiking cycling rowing sailing surfing skiing snowboarding
	skating dancing ballet salsa tango singing choir painting drawing sketching knitting crochet sewing quilting weaving embroidery gardening baking cooking
	fishing hunting birdwatching photography writing journaling blogging reading meditation karate judo boxing wrestling fencing archery football soccer
	basketball volleyball handball tennis badminton squash golf cricket rugby hockey chess poker piano guitar violin cello viola flute clarinet saxophone
	trumpet drums accordion harmonica ukulele bass theatre improv acting volunteering woodworking carpentry origami calligraphy astronomy beekeeping
	geocaching camping kayaking canoeing diving snorkelling yachting weightlifting crossfit zumba gaming smoking drinking vaping gambling`)

// activitiesIn are the activities that a sentence names, as they are written there.
func activitiesIn(tokens []token) []Mention {
	var found []Mention
	for _, t := range tokens {
		if has(activities, t.lower) {
			found = append(found, Mention{Name: strings.ToLower(t.word), Type: Activity})
		}
	}
	return found
}
