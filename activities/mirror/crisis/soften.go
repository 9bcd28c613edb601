package crisis

import (
	"regexp"
	"strings"
)

// surroundings are what the whole text says about the signs in it.
type surroundings struct {
	// long: it says more than a sign.
	long bool
	// elsewhere: it is about a story, the news, somebody's words or one's profession.
	elsewhere bool
	// behind: it is told as over, by somebody who is well.
	behind bool
	// denied: the writer says that it is not what it sounds like.
	denied bool
}

// shortText is how many words, ends of sentences among them, a text has at most that
// says little more than one thing.
const shortText = 11

func about(text string) surroundings {
	return surroundings{
		long:      len(strings.Fields(text)) > shortText,
		elsewhere: elsewhere.MatchString(text) && !nevertheless.MatchString(text),
		behind:    behind.MatchString(text) && !continuing.MatchString(text),
		denied:    (disclaimer.MatchString(text) || answered.MatchString(text)) && !nevertheless.MatchString(text),
	}
}

// softened reports whether what was found is denied, over, or told as fiction.
// A word of now takes that back: "I used to cut myself and I do it again".
func (r rule) softened(sentence string, from, to int, in surroundings) bool {
	before, match := sentence[:from]+" ", sentence[from:to]
	switch {
	case r.firstPerson && denial.MatchString(before) && !strings.Contains(before, " promise "), denialWithin.MatchString(match), quoted.MatchString(sentence):
		return true
	case plain.MatchString(sentence):
		// No word around a plain wish takes it back, but for those of its own sentence.
		return past.MatchString(sentence) && !present.MatchString(sentence[:to]) && !continuing.MatchString(sentence) || disclaimer.MatchString(sentence)
	}
	switch {
	case r.severity == Imminent:
		return in.elsewhere || in.behind && in.denied
	case in.elsewhere || in.behind || in.denied:
		return true
	case !r.firstPerson:
		return over.MatchString(sentence) && !continuing.MatchString(sentence)
	case present.MatchString(sentence[:to]) || continuing.MatchString(sentence):
		return false
	}
	return past.MatchString(sentence) || fiction.MatchString(before+" "+sentence[to:]) && !strings.Contains(sentence, " like ") || ofAnother.MatchString(before+match)
}

// plain is a wish or an intention that is said outright.
var plain = compile(`(?:` + want + `| (?:am|me) wanting to |^ (?:want|going) to )(?:kill|die|be dead|end (?:it|my)|hang|hurt myself|cut|shoot|stab|murder|take my)`)

