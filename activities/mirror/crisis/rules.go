package crisis

import (
	"regexp"
	"slices"
)

// Fillers that people put between the words that matter.
const some = `(?:(?:really|just|honestly|only|so|truly|actually|literally|even|all|simply|badly|often|sometimes|always|still|finally|now) )*`

// want is how a wish or an intention begins.
const want = ` i ` + some + `(?:want|wanted|wish|need|plan|intend|hope|long|am going|am about|am ready|am planning|am tempted|am trying|would like|would love|would rather|feel like|will|have decided|decided) ` + some + `(?:to )?` + some

var rules = slices.Concat(plainRules, rulesFromReports, suicideRules, harmRules, abuseRules, otherRules, medicalRules, furtherRules)

var plainRules = slices.Concat(
	// Suicide, said outright.
	mine("suicide.self", Suicide, Explicit, ` (?:kill|end|hang|shoot|drown|poison|off|murder|gas) myself `),
	mine("suicide.selfing", Suicide, Explicit, ` (?:killing|ending|hanging|shooting|drowning|poisoning|offing|gassing) myself `),
	mine("suicide.life", Suicide, Explicit, ` (?:end|ending|take|taking|took) my (?:own )?life `),
	mine("suicide.end", Suicide, Explicit, want+`end (?:it|things|this)(?: for good| forever| tonight| today| now)? (?:$|and |before |because )`),
	mine("suicide.commit", Suicide, Explicit, ` (?:commit|committing|attempt|attempting|attempted|contemplate|contemplating|considering|planning|think about|thinking about|thinking of|think of) (?:committing )?suicide `),
	mine("suicide.word", Suicide, Explicit, ` (?:thoughts|urges|feelings) of suicide | my (?:own )?suicide `),
	mine("suicide.die", Suicide, Explicit, want+`(?:die|be dead|stop living|stop existing|cease to exist) `),
	mine("suicide.dead", Suicide, Explicit, ` (?:wish|wishing|hope|hoping|if only) (?:that )?i (?:was|were|would be|could be|could just be) (?:just )?dead | (?:wish|wishing|hope|hoping) (?:that )?i (?:would |could |will )?(?:just )?die `),
	mine("suicide.notlive", Suicide, Explicit, ` (?:not|no longer|never) (?:really |even )?want to (?:live|be alive|exist|keep living|go on living) (?:$|anymore $|anymore (?:and|but|because|if|i )|and |but |because |like this |like that |if |without |through |i )| (?:not|no longer) want to be (?:here|around|on this (?:earth|planet)) (?:anymore )?$| (?:stop|quit) being alive `),
	mine("suicide.weapon", Suicide, Explicit, ` (?:gun|bullet|noose|rope|knife) (?:\w+ ){0,4}(?:to|in|into|through|around|at) my (?:own )?(?:head|neck|mouth|throat|chest|temple) `),
	mine("suicide.pills", Suicide, Explicit, ` (?:take|taking|swallow|swallowing|swallowed|took|downed|down) (?:all|every|the whole|a whole|a bottle|this bottle|the bottle|a handful|the rest|these|so many|too many|enough)(?: \w+){0,4} (?:pills?|tablets?|meds|medication|painkillers|paracetamol|tylenol|xanax|insulin) `),
	mine("suicide.plan", Suicide, Explicit, ` a plan to (?:die|end my life) | how (?:i could|i can|can i|could i|do i|would i|to) (?:\w+ ){0,2}(?:die|kill myself|end my life)(?: \w+){0,2} $| painless(?:ly)? (?:way to )?(?:die|death) `),

	// Suicide, said sideways.
	mine("suicide.betteroff", Suicide, Implicit, ` better (?:off )?(?:without me|if i (?:was|were|am|had|did|just|disappeared|died|left this)|with me gone) `),
	mine("suicide.vanish", Suicide, Implicit, ` go to sleep and (?:never|not) wake | fall asleep and (?:never|not) wake | (?:never|not) wak(?:e|ing) up (?:again|tomorrow|anymore|in the morning)| not want to wake up (?:$|anymore|ever|again|and face|tomorrow $|in the morning $)`),
	mine("suicide.noreason", Suicide, Implicit, ` (?:nothing|no one|nobody) (?:left )?to live for | why (?:am i|i am|be) (?:still |even )?(?:alive|here at all|living) | why (?:should i|bother|keep) (?:keep )?living `),
	mine("suicide.goon", Suicide, Implicit, ` (?:see|there is|have) no (?:way out|future(?: for me)?|other way out|way forward for me) | only way out | no other way out `),
	mine("suicide.missed", Suicide, Implicit, ` (?:nobody|no one|noone|who|not a soul) would (?:even |really |ever )?(?:miss me|notice if i|care if i (?:died|was gone|were gone|disappeared|was dead|were dead)|notice i was gone) | if i (?:died|was gone|were gone|disappeared|was dead|were dead|were not here|was not here)(?: \w+){0,3} (?:nobody|no one|noone|would anyone|they would be|everyone would|would it matter) `),
	mine("suicide.farewell", Suicide, Implicit, ` said (?:all )?my goodbyes | by the time (?:you|anyone|they) (?:read|reads|see|sees|find|finds) this | (?:when|once|after) i am (?:gone|dead) (?:please |take |look |tell |make )| giv(?:en|ing) away (?:all )?(?:my|of my) (?:things|stuff|belongings|possessions) | i will not be (?:here|around|alive) (?:tomorrow|next week|much longer|anymore|for long) | (?:soon|then) (?:it|everything) will (?:all )?be over `),
	mine("suicide.stop", Suicide, Implicit, ` (?:want|need|wish|make) (?:it|everything|this|the pain|all of (?:it|this)) (?:all |would |could |to )*(?:be over|end|to end|stop forever)(?: forever| for good)? $| give up on life | giving up on life | ready to go (?:and be with|to heaven|now and)| join (?:him|her|them|my (?:mum|mom|dad|mother|father|wife|husband|son|daughter|brother|sister)) in (?:heaven|death|the afterlife|the grave) `),

	// Worth watching, not enough for the safe answer.
	mine("suicide.despair", Suicide, Concern, ` i (?:feel|am) (?:\w+ )?(?:hopeless|worthless|a burden|empty inside|trapped) | can ?not (?:do|take|bear|stand) (?:this|it) (?:anymore|another day) | kill me now | shoot me now | what is the point (?:of (?:anything|it all|any of (?:this|it)))? `),

	// Self-harm.
	mine("selfharm.self", SelfHarm, Explicit, ` (?:cut|cutting|harm|harming|harmed|hurt|hurting|burn|burning|burned|burnt|starve|starving|punch|punching|hit|hitting|scratch|scratching|mutilate|mutilating|injure|injuring) myself `),
	mine("selfharm.word", SelfHarm, Explicit, ` i (?:\w+ ){0,5}self harm(?:ing|ed|s)? | (?:urge|urges|want|need|relapsed|thoughts|thinking) (?:\w+ ){0,3}self harm(?:ing)? `),
	mine("selfharm.blade", SelfHarm, Explicit, ` (?:cut|cutting|cuts|carve|carving|slice|slicing) (?:on |into |up )?my (?:own )?(?:skin|arm|arms|thigh|thighs|legs) `),
	mine("selfharm.urge", SelfHarm, Implicit, ` (?:urge|urges|want|wanting) to (?:cut|bleed|feel pain|feel the blade) (?:again )?$| deserve to (?:bleed|be in pain|suffer and bleed) `),

	// Abuse.
	others("abuse.violence", Abuse, Explicit, ` (?:he|she|they|husband|wife|boyfriend|girlfriend|partner|dad|father|mom|mum|mother|stepdad|stepfather|stepmom|stepmother|uncle|aunt|grandfather|brother|sister|ex|boss|parents|coach|teacher|roommate|son|daughter) (?:\w+ ){0,4}(?:hit|hits|hitting|beat|beats|beating|punch|punches|punched|slap|slaps|slapped|choke|chokes|choked|choking|strangle|strangles|strangled|kick|kicks|kicked|rape|rapes|raped|molest|molests|molested|abuse|abuses|abused|abusing|assaulted|assaults|burns|burned|shoves|shoved|throws things at) (?:on )?(?:me|us|my (?:kids|children|son|daughter|mom|mum|mother|baby)) `),
	others("abuse.threat", Abuse, Explicit, ` threaten(?:s|ed|ing)? (?:to |me |us |that )*(?:kill|hurt|beat|shoot|stab|harm|with a (?:knife|gun)) | (?:afraid|scared|terrified|worried) (?:that )?(?:he|she|they|my \w+) (?:will|might|is going to|are going to) (?:kill|hurt|beat) (?:me|us) `),
	others("abuse.sexual", Abuse, Explicit, ` (?:touches|touched|touching) me (?:\w+ ){0,3}(?:there|private|inappropriately|at night|where|sexually|without) | (?:forces|forced|forcing|makes|made) me (?:to )?(?:have sex|sleep with|touch|do sexual|undress) `),
	others("abuse.fear", Abuse, Implicit, ` (?:locks|locked|keeps) me (?:in|inside|up|locked) | (?:will|does) not let me (?:leave|go outside|see anyone|see my (?:family|friends)|have (?:a|my) (?:phone|money)) | walk(?:ing)? on eggshells so (?:he|she) `),

	// Danger to others.
	mine("others.intent", DangerToOthers, Explicit, want+`(?:kill|murder|stab|shoot|strangle|poison|hurt|attack|beat up|slaughter|choke|harm) (?:him|her|them|you all|my (?:\w+ ?){1,2}|someone|somebody|people|everyone|everybody|that (?:man|woman|guy|bastard|bitch|kid)|those|these) `),
	mine("others.attack", DangerToOthers, Explicit, ` (?:bring|bringing|take|taking) (?:a|my|the|dads|my dads|my dad's) gun to (?:school|work|the|my) | (?:make|going to make) (?:him|her|them|everyone) bleed `),
	mine("others.voices", DangerToOthers, Explicit, ` voices? (?:\w+ ){0,4}(?:tell|telling|tells|told|command|order|say|want)(?:s|ing)? (?:me )?(?:to )?(?:kill|hurt|stab|harm|attack) `),

	// Medical emergency.
	mine("medical.now", MedicalEmergency, Explicit, ` (?:having|think i am having|i am having|is having|i (?:just )?had) a (?:heart attack|stroke|seizure) | can ?not (?:breathe|stop (?:the )?bleeding) (?:$|and |properly|please)| (?:is not|not|stopped) breathing | crushing (?:chest )?pain | chest pain (?:\w+ ){0,6}(?:arm|breath|breathe|jaw) | (?:is|he is|she is|found (?:him|her|them)) unconscious | (?:will|does) not wake up and | throat is (?:closing|swelling) `),

	// Of somebody else: worth watching.
	others("third.self", Suicide, Concern, ` (?:kill|killed|killing|kills|hang|hanged|hung|shot|hurt|hurting|hurts|harm|harming|cut|cutting|cuts) (?:himself|herself|themselves|themself) | (?:end|ended|take|took|takes|taken) (?:his|her|their) (?:own )?(?:life|lives) | (?:died|dead|lost|death|loss) (?:\w+ ){0,4}(?:by|to|from) suicide | (?:he|she|they|friend|brother|sister|son|daughter|mother|father|mum|mom|dad|husband|wife|cousin|partner) (?:\w+ ){0,3}(?:suicidal|committed suicide|attempted suicide|wants to die|wanted to die|does not want to live) `),

	// The plainest words in the languages next door, since no model reads them.
	others("suicide.es", Suicide, Explicit, ` (?:me quiero|quiero) (?:morir|matar|morirme|matarme|suicidar|suicidarme) | (?:me voy a|voy a) (?:matar|suicidar|matarme|suicidarme) | no quiero (?:vivir|seguir viviendo) | (?:suicidarme|quitarme la vida|acabar con mi vida) `),
	others("suicide.de", Suicide, Explicit, ` (?:ich )?(?:will|mochte|moechte) (?:\w+ ){0,2}(?:sterben|tot sein|nicht mehr leben) | (?:mich|mir) (?:\w+ ){0,2}(?:umbringen|das leben nehmen|toten|toeten|erhangen) | selbstmord(?:gedanken)? | suizid(?:gedanken|al)? | bringe? mich (?:\w+ ){0,2}um `),
	others("suicide.fr", Suicide, Explicit, ` (?:je )?(?:veux|voudrais|vais|j'ai envie de) (?:\w+ )?(?:mourir|me tuer|me suicider|en finir) | envie de (?:mourir|me tuer|en finir) | me suicider | mettre fin a mes jours | plus envie de vivre `),
	others("suicide.pt", Suicide, Explicit, ` (?:quero|queria|vou) (?:\w+ )?(?:morrer|me matar|matar me|suicidar me) | nao quero (?:mais )?viver | tirar a minha vida `),
	others("suicide.it", Suicide, Explicit, ` (?:voglio|vorrei) (?:morire|uccidermi|ammazzarmi|farla finita|suicidarmi) | non voglio piu vivere | togliermi la vita `),
)

