package synthesis

import "meai/internal/lexicon"

// sharedTerms are the words of content that two texts have in common.
func sharedTerms(a, b string) []string {
	in := make(map[string]bool)
	for _, term := range lexicon.Terms(a) {
		in[term] = true
	}
	var shared []string
	for _, term := range lexicon.Terms(b) {
		if in[term] {
			shared = append(shared, term)
			delete(in, term)
		}
	}
	return shared
}
