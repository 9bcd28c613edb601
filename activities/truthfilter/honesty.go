package truthfilter

import (
	"regexp"
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// honestyRules recognise promises, claims and poses that nobody can stand behind.
var honestyRules = []rule{
	phrase("absolute_promise", 0.6, denied, "guarantee|always works|never fails|every time|for everyone|100|foolproof|without fail|no doubt|miracle|risk-free|risk free|side effects|instantly|overnight|permanent|forever|once and for all|works for anyone",
		`guarantee[ds]?|always works?|never fails?|works? (?:every time|for (?:every|any)(?:one|body))|100 ?(?:%|per ?cent)|foolproof|without fail|(?:there is |there's )?no doubt|miracle|risk[- ]free|no side effects|instantly|overnight|permanently|(?:gone|fixed|free|happy|cured|better|rid of \w+) forever|once and for all`),
	phrase("absolute_promise", 0.6, denied, "will |'ll ",
		`(?:will|'ll) (?:definitely|certainly|surely|absolutely|undoubtedly|always|never)|(?:this|that|it|they|she|he|doing this|these) ?(?:will|'ll) (?:fix|solve|heal|cure|end|erase|change (?:everything|your life)|make (?:you|it all|everything) (?:happy|better|fine|go away))`),
	phrase("false_reassurance", 0.5, denied, "fine|okay|ok|alright|all right|great|better|work out|happy|get through|be over",
		`(?:everything|it all|it|all|things|you)(?:'s| is|'re| are|'ll| will)(?: all)?(?: going to| gonna)? ?(?:be|get|feel|turn out|work) (?:just |perfectly |absolutely |so much |much |all )?(?:fine|okay|ok|alright|all right|great|better|out|happy)\b|you(?:'ll| will) (?:get through|be over|forget)|i know (?:you|it|things|everything)(?:'ll| will| can)`),
	phrase("absolute_promise", 0.5, denied, "promise|swear|give you my word", `i (?:can )?(?:promise|swear)|you have my word|i give you my word`),
	phrase("cure_claim", 0.7, denied, "cure|heals|heal |eliminate|eradicate|get rid of|banish|reverse",
		`cure[sd]?\b|(?:heals?|eliminates?|eradicates?|banish(?:es)?|reverses?) (?:\w+ ){0,2}?(?:depression|anxiety|trauma|stress|pain|grief|fear|panic|insomnia|everything|worry|ptsd|loneliness)|(?:get|gets) rid of (?:\w+ )?(?:depression|anxiety|trauma|stress|panic|insomnia|worry|ptsd)`),
	phrase("unsupported_claim", 0.5, denied, "studies|study|research|science|scientist|expert|doctors|psycholog|statistic|proven|percent|per cent|%|it is a fact|it's a fact|everyone knows|well known that|most people who",
		`(?:studies|research|science|scientists|experts|doctors|psychologists|psychology|statistics|a study|a recent study|one study)(?: has| have|)? (?:prove[sdn]?|show[sn]?|agrees?|confirms?(?:ed)?|says?|tells? us|demonstrates?|found|finds?) (?:that|you|this|how|people|it|most|the)|(?:scientifically|clinically|medically) (?:proven|tested|shown)|proven (?:to|method|technique|way|fact)|\d+ ?(?:%|per ?cent) of (?:all )?(?:\w+ )?(?:people|women|men|patients|users|couples|cases|adults)|(?:harvard|stanford|oxford|nasa|yale) (?:study|research|scientists|psychologists?)|it(?:'s| is) a (?:proven |known )?fact|everyone knows`),
	phrase("unsupported_claim", 0.5, denied, "because you|your problem|your childhood|the reason you|you only feel|what you really|deep down you|subconsc|unconscious",
		`(?:the (?:real |true )?reason you|your (?:real )?problem is|what you really|deep down,? you|your (?:subconscious|unconscious)|you only feel (?:this|that)(?: way)? because|this (?:comes|stems) from your (?:childhood|mother|father))`),
	phrase("mind_reading", 0.5, denied, "doesn't love you|never loved|secretly|loves you|hates you|thinks that you|wants you to|is cheating|is lying",
		`(?:he|she|they|your \w+) (?:obviously |clearly |secretly |definitely |really |never )+(?:loves?|loved|hates?|hated|wants?|thinks?|misses|resents?|cares?)|(?:he|she|they)(?:'s| is|'re| are) (?:obviously |clearly |definitely |secretly )?(?:cheating|lying to you|jealous)`),
	phrase("false_humanity", 0.7, denied, "how you feel|what you feel|what you're going|what it's like|been there|been through|your pain|when i |since i |my own |as a |i'm a |i am a |i'm human|i am human|i'm your |i am your |i cried|thinking about you|thinking of you|i had |i was so|i felt|i feel|worried about you|happened to me|my life|me too|i get it|i lost|i also",
		`i (?:totally |completely |really )?(?:know|understand) (?:exactly |just |precisely )?(?:how you|what you(?:'re| are)? (?:feel|going)|what it(?:'s| is) like|the feeling)|i(?:'ve| have)? (?:been there|been through)|i feel (?:the same|your pain|exactly|what you|it too)|(?:when|since) i (?:was|were|lost|had|went|got)|my own (?:mother|father|wife|husband|child|divorce|depression|experience|life|grief|loss)|(?:speaking )?as a (?:human|person|fellow|therapist|doctor|psychologist|woman|man|mother|father|licensed|trained|professional)|i(?:'m| am) (?:also )?(?:human|a (?:human|real|person|therapist|doctor|psychologist|counsell?or|licensed|trained|nurse)|your (?:therapist|doctor|best friend|friend|counsell?or))|i (?:cried|was crying|couldn't sleep|worried about you|was (?:thinking|worried|so))|(?:been|was|am|i'm) (?:thinking|worried|worrying) (?:of|about) you|i (?:once )?(?:had|lost|felt|also \w+|went through) (?:a |an |the |my |this |that )|happened to me|in my life`),
	phrase("evasion", 0.5, denied, "as an ai|i'm just|i'm only|i am just|i am only|i cannot|i can't|unable to|not able to|many factors|consult a|not qualified|no opinion|hard to say|that depends|it depends",
		`as an ai\b|i(?:'m| am) (?:just|only) (?:an? )?(?:ai|program|machine|bot|language|computer)|i(?:'m| am)? ?(?:can't|cannot|unable to|not able to) (?:help|assist|discuss|engage|comment)|many (?:different )?factors|please consult|i have no opinion|(?:it|that) (?:really |all )?depends(?: on (?:many|a lot|various|the situation|your situation)|[.!]|$)|i(?:'m| am) not (?:qualified|programmed|allowed|designed)`),
	phrase("flattery", 0.45, denied, "you are|you're",
		`you(?:'re| are) (?:so |truly |absolutely |such |simply |really |just |an |a |the most )*(?:amazing|incredible|brilliant|perfect|extraordinary|a genius|genius|the best|awesome|flawless|phenomenal|special person|wonderful person|strongest person|superhero)`),
	phrase("empty_statement", 0.4, 0, "it is what it is|that's life|such is life|stuff happens|we all|everyone feels|everybody feels|this too shall|tomorrow is another",
		`it is what it is|that's life|such is life|(?:stuff|these things) happens?|(?:we all|everyone|everybody) (?:feels?|goes|go|has|have) (?:like )?(?:this|that|through|these|those|bad days)|this too shall pass|tomorrow is another day`),
}

var (
	hedge      = regexp.MustCompile(`\b(?:maybe|perhaps|possibly|probably|might|could be|may be|sort of|kind of|somewhat|i guess|i suppose|arguably|in some (?:ways?|sense)|seemingly|more or less|to some extent|not entirely sure|it would seem|one could)\b`)
	intensives = regexp.MustCompile(`\b(?:very|really|truly|absolutely|totally|completely|literally|extremely|incredibly|so so|utterly)\b`)
)

const (
	// hedgesPerSentence is how many hedges a sentence bears on average; a tentative
	// naming of feelings needs about one.
	hedgesPerSentence = 1.2
	// fewHedges are never held against a text.
	fewHedges = 3
	// manyIntensives in one text sound hollow.
	manyIntensives = 4
)

// judgeHonesty scores how far a text can be stood behind. drafted is the text as
// written; sources are the person's words and memories, the only ground on which
// it may claim what they said.
func judgeHonesty(s subject, drafted string, words string, sources []string) LayerScore {
	score, codes := penalise(1, s.broken(honestyRules))
	take := func(weight float64, code string, found bool) {
		if found {
			score *= 1 - weight
			codes = append(codes, code)
		}
	}
	sentences := max(1, len(lexicon.Sentences(drafted)))
	hedges := len(hedge.FindAllStringIndex(s.text, -1))
	take(0.45, "hedging", hedges >= fewHedges && float64(hedges)/float64(sentences) > hedgesPerSentence)
	take(0.3, "empty_qualifiers", len(intensives.FindAllStringIndex(s.text, -1)) >= manyIntensives)
	take(0.7, "invented_memory", claimsUntold(drafted, sources))
	take(0.6, "contradiction", contradicts(drafted, words))
	return LayerScore{Layer: Honesty, Score: score, Reasons: slices.Compact(codes)}
}

// claim recognises a sentence that says what the person told, and yields the rest.
var claim = regexp.MustCompile(`\b(?:you(?:'ve|'d| have| had)?(?: once| also| already| recently| first| often| never| always| just| even)? (?:told|said|mentioned|shared|wrote|written|described|explained|confided|spoke|spoken|talked|brought up|asked|admitted|confessed)|(?:what|as) you (?:say|said|told|wrote|describe)|you(?:'re| are) telling me|you (?:tell me|write that|say that|say you)|i (?:still |do |also )?(?:remember|recall|haven't forgotten)|we (?:talked|spoke|discussed|agreed))\b(.*)`)

// pastClaim recognises a sentence that dates something the person did.
var pastClaim = regexp.MustCompile(`^(?:and |but |so )?(?:last (?:week|time|month|night|year|summer|winter|spring|autumn|fall)|yesterday|earlier|the other day|a (?:few|couple of) (?:days|weeks|months) ago|a (?:day|week|month|year|while|little while) ago|\w+ (?:days|weeks|months|years) ago),? (?:you|your)\b(.*)`)

// withoutContent are stems that a claim may hold without saying anything in
// particular, as times, manners and names of telling do.
var withoutContent = stems(`week weeks day days month months year years time times last earlier yesterday ago today tonight
	before while recently since often again once feel feels feeling feelings felt remember recall talk talked speak spoke write wrote
	say mention share describe moment lately night morning evening words word something little couple few mind important part still
	nearest closest quote sound sounds seem seems following back know honest`)

// supportedShare is how much of a claim's content one source has to hold. Names
// and numbers have to be there without exception.
const supportedShare = 0.5

// claimsUntold reports whether a sentence claims that the person told something
// which is neither in their words nor in any memory that was recalled.
func claimsUntold(drafted string, sources []string) bool {
	grounds := make([]map[string]bool, 0, len(sources))
	for _, source := range sources {
		grounds = append(grounds, setOf(lexicon.Terms(plain(source))))
	}
	for _, sentence := range lexicon.Sentences(drafted) {
		if strings.HasSuffix(sentence, "?") {
			continue
		}
		content, claimed := claimedIn(sentence)
		if claimed && !supported(content, properNames(sentence), grounds) {
			return true
		}
	}
	return false
}

func claimedIn(sentence string) (content []string, claimed bool) {
	text := plain(sentence)
	for _, pattern := range []*regexp.Regexp{claim, pastClaim} {
		at := pattern.FindStringSubmatchIndex(text)
		if at == nil || deniedAt(text, at[0]) || strings.Contains(text[at[0]:at[2]], "never") {
			continue
		}
		terms := lexicon.Terms(text[at[2]:at[3]])
		terms = slices.DeleteFunc(terms, func(t string) bool { return withoutContent[t] })
		if len(terms) > 0 {
			return terms, true
		}
	}
	return nil, false
}

func supported(content, names []string, grounds []map[string]bool) bool {
	return slices.ContainsFunc(grounds, func(ground map[string]bool) bool {
		for _, name := range names {
			if slices.Contains(content, name) && !ground[name] {
				return false
			}
		}
		held := 0
		for _, term := range content {
			if ground[term] {
				held++
			}
		}
		return float64(held) >= supportedShare*float64(len(content))
	})
}

// properNames are the stems of words that a sentence writes with a capital inside
// it, and of its numbers.
func properNames(sentence string) []string {
	var names []string
	for i, w := range strings.Fields(sentence) {
		w = strings.TrimFunc(w, func(r rune) bool { return !isLetterOrDigit(r) })
		if w == "" || (i == 0 && !isDigit(w[0])) {
			continue
		}
		if first := w[0]; isDigit(first) || first >= 'A' && first <= 'Z' {
			names = append(names, lexicon.Terms(plain(w))...)
		}
	}
	return names
}
