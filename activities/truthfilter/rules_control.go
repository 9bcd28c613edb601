package truthfilter

// violenceRules: harm to others, and harm from others talked small.
var violenceRules = []rule{
	phrase("encourages_violence", 1, denied, "hit|slap|punch|beat|hurt|stab|shoot|kill|attack|burn|smash|key ",
		`(?:you should|you could|you can|just|go|go and|maybe|try to|why not|deserves? (?:you )?to) (?:hit|slap|punch|beat|hurt|stab|shoot|kill|attack|burn|smash|key)(?: up)? (?:him|her|them|it|back|his|their|your (?:\w+ )?(?:boss|partner|wife|husband|mother|father|child|kids?|son|daughter|ex|brother|sister))`),
	phrase("encourages_violence", 0.9, denied, "revenge|a lesson|pay for|suffer|regret|beating",
		`(?:get|take|plan|want)(?: your| some)? revenge|teach (?:him|her|them) a lesson|make (?:him|her|them) (?:pay|suffer|regret|hurt)|(?:he|she|they) (?:deserves?|ought) to (?:die|suffer|be hurt|be hit|get hurt)|deserves? a (?:beating|slap|smack)`),
	phrase("unsafe_return", 0.9, denied, "back to him|back to her|back with|another chance|didn't mean|only hits|hits you|provoke|better wife|better husband|better partner|better girlfriend|patient with|upset him|anger him|anger her",
		`(?:go|get|move) back (?:to|with|in with) (?:him|her|them)|give (?:him|her) (?:another|one more|a second) chance|(?:he|she) (?:didn't mean to|only hits|hits you because|only does it because|just loses (?:his|her) temper)|(?:try not to|don't) (?:provoke|upset|anger) (?:him|her)|be a better (?:wife|husband|partner|girlfriend|boyfriend)|be more patient with (?:him|her)`),
	phrase("unsafe_confrontation", 0.8, denied, "confront|stand up to him|stand up to her|face your",
		`(?:go|just|should|must|have to|and|need to|now) (?:\w+ )?(?:confront|face|stand up to|have it out with) (?:him|her|them|your (?:abuser|attacker|rapist|stalker|father|uncle|stepfather|ex))`),
	phrase("contempt", 0.8, 0, "all |those |typical",
		`(?:all|those|these|typical) (?:men|women|muslims|jews|christians|immigrants|foreigners|gays|lesbians|blacks|whites|refugees|old people|fat people|poor people) (?:are|is|just|only|always|can't|never)`),
	phrase("sexual", 0.9, 0, "sexy|undress|naked|make love|touch yourself|turns me on|seduce",
		`(?:sexy|undress|naked with|get naked|make love to|touch yourself|turns? me on|seduce)`),
}

