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
		asks: []string{
			"If you could put one of these things down for today, which would it be?",
			"Which part of it presses most right now?",
			"What would give you a little room to breathe this week?",
			"Is there one piece of it that somebody else could carry?",
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
		asks: []string{
			"What is it that the worry says loudest?",
			"Which part of it is in your hands, and which isn't?",
			"Where do you notice it first, in your thoughts or in your body?",
			"What has helped you, even a little, when it was like this before?",
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
		asks: []string{
			"What would help you feel a little safer right now?",
			"Is there someone who knows that you are afraid of this?",
			"Which moment of it frightens you most?",
			"What does the fear tell you to do?",
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
		asks: []string{
			"Whose company would you want most right now?",
			"When in the day is it strongest?",
			"Is there someone you could let know how this is for you?",
			"What kind of closeness do you miss most?",
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
		asks: []string{
			"What do you find yourself missing most?",
			"Is there a memory that keeps coming back these days?",
			"What would you want to keep from that time?",
			"Who else knows how this is for you?",
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
		asks: []string{
			"What hurts most in it?",
			"Is it new, or does it feel like something you know from before?",
			"What would feel kind to you right now?",
			"When you let it be there for a moment, what does it say?",
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
		asks: []string{
			"What has carried you through the last days, however small?",
			"Is there someone near you who knows how dark it is?",
			"Which hour of the day is the hardest at the moment?",
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
		asks: []string{
			"What would you say to a friend who told you this?",
			"Whose view of it weighs most on you?",
			"What does the harsh voice in you say about it, and what would a fair one say?",
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
		asks: []string{
			"Is there something you would like to put right?",
			"What would you want the other person to know?",
			"When you think of what you knew at that moment, what was possible?",
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
		asks: []string{
			"What was the line that got crossed for you?",
			"What would you have needed instead?",
			"If you could say one sentence about it without any consequences, what would it be?",
			"What is underneath the anger, if you look for a moment?",
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
		asks: []string{
			"What have you tried so far that helped, even a little?",
			"Which part of it is in your hands?",
			"What would be different if it finally worked?",
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
		asks: []string{
			"What had you hoped for most?",
			"What do you need now that it has turned out like this?",
			"What hurts more, how it came or what it means?",
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
		asks: []string{
			"What is it that you would like to have for yourself?",
			"When is it strongest?",
			"What would change for you if you had it?",
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
		asks: []string{
			"What takes most of your strength at the moment?",
			"When did you last have an hour that was only yours?",
			"What could wait, or be done by somebody else?",
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
		asks: []string{
			"Which part of it is clear to you, and which isn't?",
			"What would help you to see it more clearly?",
			"What was your first thought, before you began to weigh it up?",
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
	"neutral":   {family: plain, asks: asksPlain},
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