var (
	// denial right before what was found: "I would never …", "I am not going to …".
	denial = regexp.MustCompile(` (?:never|not|no|none|nope|zero|without|nor|neither|do not|would not|did not|am not|not going to|have not|has not|no longer|stopped|nothing to do with|not that i|not about|against|instead of|free of|discharged|quit|asked|asks|asking|ask|difference between) (?:(?:ever|really|actually|want|wanted|wanting|going|thinking|planning|trying|considering|feeling|feelings|feel|felt|like|having|have|had|think|thought|thoughts|tried|about|of|to|i|am|was|were|would|will|be|any|a|me|my|you|if|whether|outright|again|once|do|did|the|form|plans?|plan|intention|intentions|wish|desire|desires|urges?|question|ideation|interest|taken|someone|anyone|are) ){0,9}$`)
	// denialWithin: the pattern itself reaches over the denial.
	denialWithin = compile(`^ i (?:\w+ ){0,2}(?:not|never) (?:\w+ ){0,3}(?:suicidal|overdos\w+|self harm\w*) | (?:does|did|would|has|is|do|will) (?:not|never) (?:{w}){0,2}(?:hit|hurt|beat|hitting|beating|touch|hurting|slap|punch|kick|choke|rape) | (?:not|never) (?:scared|afraid|suicidal|hurting) `)
	past         = regexp.MustCompile(` (?:used to|years ago|months ago|decades ago|long ago|back then|back when|years back|in the past|in my (?:teens|twenties|youth|childhood)|as a (?:teen|teenager|child|kid)|when i was (?:a |in |young|younger|little|\d+|\w*teen|twelve|eleven|ten)|was suicidal (?:at|in|as)|at (?:sixteen|seventeen|eighteen|nineteen|fifteen|fourteen|1[3-9])|years (?:clean|since|free)|months (?:clean|since|free)|days (?:clean|free)|recovered|in recovery|survived|last year|in high school|in college|that time i|i once|those days are|before therapy|clean from|before (?:rehab|treatment)) `)
	joking       = regexp.MustCompile(` (?:haha\w*|lol|lmao|jk|just kidding|kidding) `)
	present      = regexp.MustCompile(` (?:now|tonight|today|right now|this morning|this evening|tomorrow|currently) `)
	// continuing words say that what was before is so again or still.
	continuing = regexp.MustCompile(` (?:again|still|these days|lately|coming back|are back|is back|back to it|ever since|relapsed?|relapsing|every (?:night|day|week|time)|keeps?|keep|last (?:night|week|month)|yesterday|right now|tonight|not anymore|will not stop|starting again|same) `)
	fiction    = regexp.MustCompile(` (?:movie|film|novel|book|song|lyrics?|series|episode|game|character|play|poem|poet|documentary|podcast|story i (?:read|am writing)|scene|article|essay about|lecture|class about|protagonist|villain) `)
	// ofAnother: it was somebody else's.
	ofAnother = compile(` (?:auntie|aunt|uncle|colleague|neighbou?r|cousin|friend|gran|grandad|grandpa|grandma|great grandad|grandfather|grandmother|mother|father|mum|mom|dad|sister|brother|boss|man from|woman from|lady|bloke|mate|girl|boy|poet|he|she|they|kid|teacher|somebody|someone|actor|singer) (?:{w}){0,4}(?:had|has had|was|were|lost|went through|struggled with|survived|tried|used to|got|would sooner|says? (?:he|she) would sooner) $| (?:auntie|aunt|uncle|colleague|neighbou?r|cousin|friend|gran|grandad|grandma|grandfather|grandmother|mother|father|sister|brother|boss|lady|girl|boy|he|she) (?:had|was|lost|wanted|tried|would sooner|would rather) (?:{w}){0,4}(?:suicid\w+|vanish|things|die|dead|end things)(?: than| thoughts)? `)
	// over: of a sign about anybody, that it was long ago or has been treated.
	over = compile(` (?:used to|years ago|years back|decades ago|long ago|a lifetime ago|half a lifetime ago|back in the|as a (?:child|kid|boy|girl)|in (?:19|20)\d\d|since (?:19|20)\d\d|in the (?:fifties|sixties|seventies|eighties|nineties|war)|when i was (?:a |in |young|little|\d+|\w*teen)|\w+ years on|got (?:out|help|sorted)|has been in prison|stents?|bypass|pacemaker|all clear|turned out|turns out|false alarm|only the heat|he is fine|she is fine|is fine now|back home|on the mend|recovering|recovered|discharged|dentist|injection|numbing|panic attack it was|in (?:january|february|march|april|may|june|july|august|september|october|november|december|the (?:spring|summer|autumn|winter)) (?:{w}){0,3}(?:but|and|now|he|she)) `)
	// behind: said by people for whom it is over.
	behind = compile(` (?:(?:\w+ )?years (?:ago|clean|free|sober|since|back|on)|ten years|half a lifetime ago|a lifetime ago|in (?:19|20)\d\d|since (?:19|20)\d\d|(?:19|20)\d\d diary|those days are|used to (?:{w}){0,8}(?:now|today)|(?:got|i got) (?:out|help|through it|away)|life is (?:good|sweet|lovely|mine|great)|happy now|well now|i am (?:well|free|safe now|okay now|recovered)|in recovery|i recovered|my therapist helped|glad i (?:stayed|did not|lived|failed)|so glad i|at (?:sixteen|seventeen|eighteen|fifteen|fourteen|1[3-9]) (?:{w}){0,2}(?:at|i am|now)|i left (?:him|her|with)|i walked out (?:of|on)|my last attempt was) `)
	// disclaimer: what people add so as not to be taken wrongly.
	disclaimer = regexp.MustCompile(` (?:before you ask|to be clear|do not worry|no need to worry|not in (?:that|a bad|a dark|the bad) way|you (?:keep )?ask(?:ed|ing)? (?:whether|if)|sounds worse than|sounds like a goodbye|not what it sounds like|it is not that|nothing dark|nothing sinister|send (?:me )?(?:a |the )?hotline|not suicidal|figure of speech i promise|relax|just an expression|not literally|not really though|i would not (?:\.|do that|ever)|in the slightest|courtesy of|metaphorically|not me relax|no drama|wrong idea|only joking|just kidding|(?:eye is|bruise is|bruises are|cuts are|black eye is|scratches are) from) `)
	// answered: somebody or a form asked, and the answer is no.
	answered = regexp.MustCompile(` (?:asked?|asks|asking|question|questions|form|forms|leaflet|questionnaire|survey|screening|checklist|clipboard|app|bot) (?:[^ ]+ ){0,30}(?:no|nope|nah|never|none|zero|not (?:one|once|at all)) (?:[^ ]+ ){0,40}$`)
	// nevertheless: what takes a disclaimer or a story back.
	nevertheless = regexp.MustCompile(` (?:i lied|lied|i said no|said no but|but yes|truth is|the truth|i am not fine|not okay|not (?:a )?(?:joke|joking|kidding|figure of speech|figuratively|dramatic|exaggerating|being dramatic)|i mean it|for real|no joke|serious about it) `)
	// quoted: the words are somebody else's.
	quoted = compile(` (?:as (?:my|the|our) (?:{w}){1,2}(?:put it|says|said|used to say)|(?:lyrics?|song|chorus|line|sign|slogan|mug|t ?shirt|poster|graffiti|saying|motto|bio|caption|proverb|title) (?:{w}){0,3}(?:goes|says|reads|was|is|that says)|is painted on|favou?rite saying|(?:at|on) every wedding|my last words will be|in my (?:story|novel|book|script|play|screenplay)|playing (?:a|the)|the villain|cut my life into pieces) `)
	// elsewhere: stories, news, sayings, work.
	elsewhere = compile(` (?:in my (?:story|novel|book|script|play|screenplay|essay|thesis|dissertation|fanfic)|(?:the|this|a|my|that|our) (?:{w})?(?:novel|movie|film|episode|musical|opera|podcast|documentary|thriller|sitcom|drama|soap|anime|manga|comic|lyric|lyrics|audiobook|trailer|horror film|horror game|boss fight|villain|protagonist|main character|narrator|chapter|spring production|script|bulletin|inquest|memorial|exhibition|museum|essay|dissertation|lecture|module|seminar|training|workshop|helpline shift|ward|placement|shift at|webinar|crossword|t ?shirt|mug|poster|sticker|graffiti|tattoo|proverb|motto|saying|quote|joke|riddle|pun)|dickens|macbeth|hamlet|shakespeare|romeo|ophelia|tolstoy|agatha christie|netflix|hbo|playing (?:a|the) |favourite saying|favorite saying|as (?:my|the) (?:{w}){1,2}(?:put it|says|said|used to say)|is painted on|the sign (?:says|reads)|(?:at|on) every wedding|on the news|in the news|in the (?:news)?papers?|on the radio|role plays?|supervised|supervision|my (?:clients?|patients?|pupils|students)|risk assessments?|crisis (?:text )?line|hotline shift|i volunteer|i moderate|as an? (?:{w}){0,2}(?:nurse|teacher|paramedic|therapist|counsellor|counselor|officer|doctor|vet|lawyer|journalist|social worker|midwife|firefighter|student|volunteer|negotiator)|essay on|thesis on|paper on|research on|lecture on|talk on|training day|my last words will be) `)
)

func compile(pattern string) *regexp.Regexp { return regexp.MustCompile(classes.Replace(pattern)) }