// controlRules: pressure, manipulation, secrecy, and binding a person to the companion.
var controlRules = []rule{
	phrase("pressure", 0.5, denied|reported, "must|have to|need to|had better|you'd better|you've got to|got to",
		`you(?:'ve got to|'d better| must| have to| had better| (?:just |really |absolutely )?need to| ought to)(?: \w+)? (?:forgive|forget|leave (?:him|her|them|your)|confront|decide|move on|let go|let it go|let this go|report|quit|resign|break up|divorce|stop|sign|promise|apologi[sz]e|obey|tell (?:me|your|them|him|her)|trust|act now|accept|be strong|stay strong|be positive)`),
	phrase("pressure", 0.5, denied, "no choice|do it now|too late|i insist|no excuse|right now or|last chance|act now|don't wait|without delay|hurry",
		`you have no (?:other )?choice|do it (?:right )?now|before it's too late|i insist|no (?:more )?excuses|right now or|(?:your|the) last chance|act now|don't (?:even )?(?:wait|think about it)|hurry up`),
	phrase("pressure", 0.5, denied, "you should have|you should just|you should simply|you should forgive|you should leave|you should be over",
		`you should (?:have known|have \w+|just|simply|forgive|leave (?:him|her|them)|be (?:over|past|grateful|stronger|happy))`),
	phrase("manipulation", 0.7, denied, "if you |you'll regret|you know i'm|everyone |only a |real m|real w|i know what|trust me|believe me|i know best",
		`if you (?:really |truly )?(?:loved|cared|trusted|wanted|respected)(?: \w+){0,4},? (?:you'd|you would)|you(?:'ll| will) regret|you know (?:that )?i(?:'m| am) right|(?:everyone|everybody|anyone) (?:else )?(?:agrees|thinks|knows|would agree|can see)|only a (?:fool|weak|coward)|real (?:men|women) (?:don't|never|do)|i know (?:what's |what is )?best|trust me|believe me`),
	phrase("guilt", 0.8, denied|reported, "after all|after everything|owe|selfish|ungrateful|ashamed|shame on|hurting|how could you|let everyone down|let them down|let me down|let us down|disappoint|feel guilty",
		`after (?:all|everything) (?:i|we|they|he|she)(?:'ve|'s| have| has)? (?:\w+ )?(?:done|did|given|sacrificed)|you owe (?:it to )?(?:me|us|him|her|them|your)|(?:you(?:'re| are)(?: being)?|stop being|so|don't be)(?: so| very| quite)? (?:selfish|ungrateful)|you (?:should|ought to) (?:be|feel) (?:ashamed|guilty|bad)|shame on you|you(?:'re| are) (?:\w+ )?hurting (?:your|everyone|me|us|them|the people)|how could you|you(?:'ve| have)? (?:really )?let (?:everyone|me|us|them|him|her|your \w+|yourself) down|(?:i(?:'m| am)|they(?:'re| are)) (?:so |very )?disappointed`),
	phrase("dependency", 0.8, denied, "need me|only one|only person|like i do|like me|the way i|without me|to me|be here for you|be there for you|leave you|i love you|i miss|missed you|need you|better than your|than a therapist|than any therapist|promise me|be lonely|be sad|come back to me|the only friend",
		`you (?:only|just|really )?\s?need me|i(?:'m| am)(?: all|(?: the)? only (?:one|person|friend))|i(?:'m| am) all you|(?:nobody|no one) (?:else )?(?:understands|loves|cares|gets|knows|listens)(?: (?:for|about|to))? ?(?:you )?(?:like|as|the way) (?:i|me)|(?:can't|cannot|couldn't)(?: \w+){1,4} without me|(?:come|turn|talk|run)(?: back| straight)? to me (?:instead|rather|before|first|alone|whenever)|always (?:come|turn) to me|i(?:'ll| will) (?:always|never)|i (?:love|miss|missed|need|adore) you|better than (?:your|any|a|real) (?:friends?|family|therapists?|people|partner)|promise (?:me|to come back)|i(?:'d| would) be (?:so )?(?:sad|lonely|hurt|lost)`),
	phrase("isolation", 0.9, denied, "cut off|cut out|cut them|stay away from|friends|family|anyone else|anybody else|other people|against you|jealous|out to get|only me|no one but me|nobody but me|don't trust",
		`cut (?:off|out|them|him|her|your)(?: \w+){0,4}? ?(?:friends|family|parents|everyone|off|out)|(?:stay away from|avoid|drop|ditch|give up) (?:your|all your|all of your) (?:friends|family|parents|therapist|sister|brother)|they(?:'re| are)(?: all)? (?:against you|jealous of you|plotting|out to get you)|(?:trust|listen to|need|talk to) (?:only me|no one but me|nobody but me)`),
	phrase("isolation", 0.9, reported, "you don't need|don't trust",
		`you don't need (?:your |any )?(?:friends|family|them|other people|anyone|anybody|people|parents)|don't trust (?:anyone|anybody|your|them|doctors|people)`),
	phrase("secrecy", 0.9, reported, "don't tell|do not tell|never tell|don't mention|don't show|between us|secret|to yourself",
		`(?:don't|do not|never|mustn't|shouldn't) (?:\w+ )?(?:tell|mention|show)(?: this| it| any of this| about this)?(?: to)? (?:anyone|anybody|your|them|her|him|the police|a doctor|people|others)|(?:keep|let's keep) (?:this|it|that) (?:\w+ )?(?:between us|a secret|secret|to yourself)|our (?:little )?secret`),
}
