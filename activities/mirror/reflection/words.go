package reflection

// unapostrophed are contractions as typed in haste. Those that are words of
// their own ("were", "well", "id", "ill", "shed", "its") are left alone.
var unapostrophed = map[string]string{
	"im": "i'm", "ive": "i've", "dont": "don't", "doesnt": "doesn't", "didnt": "didn't",
	"isnt": "isn't", "arent": "aren't", "wasnt": "wasn't", "werent": "weren't",
	"cant": "can't", "couldnt": "couldn't", "wouldnt": "wouldn't", "shouldnt": "shouldn't", "wont": "won't",
	"havent": "haven't", "hasnt": "hasn't", "hadnt": "hadn't",
	"thats": "that's", "theres": "there's", "whats": "what's", "shes": "she's", "hes": "he's", "theyre": "they're",
}

// turned maps the speaker's words to the listener's.
var turned = map[string]string{
	"i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
	"i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
	"we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
	"we're": "you're", "we've": "you've", "we'd": "you'd", "we'll": "you'll",
}

// outOfReach are words that keep a clause from being given back: they speak to
// the listener or to anyone, or would sound wrong from another mouth.
var outOfReach = wordSet(`you your yours yourself yourselves you're you've you'd you'll u ur ya meai let's lets
	shit bullshit crap asshole bitch bastard cunt dick whore slut hell wtf
	please pls thanks dear`)

// dropped are words that a reflection does better without.
var dropped = wordSet(`fucking fuckin freaking fricking bloody damn damned goddamn effing lol lmao haha hahaha tbh ngl imo omg idk ugh um uh hmm er`)

// openers are fillers that lead into a clause and are left out.
var openers = wordSet(`and but so well because also anyway anyways honestly oh okay ok yeah yes no like plus then hi hello hey
	actually basically lately today cause cuz wow look listen argh yet or`)

// keptOpeners of these matter to the sense when no comma follows.
var keptOpeners = wordSet(`lately today no like then yes`)

// amForms follow only "I".
var amForms = map[string]string{"am": "are", "was": "were", "wasn't": "weren't", "ain't": "aren't"}

// between may stand between "I" and its verb.
var between = wordSet(`just really always also never still only so already probably honestly even often almost
	actually simply truly definitely clearly both suddenly currently usually sometimes literally finally once then now myself
	obviously certainly maybe perhaps too completely totally`)

// joins continue a subject: "I sat down and was fine".
var joins = wordSet(`and but or then`)

var pronouns = wordSet(`i he she it they we that who which this there you everyone everybody nobody someone`)

// finite are verb forms that make a group of words a clause.
var finite = wordSet(`am is are was were be isn't aren't wasn't weren't have has had haven't hasn't hadn't do does did don't doesn't didn't
	can could will would should may might must can't cannot couldn't won't wouldn't shouldn't
	feel feels felt keep keeps kept left leaves died dies told tells said says went goes got gets lost loses made makes
	moved moves came comes took takes gave gives knew knows thought thinks wants want wanted need needs needed
	miss misses missed love loves loved hate hates hated like likes liked seem seems seemed work works worked
	started starts stopped stops broke breaks found finds saw sees met meets call calls called cry cried fell falls
	won wins passed passes failed fails became becomes hurts hurt helped helps happened happens means meant
	let lets put ran runs sleep slept sit sat stand stood try tries tried turned turns help leave
	yelled shouted threw bought sold slept woke asked asks answered ignored ignores treats treated drives drove
	born finished begins began changed changes cheated lied lies ended ends wrote writes read reads`)

// plainStarts are words that begin a sentence with a capital and continue one
// without. A first word that is neither here nor a stop word may be a name.
var plainStarts = wordSet(`work school life people nobody everybody everyone someone something nothing everything anything things
	sometimes today yesterday tomorrow tonight lately recently last next three two four five six seven ten one half both
	another every since after before when while whenever whatever because although though even still just maybe perhaps
	people money sleep time being having getting going trying working living feeling losing money food music nights days weeks
	mornings evenings summer winter spring autumn sleeping love grief anxiety depression therapy college university
	finally apparently unfortunately luckily thankfully suddenly usually only nothing neither either
	great good bad new old big small too long parents friends kids children colleagues doctors men women
	bought made went got had felt slept cried walked finished passed failed started tried feel finished can't couldn't don't
	lost missing tired exhausted sad happy proud angry anxious lonely scared overwhelmed stressed worried nervous grateful`)

// kin are relatives that are named without "my" when they are called: "Mum died".
var kin = wordSet(`mum mom mummy mommy mama mam dad daddy papa grandma grandpa granny gran nan nana grandad granddad`)

// determiners precede a noun that is therefore not a name.
var determiners = wordSet(`my your his her our their the a an this that these those no some any every each old late poor dear own whose and`)

// loaded are words by which a clause judges a person or says more than anyone
// can know. It is given back as how it seems, not as how it is.
var loaded = wordSet(`hates worthless failure stupid
	idiot idiots ugly useless burden fault deserve deserves deserved weak pathetic loser disgusting unlovable
	monster liar jerk moron narcissist toxic evil horrible lazy selfish hopeless pointless dumb fat
	cheating ungrateful needy unwanted incapable incompetent`)

// Everyone, no one and the verbs that make a verdict of them: "nobody cares".
var (
	allOrNone    = wordSet(`nobody everyone everybody people anyone anybody`)
	verdictVerbs = wordSet(`care cares love loves like likes want wants need needs understand understands hate hates think thinks know knows listen listens
		notice notices help helps remember remembers leave leaves left abandon abandons believe believes cared loved liked understood noticed judge judges`)
)

// loadedPhrases say that there is no way out.
var loadedPhrases = []string{" no point ", " no hope ", " no future ", " nothing matters ", " never get better ", " never gets better ", " no way out ", " never be happy ", " wrong with me ", " no use ", " give up on ", " anything right ", " i'm broken ", " am broken "}

// attributed are the beginnings by which a speaker marks words as a view.
var attributed = wordSet(`feel felt think thought believe guess suppose worry fear wonder hope wish know say feels seems`)

// laughs end what is told; what follows them is no part of it.
var laughs = wordSet(`lol lmao haha hahaha`)

// subjectless are forms that leave out their "I": "can't sleep".
var subjectless = wordSet(`can't couldn't don't didn't haven't won't`)

// eventStems tell of what turns a life: they come before all else.
var eventStems = wordSet(`die lost death funer baby divorc cancer tumour tumor pregnant engag marri fire redund job cheat leav left miscarriag dementia
	diagnos hospit accid propos evict promot pass fail won graduat homeless kill hung dump`)

// feelingStems tell what a clause says about the inside.
var feelingStems = wordSet(`feel felt sad happi angri afraid scare anxious lone alon griev grief miss cri tear hurt love hate proud asham
	guilti tire exhaust overwhelm stress worri nervous frustrat disappoint jealous confus grate thank reliev calm hope hopeless empti
	furious terrifi panic excit lost broken heartbroken stuck hard unhappi depress embarrass mad annoy enjoy joy sleep dread regret
	nervous pain numb fear dark humili trap trust unfair betray hopeless peac bore ignor relax quiet invis worthless delight
	thrill glad relief weep sob ach burn drain`)
