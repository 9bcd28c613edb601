package lexicon

// stopWords are function words, auxiliaries with their contractions (also as
// typed without the apostrophe), negations and fillers. Words of feeling are
// never listed, nor are "alone", "enough" or "help": they carry meaning here.
var stopWords = setOf(`
a an the this that these those such same other another each every either neither both any some all no none
i me my mine myself we us our ours ourselves you your yours yourself yourselves
he him his himself she her hers herself it its itself they them their theirs themselves one ones
who whom whose which what whatever when whenever where wherever why how however
and or but nor so yet if then else than because as until while although though since unless whether
of at by for with without about against between into through during before after above below to from up down
in out on off over under again further near upon within along across toward towards around per via onto
am is are was were be been being isn't aren't wasn't weren't isnt arent wasnt werent ain't aint
have has had having haven't hasn't hadn't havent hasnt hadnt
do does did doing done don't doesn't didn't dont doesnt didnt
will would shall should can could may might must ought won't wouldn't shan't shouldn't can't cannot couldn't mightn't mustn't
wont wouldnt shouldnt cant couldnt
i'm i've i'll i'd im ive you're you've you'll you'd youre youve he's he'll he'd she's she'll she'd shes
it's it'll it'd we're we've we'll we'd weve they're they've they'll they'd theyre theyve
that's that'll thats there's theres here's heres what's whats who's whos where's how's let's lets
not never only own very too also just even still already ever once more most much many few less least
here there now then today's get gets got getting gotten go goes going gone went come comes came coming
make makes made making let put say says said saying tell told
like really quite rather maybe perhaps actually basically literally kind sort thing things something anything everything nothing
someone anyone everyone somebody anybody everybody stuff lot lots bit way
well oh ok okay yeah yes yep nope um uh hmm hey please thanks
us am pm etc s t m re ve ll d
`)
