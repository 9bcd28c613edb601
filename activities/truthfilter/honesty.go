package truthfilter

import (
	"regexp"
	"slices"
	"strings"

	"meai/internal/lexicon"
)

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

// misstatedWeight lets a misconception alone bring a text to be rejected.
const misstatedWeight = 0.75

// opposedWeight is what a contradiction costs.
const opposedWeight = 0.6

// judgeHonesty scores how far a text can be stood behind. drafted is the text as
// written; sources are the person's words and memories, the only ground on which
// it may claim what they said; misstated and opposed are what it was found to be at odds
// with in the world, and in what was said before.
func judgeHonesty(s subject, drafted string, sources []string, misstated, opposed []Reason) LayerScore {
	layer := s.judge(Honesty, rulebook.honesty)
	layer.takeAll(misstatedWeight, misstated)
	layer.takeAll(opposedWeight, opposed)
	sentences := max(1, len(lexicon.Sentences(drafted)))
	hedges := hedge.FindAllString(s.text, -1)
	layer.take(0.45, len(hedges) >= fewHedges && float64(len(hedges))/float64(sentences) > hedgesPerSentence,
		Reason{Code: "hedging", Words: strings.Join(hedges, ", ")})
	boosters := intensives.FindAllString(s.text, -1)
	layer.take(0.3, len(boosters) >= manyIntensives, Reason{Code: "empty_qualifiers", Words: strings.Join(boosters, ", ")})
	untold, found := claimsUntold(drafted, sources)
	layer.take(0.7, found, Reason{Code: "invented_memory", Words: untold})
	return layer
}

// claim recognises a sentence that says what the person told, and yields the rest.
var claim = regexp.MustCompile(`\b(?:you(?:'ve|'d| have| had)?(?: once| also| already| recently| first| often| never| always| just| even)? (?:told me|said(?: to me)? (?:that|you|your|how|before|earlier|last)|mentioned|shared (?:that|with me|how)|wrote|written|described|explained (?:that|to me|how)|confided|spoke (?:of|about)|spoken (?:of|about)|talked (?:of|about)|brought up|asked me|admitted|confessed)|(?:what|as) you (?:say|said|told|wrote|describe)|you(?:'re| are) telling me|you (?:tell me|write that|say that|say you)|i (?:still |do |also )?(?:remember|recall|haven't forgotten)|we (?:talked|spoke|discussed|agreed))\b(.*)`)

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

// claimsUntold finds a sentence that claims that the person told something which is
// neither in their words nor in any memory that was recalled.
func claimsUntold(drafted string, sources []string) (sentence string, found bool) {
	grounds := make([]map[string]bool, 0, len(sources))
	for _, source := range sources {
		grounds = append(grounds, setOf(lexicon.Terms(plain(source))))
	}
	for _, sentence := range lexicon.Sentences(drafted) {
		if strings.HasSuffix(sentence, "?") {
			continue
		}
		names := properNames(sentence)
		for _, content := range claimedIn(sentence) {
			if !supported(content, names, grounds) {
				return sentence, true
			}
		}
	}
	return "", false
}

// claimedIn yields the content of each thing that a sentence says was told.
func claimedIn(sentence string) [][]string {
	text := plain(sentence)
	for _, pattern := range []*regexp.Regexp{claim, pastClaim} {
		at := pattern.FindStringSubmatchIndex(text)
		if at == nil || deniedAt(text, at[0]) || strings.Contains(text[at[0]:at[2]], "never") || onlyNamesWords(text, at) {
			continue
		}
		asTold := strings.HasPrefix(text[at[0]:], "as ") || strings.HasSuffix(text[:at[0]], "as ")
		var claims [][]string
		for _, part := range strings.Split(text[at[2]:at[3]], " and that ") {
			if terms := claimedTerms(part, asTold); len(terms) > 0 {
				claims = append(claims, terms)
			}
		}
		if len(claims) > 0 {
			return claims
		}
	}
	return nil
}

var wordsAbout = regexp.MustCompile(`^ (?:about|of|on|is that|was that)\b`)

// onlyNamesWords reports whether the match only points to the person's words, as in
// "what you wrote makes me worry", without saying what they hold.
func onlyNamesWords(text string, at []int) bool {
	named := strings.HasPrefix(text[at[0]:], "what ") || strings.HasSuffix(text[:at[0]], "what ")
	return named && !wordsAbout.MatchString(text[at[2]:at[3]])
}

// claimedTerms are the content words of a claim up to where the sentence turns to
// something else: "you told me that he left, and now the flat is empty". In "I'm
// glad you told me, and I take it seriously" nothing is claimed, while "as you told
// me, your boss left" claims what follows.
func claimedTerms(part string, asTold bool) []string {
	for i, clause := range clauseTurn.Split(part, -1) {
		if i > 0 && !asTold && !strings.HasPrefix(strings.TrimSpace(clause), "that ") {
			continue
		}
		terms := lexicon.Terms(clause)
		terms = slices.DeleteFunc(terms, func(t string) bool { return withoutContent[t] })
		if len(terms) > 0 {
			return terms
		}
	}
	return nil
}

var clauseTurn = regexp.MustCompile(`[,;:"] | - | and now | but `)

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
