package synthesis

var surprise = feeling{
	family: open, noun: "surprise",
	sounds: [3]string{"a little unexpected", "like something you didn't see coming", "like it came entirely out of nowhere"},
	said:   []string{"surpris", "shock", "unexpect", "stun", "wow"},
	stands: []string{
		"Something like that takes a while to sink in.",
		"What comes out of nowhere needs time to find its place.",
	},
	asks: []string{
		"How is it now that it begins to sink in?",
		"What went through your mind in that moment?",
		"What does it change for you?",
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
	asks: []string{
		"What did it mean to you?",
		"What would you like to keep of it?",
		"Who or what made it possible?",
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
	asks: []string{
		"What was the best moment of it?",
		"Who would you like to share it with?",
		"What made it so good?",
		"How would you like to hold on to it?",
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
	asks: []string{
		"What did it take to get there?",
		"Which part of it are you proudest of?",
		"Who would you like to know about it?",
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
	asks: []string{
		"What helped you get there?",
		"What would keep a little of it in the days to come?",
		"Where do you feel it most?",
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
	asks: []string{
		"What gives you that hope?",
		"What would be a first sign that it is going that way?",
		"What would you like to do with it?",
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
	asks: []string{
		"What is it that you love most there?",
		"When did you feel it most lately?",
		"How do you let it show?",
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
	asks: []string{
		"What feels different now?",
		"What can you let go of first?",
		"How would you like to mark it?",
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
	asks: []string{
		"What made you think of it?",
		"What is your own guess?",
		"What would you do with the answer?",
	},
}

// What to say when no feeling can be named.
var (
	unnamedBright = []string{
		"How good to read that.",
		"That deserves a moment of its own.",
	}
	asksHeavy = []string{
		"Which part of it weighs most on you?",
		"What would you need most right now?",
		"Since when has it been like this?",
	}
	asksBright = []string{
		"What was the best part of it?",
		"What made it good for you?",
	}
	asksPlain = []string{
		"How is that for you?",
		"Would you like to say more about it?",
		"What is it like for you?",
		"Is there more to it for you?",
	}
)
