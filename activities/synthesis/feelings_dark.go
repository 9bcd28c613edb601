package synthesis

// feelings are Mirror's vocabulary, as MeAi speaks of it.
var feelings = map[string]feeling{
	"overwhelm": {
		family: shaken, noun: "pressure",
		sounds: [3]string{"like a bit much", "like a lot at once", "like far too much at once"},
		said:   []string{"overwhelm", "swamp", "drown"},
		stands: []string{
			"When everything wants to be first, even a small next step is hard to see.",
			"That is a lot for one person to hold at the same time.",
			"No wonder if it is hard to know where to begin.",
		},
	},
	"anxiety": {
		family: shaken, noun: "worry",
		sounds: [3]string{"a little unsettling", "worrying", "like a worry that hardly lets go"},
		said:   []string{"anxious", "anxieti", "worri", "nervous", "panic", "panicki", "stress", "tens", "afraid", "scare", "terrifi", "dread"},
		stands: []string{
			"A mind that tries to be ready for everything finds little rest.",
			"Not knowing how something will turn out is a hard place to wait in.",
			"Worry tends to gather around what matters.",
		},
	},
	"fear": {
		family: shaken, noun: "fear",
		sounds: [3]string{"a little scary", "frightening", "truly frightening"},
		said:   []string{"fear", "afraid", "scare", "terrifi", "frighten", "panic", "scari"},
		stands: []string{
			"Fear like that takes over before there is time to think.",
			"It makes sense that part of you stays on guard.",
			"Being afraid uses up a lot of strength.",
		},
	},
	"loneliness": {
		family: heavy, noun: "loneliness",
		sounds: [3]string{"a little lonely", "lonely", "very lonely"},
		said:   []string{"lone", "loneli", "alon", "isol"},
		stands: []string{
			"Missing somebody to share the day with is a real ache.",
			"Quiet can weigh a lot when it isn't chosen.",
			"Being without company is hard, even where nobody sees it.",
		},
	},
	"grief": {
		family: heavy, noun: "grief",
		sounds: [3]string{"like a quiet kind of missing", "like a real loss", "like a very great loss"},
		said:   []string{"grief", "griev", "mourn"},
		stands: []string{
			"There is no right way to miss someone, and no date by which it has to be over.",
			"Missing so much says how much there was.",
			"You don't have to be anywhere else with it than where you are.",
		},
	},
	"sadness": {
		family: heavy, noun: "sadness",
		sounds: [3]string{"a little sad", "sad", "deeply sad"},
		said:   []string{"sad", "unhappi", "heartbroken", "miser", "depress"},
		shown:  []string{"cri", "tear", "weep"},
		stands: []string{
			"Nothing about it has to be fixed this minute.",
			"Sadness like that asks for time more than for answers.",
			"It doesn't need a reason that others would understand.",
		},
	},
	"despair": {
		family: heavy, inward: true, noun: "hopelessness",
		sounds: [3]string{"discouraging", "very dark", "almost too dark to bear"},
		said:   []string{"hopeless", "despair", "pointless"},
		stands: []string{
			"When it gets this dark, it is hard to see any way ahead, and I don't want to talk you out of how it is.",
			"I won't tell you that it is easy, or how soon it changes.",
			"Getting through a day with this is already a lot.",
		},
	},
	"shame": {
		family: heavy, inward: true, noun: "shame",
		sounds: [3]string{"a little embarrassing", "painful", "deeply painful"},
		said:   []string{"asham", "shame", "embarrass", "humili"},
		stands: []string{
			"It takes courage to say such a thing at all.",
			"Shame wants to hide, and you put it into words.",
			"One moment is never the whole of a person.",
		},
	},
	"guilt": {
		family: heavy, inward: true, noun: "guilt",
		sounds: [3]string{"like it weighs on you a little", "like it weighs on you", "like it weighs very heavily on you"},
		said:   []string{"guilt", "guilti", "regret", "blame", "sorri"},
		stands: []string{
			"It weighs because it matters to you what you do.",
			"Wishing you had acted differently says something about what you care for.",
		},
	},
	"anger": {
		family: heated, noun: "anger",
		sounds: [3]string{"annoying", "maddening", "infuriating"},
		said:   []string{"anger", "angri", "furious", "mad", "rage", "fume", "livid"},
		stands: []string{
			"Anger often guards something that was stepped on.",
			"It makes sense to be angry when something that matters is treated lightly.",
			"So much heat tends to have a reason.",
		},
	},
	"frustration": {
		family: heated, noun: "frustration",
		sounds: [3]string{"a bit frustrating", "frustrating", "deeply frustrating"},
		said:   []string{"frustrat", "annoy", "stuck", "fed", "irrit"},
		stands: []string{
			"Trying again and again without anything moving wears a person down.",
			"It is tiring when effort and result don't meet.",
			"It makes sense that your patience runs thin there.",
		},
	},
	"disappointment": {
		family: heavy, noun: "disappointment",
		sounds: [3]string{"a little disappointing", "disappointing", "bitterly disappointing"},
		said:   []string{"disappoint", "letdown"},
		stands: []string{
			"You had hoped for something, and that hope was real.",
			"It hurts more, the more a person has put into it.",
		},
	},
	"jealousy": {
		family: heavy, inward: true, noun: "envy",
		sounds: [3]string{"a little painful to watch", "painful to watch", "very painful to watch"},
		said:   []string{"jealous", "jealousi", "envi", "envious"},
		stands: []string{
			"It hurts to see in other hands what one longs for.",
			"Envy often points to a wish of one's own.",
		},
	},
	"exhaustion": {
		family: heavy, noun: "tiredness",
		sounds: [3]string{"tiring", "exhausting", "utterly exhausting"},
		said:   []string{"exhaust", "tire", "drain", "worn", "weari", "burnt"},
		stands: []string{
			"Somebody who has given this much needs rest, and not as a reward.",
			"Running on empty makes everything else harder, too.",
			"A tired body has a way of making every task bigger.",
		},
	},
	"confusion": {
		family: open, noun: "confusion",
		sounds: [3]string{"a little unclear", "confusing", "very confusing"},
		said:   []string{"confus", "unsur", "torn", "unclear"},
		stands: []string{
			"It doesn't have to be clear yet.",
			"Two things can be true at once, and that makes it hard to sort.",
		},
	},
	"surprise":  surprise,
	"gratitude": gratitude,
	"joy":       joy,
	"pride":     pride,
	"calm":      calm,
	"hope":      hope,
	"love":      love,
	"relief":    relief,
	"curiosity": curiosity,
	"neutral":   {family: plain},
}

var unnamedUnsure = []string{
	"Thank you for telling me that.",
	"I am taking that in.",
	"I would like to understand that rightly.",
}

var unnamedHeavy = []string{
	"It sounds as if this isn't easy.",
	"I would like to take that as seriously as you mean it.",
	"That sounds like something hard to carry around.",
}
