package crisis

import (
	"regexp"
	"strings"
)

// spelled gives contractions, phone slips and slang in full.
var spelled = words(`
	i'm=i am, im=i am, i'll=i will, i've=i have, ive=i have, i'd=i would, imma=i am going to, ima=i am going to, i'mma=i am going to
	don't=do not, dont=do not, dnt=do not, doesn't=does not, doesnt=does not, didn't=did not, didnt=did not, can't=can not, cant=can not, cannot=can not
	won't=will not, wont=will not, isn't=is not, isnt=is not, aren't=are not, arent=are not, wasn't=was not, wasnt=was not, weren't=were not, ain't=is not, aint=is not
	wouldn't=would not, wouldnt=would not, couldn't=could not, couldnt=could not, shouldn't=should not, shouldnt=should not, shan't=will not, mustn't=must not
	haven't=have not, havent=have not, hasn't=has not, hasnt=has not, hadn't=had not, hadnt=had not
	he's=he is, hes=he is, she's=she is, shes=she is, they're=they are, theyre=they are, he'll=he will, she'll=she will, they'll=they will, theyll=they will
	he'd=he would, she'd=she would, they'd=they would, theyd=they would, they've=they have, we're=we are, we've=we have, we'll=we will, you're=you are, youre=you are
	it's=it is, its=it is, it'll=it will, it'd=it would, there's=there is, theres=there is, that's=that is, thats=that is, what's=what is, whats=what is
	everyone's=everyone is, everything's=everything is, who's=who is, where's=where is, here's=here is, nobody's=nobody is, someone's=someone is, somebody's=somebody is
	wanna=want to, wana=want to, wnna=want to, gonna=going to, gna=going to, gunna=going to, g0nna=going to, gotta=got to, lemme=let me, tryna=trying to, finna=going to, shall=will
	kinda=kind of, outta=out of, dunno=do not know, idk=i do not know, idc=i do not care, gimme=give me, cuz=because, coz=because, cos=because, bc=because
	mysef=myself, myslef=myself, meself=myself, suicde=suicide, sucide=suicide, suiside=suicide, suacide=suicide, sucidal=suicidal, suicidle=suicidal, anymor=anymore, alot=a lot
	sewerslide=suicide, sewerside=suicide, sooicide=suicide, suislide=suicide, sueside=suicide, sucicide=suicide
	kms=kill myself, kys=kill yourself, ctb=kill myself, unalive=kill, unalived=killed, unaliving=killing, unalives=kills, selfharm=self harm, selfharming=self harming, selfharmed=self harmed
	kil=kill, kiling=killing, dieing=dying, ded=dead, tierd=tired, tyred=tired, beeing=being, hav=have, wnt=want, wnat=want, watn=want, jst=just, alrdy=already, wen=when, wot=what
	rn=right now, tn=tonight, tonite=tonight, 2nite=tonight, toinite=tonight, tmrw=tomorrow, tmr=tomorrow, tomoro=tomorrow, 2moro=tomorrow, 2morrow=tomorrow, 2day=today, 4ever=forever, b4=before
	pls=please, plz=please, sry=sorry, srry=sorry, ppl=people, sth=something, smth=something, u=you, ur=your, r=are, n=and, abt=about, thru=through, tho=though, wud=would, shud=should
	evry1=everyone, every1=everyone, some1=someone, any1=anyone, no1=no one, noone=no one, evryone=everyone, everybodys=everyone is, evrything=everything
	husbend=husband, hubby=husband, boyf=boyfriend, bak=back, sudenly=suddenly, brething=breathing, breathin=breathing, rly=really, bleding=bleeding
	hangin=hanging, killin=killing, cuttin=cutting, dyin=dying, livin=living, cutted=cut, wrk=work
`)

// shorthand are words with digits, which would be read as letters otherwise.
var shorthand = words(`2nite=tonight, 2moro=tomorrow, 2morrow=tomorrow, 2day=today, 4ever=forever, b4=before, every1=everyone, evry1=everyone, some1=someone, any1=anyone, no1=no one, m8=mate, l8r=later, gr8=great`)

func words(list string) map[string]string {
	all := map[string]string{}
	for pair := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '\n' }) {
		if short, full, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			all[short] = full
		}
	}
	return all
}

// inContext are spellings that are words of their own but where certain others follow.
var inContext = []struct {
	pattern *regexp.Regexp
	full    string
}{
	{regexp.MustCompile(` ill (be|do|kill|make|take|just|never|jump|end|go|see|show|get|give|hurt|hang|finally|probably|not|always|have|bring|use|stab|shoot) `), " i will $1 "},
	{regexp.MustCompile(` id (be|rather|like|love|just|do|never|kill|have|die|go|take|prefer) `), " i would $1 "},
	{regexp.MustCompile(` [1l] (m|am|want|will|die|feel|have|can|just|hate|need|took|do|cut|wish|wanted) `), " i $1 "},
	{regexp.MustCompile(` i m `), " i am "},
	{regexp.MustCompile(` 2 (\w*[a-z])`), " to $1"},
	{regexp.MustCompile(` sh (relapse|relapsed|again|urge|urges|scars|ing|every|tonight|thoughts|streak)`), " self harm $1"},
	{regexp.MustCompile(` (to|urge|urges|about|from|of|did|i|i have been) sh `), " $1 self harm "},
}

// phrases unifies what comes in several words.
var phrases = strings.NewReplacer(
	" my self ", " myself ", " any more ", " anymore ", " any longer ", " anymore ", " no one's ", " no one is ", " not breath ", " not breathe ",
	" un alive ", " kill ", " un aliving ", " killing ", " un alived ", " killed ",
	" skull myself ", " kill myself ", " coffin myself ", " kill myself ", " yeet myself ", " throw myself ", " delete myself ", " kill myself ",
	" rope myself ", " hang myself ", " neck myself ", " hang myself ", " necking myself ", " hanging myself ", " top myself ", " kill myself ", " topping myself ", " killing myself ",
	" do myself in ", " kill myself ", " doing myself in ", " killing myself ", " do away with myself ", " kill myself ", " make suicide ", " commit suicide ", " do suicide ", " commit suicide ",
	" want to suicide ", " want to commit suicide ", " commit die ", " kill myself ", " self delete ", " kill myself ", " self exit ", " kill myself ", " game end myself ", " kill myself ",
	" self h@rm ", " self harm ", " sh ing ", " self harming ",
)
