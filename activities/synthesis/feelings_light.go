package synthesis

var surprise = feeling{
	family: open, noun: "surprise",
	sounds: [3]string{"a little unexpected", "like something you didn't see coming", "like it came entirely out of nowhere"},
	said:   []string{"surpris", "shock", "unexpect", "stun", "wow"},
	stands: []string{
		"Something like that takes a while to sink in.",
		"What comes out of nowhere needs time to find its place.",
	},
}

var gratitude = feeling{
	family: bright, noun: "gratitude",
	sounds: [3]string{"like a small kindness", "like something to be thankful for", "like something precious"},
	said:   []string{"grate", "thank", "gratitud", "appreci"},
	stands: []string{
		"Noticing it is part of what makes it good.",
		"A good thing like that deserves a moment of its own.",
	},
}

var joy = feeling{
	family: bright, noun: "joy",
	sounds: [3]string{"pleasant", "like a real joy", "like pure joy"},
	said:   []string{"joy", "happi", "happier", "glad", "delight", "excit", "thrill"},
	stands: []string{
		"It is good to let that have its full size.",
		"Thank you for letting me share in it.",
		"A moment like that is worth staying with.",
	},
}

var pride = feeling{
	family: bright, noun: "pride",
	sounds: [3]string{"like something to be quietly proud of", "like something to be proud of", "like something to be very proud of"},
	said:   []string{"proud", "pride"},
	stands: []string{
		"That took something, and it deserves to be seen.",
		"It is good to look at it for a moment before going on to the next thing.",
	},
}

var calm = feeling{
	family: tender, noun: "calm",
	sounds: [3]string{"rather peaceful", "peaceful", "deeply peaceful"},
	said:   []string{"calm", "peac", "relax"},
	stands: []string{
		"A moment like that is worth noticing.",
		"It is good to read that there is room for it.",
	},
}

var hope = feeling{
	family: tender, noun: "hope",
	sounds: [3]string{"like a small light", "hopeful", "very hopeful"},
	said:   []string{"hope", "optimist"},
	stands: []string{
		"A bit of light is worth something, whatever comes of it.",
		"It is good that there is something to look towards.",
	},
}

var love = feeling{
	family: tender, noun: "love",
	sounds: [3]string{"warm", "full of love", "full of love"},
	said:   []string{"love", "ador"},
	stands: []string{
		"It is good to have someone or something to feel that for.",
		"There is a lot of warmth in the way you put it.",
	},
}

var relief = feeling{
	family: bright, noun: "relief",
	sounds: [3]string{"like a small relief", "like a relief", "like an enormous relief"},
	said:   []string{"relief", "reliev"},
	stands: []string{
		"A weight is felt most when it lifts.",
		"After so much tension, it can take a while until the body believes it.",
	},
}

var curiosity = feeling{
	family: open, noun: "curiosity",
	sounds: [3]string{"interesting", "like something worth following", "like something that won't let you go"},
	said:   []string{"curious", "wonder", "interest", "fascin"},
	stands: []string{
		"That is a question worth following.",
		"It deserves a closer look.",
	},
}

// What to say when no feeling can be named.
var (
	unnamedBright = []string{
		"How good to read that.",
		"That deserves a moment of its own.",
	}
)