// idioms look like danger and are none; they are blanked before the rules run.
var idioms = compile(` (?:` +
	`(?:dying|die|died|dead) (?:of|from|with) (?:laughter|laughing|boredom|embarrassment|cringe|shame when|curiosity|happiness|excitement|cuteness|hunger|thirst|heat|cold)` +
	`|(?:nearly|almost|literally|i|just) died (?:laughing|when|inside|of)|died laughing|dying laughing|(?:want|wanted) to die (?:laughing|of (?:embarrassment|shame|cringe))` +
	`|dying (?:to|for) (?:see|know|hear|meet|try|go|tell|get|find|eat|read|show|be there|a )|to die for|die hard|old habits die` +
	`|(?:is|are|was|were|has been|have been|be) (?:\w+ )?killing me(?: today| softly| right now)?|kill(?:s|ed|ing)? (?:it|time|two birds|the (?:lights|engine|mood|vibe|music|process|job|server|power|switch|noise|pain|game|presentation))|killing myself (?:laughing|trying|at|with|over (?:this|that|the|it)|to|for|working|studying|in the gym)|kill(?:ed)? myself (?:laughing|trying to|working|at the gym|studying|over (?:this|that|the|it)|for (?:forgetting|missing|not|saying|being late))|kill (?:him|her|them|you) with kindness|(?:kill|die) for (?:a|an|some|that|those|this)|(?:mom|mum|dad|mother|father|wife|husband|boss|sister|brother|coach|teacher|parents) (?:is|are|will|would|s) ?(?:going to |so |really )*(?:kill|murder) me (?:if|when|for|because|over|once|but)|dressed to kill|make a killing|killer (?:\w+)` +
	`|suicide (?:squad|prevention|awareness|hotline|helpline|mission|mode|bomber|bombers|bombing|watch party|rate|rates|statistics|door|doors|pact in the|drink|run|runs|sprint|sprints|king)|(?:career|political|social|financial|commercial|professional) suicide|suicides (?:at|in) (?:practice|training)` +
	`|(?:rather|sooner|would) (?:{w})?(?:jump|die|eat|drink|gouge|set fire|throw myself|hang myself|shoot) (?:{w}){0,8}than (?:{w})?(?:go|wear|eat|listen|watch|do|work|see|sit|drive|hear|speak|spend|another|use|buy)|(?:mother is|mum is|mom is|dad is) going to kill me when|one more time i am going to (?:{w}){0,3}(?:into|die|scream|lose)|the days (?:now|until|to)|counting down the|cut my hours|cut my hair|cut my finger|cut my losses|would it kill (?:him|her|you|them|me|us)|(?:mum|mom|mother|dad|father|wife|husband|boss|sister|brother|nan|gran)'s (?:going to |so |really |definitely )*(?:kill|murder) me|swear i will die|i would cut off my|i stopped breathing|wake my (?:teenager|son for school|teen)|pushe[sd] me to (?:apply|try|go|do|study|be|become|finish|keep|take|get|ask|speak|sing|write|run|work|learn|audition)|to death(?: by (?:meetings|powerpoint|emails))?|drop dead gorgeous|over my dead body|dead (?:tired|serious|end|ends|line|lines|weight|battery|phone|on my feet|ringer|heat)|brain dead|drowning in (?:\w+)` +
	`|(?:hang|hanging|hung) (?:out|in there|up|on|around)|(?:cut|cutting) myself (?:some slack|off|a (?:slice|piece|break)|loose|out of|short)` +
	`|(?:cut|burn|burned|burnt|hurt|hit|scratched|injured|punched|poisoned) myself (?:\w+ ){0,4}(?:shaving|cooking|chopping|slicing|on (?:the|a|my) (?:stove|oven|pan|iron|paper|knife|glass|grill|kettle|table|door|thumb)|with (?:the|a) (?:hammer|iron|kettle|pan|knife while|kitchen knife)|playing|running|at (?:the gym|football|practice|training|work|soccer|yoga)|skiing|skating|in (?:the kitchen|the game|the garden|a fall)|falling|by accident|accidentally|climbing|moving|lifting|exercising|gardening|while)|accidentally (?:cut|burn|burned|burnt|hurt|hit|injured|shot|poisoned) myself|hit myself (?:in|on|with)` +
	`|(?:beat|beats|beating) (?:me|us) (?:at|in|to|by|on|every (?:single )?(?:time|game|round)|again at)|(?:hit|hits|hitting) (?:me|us) (?:that|up|with (?:a|the|that|his|her) (?:\w+ )?(?:idea|question|news|joke|bill|truth|smile)|hard that|like a)|kick(?:s|ed)? (?:me|us) (?:out|off|under)|kicks me (?:from inside|all night)|slapped me on the back` +
	`|(?:shoot|shooting) (?:him|her|them|you|my \w+|me|someone) (?:a|an|some|over) (?:\w+)|(?:shoot|shooting|shot) (?:\w+ ){0,2}(?:hoops|photos|pictures|video|videos|film|film|movie|scene|scenes|pool|the breeze|an email|a message|a text)|(?:hurt|hurting) (?:him|her|them|my \w+|my \w+ s|someone|people|anyone|someone s|people s|\w+'s) (?:feelings|by|with (?:what|my)|when i|emotionally)|(?:hurt|hurting) \w+'s feelings|attack (?:the|my|this) (?:problem|project|task|day|homework|pile|essay)` +
	`|overdos(?:e|ed|ing) on (?:\w+ )?(?:chocolate|sugar|coffee|caffeine|netflix|tv|cake|candy|sweets|ice cream|cheese|news|christmas|carbs|pizza)|shoot me an? (?:\w+)` +
	`|jump(?:ing|ed)? (?:off|from|into|out of) (?:a |an |the |my |of )?(?:plane|airplane|diving board|pool|bed|couch|sofa|trampoline|bandwagon|swing|\w+ (?:board|pool|lake|water))|(?:take|taking|took) my life (?:back|in|into|to|seriously|one|for granted)|end (?:it|things) with (?:him|her|them|my \w+)|end (?:this|it) (?:relationship|job|meeting|conversation|chapter)` +
	`|(?:want|wanted|wish|going|like) to (?:just )?(?:disappear|vanish) (?:for (?:a|the)|on (?:a|holiday|vacation)|into (?:a|the|my))|(?:phone|laptop|battery|car|plant|plants|wifi|engine|computer|watch|flowers|internet|camera) (?:is |was |just |has |keeps )*(?:dying|died|dead|killed itself)` +
	`|can ?not breathe (?:because i am laughing|from laughing|i am laughing|laughing|through my nose|in this (?:dress|heat))|could not breathe (?:from )?laughing|(?:bungee|base) jump(?:ing|ed|s)?(?: off| from)?(?: a| the)? \w+|see you (?:\w+ ){0,6}goodbye \w+|(?:punched|hit|kicked|slapped|pushed) me (?:playfully|jokingly|for fun|as a joke)|bleeding (?:edge|heart|gums|money)|heart attack when|(?:nearly|almost|gave me|giving me|give me) (?:had )?a heart attack` +
	`) `)

var (
	// imminence turns an explicit sign into an immediate one.
	imminence = regexp.MustCompile(` (?:tonight|right now|today|this evening|this morning|in an hour|in a minute|in a few minutes|already took|just took|have the pills|have a gun|have the gun|have the rope|gun in my|on the (?:bridge|roof|ledge|edge)|standing on|loaded|last message|final message|goodbye|in my hand|next to me|in front of me) `)
)
