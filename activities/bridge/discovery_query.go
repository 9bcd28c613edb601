package bridge

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"meai/internal/lexicon"
)

// vocabulary is the words that may be sent outside: the library's own. What a person
// wrote only chooses among them.
type vocabulary struct {
	topics   []phrase
	emotions map[string]bool
	needs    map[string]bool
}

// phrase is a topic with the terms that must be there for it to be meant.
type phrase struct {
	text  string
	terms []string
}

const (
	// mostTopics are sent, and kept of what a discovered resource is about.
	mostTopics = 6
	// longestTime is the most minutes that are asked for.
	longestTime = 240
)

// newVocabulary collects the words of the resources. Those of help lines are left
// out: nobody outside is asked about danger.
func newVocabulary(resources []Resource) vocabulary {
	v := vocabulary{emotions: map[string]bool{}, needs: map[string]bool{}}
	topics := map[string]bool{}
	for _, r := range resources {
		if r.Kind == HelpLine {
			continue
		}
		for to, from := range map[*map[string]bool][]string{&topics: r.Topics, &v.emotions: r.Emotions, &v.needs: r.Needs} {
			for _, word := range from {
				(*to)[word] = true
			}
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if terms := lexicon.Terms(topic); len(terms) > 0 {
			v.topics = append(v.topics, phrase{topic, terms})
		}
	}
	// What says more comes first.
	slices.SortStableFunc(v.topics, func(a, b phrase) int { return cmp.Compare(len(b.terms), len(a.terms)) })
	return v
}

// topicsIn are the topics that a text names, in an order of our own.
func (v vocabulary) topicsIn(text string) []string {
	there := termSet(text)
	var found []string
	for _, p := range v.topics {
		if !slices.ContainsFunc(p.terms, func(t string) bool { return !there[t] }) {
			found = append(found, p.text)
		}
	}
	return found[:min(len(found), mostTopics)]
}

// query is what is sent outside.
type query struct {
	topics  []string
	emotion string
	needs   []string
	kinds   []string
	minutes int
}

// query puts a request into the library's words; false when those cannot say it.
func (v vocabulary) query(in SearchInput) (query, bool) {
	q := query{topics: v.topicsIn(in.Topic)}
	if v.emotions[in.Emotion] {
		q.emotion = in.Emotion
	}
	for _, n := range in.Needs {
		if v.needs[n] && !slices.Contains(q.needs, n) {
			q.needs = append(q.needs, n)
		}
	}
	slices.Sort(q.needs)
	for _, k := range discoverable {
		if slices.Contains(in.Kinds, k) {
			q.kinds = append(q.kinds, string(k))
		}
	}
	if len(in.Kinds) > 0 && len(q.kinds) == 0 {
		return query{}, false
	}
	if in.MaxMinutes > 0 {
		q.minutes = min(in.MaxMinutes, longestTime)
	}
	return q, len(q.topics)+len(q.needs) > 0 || q.emotion != ""
}

// must are the arguments that a tool has to take.
func (q query) must() map[string]any {
	words := slices.Clone(q.topics)
	if q.emotion != "" && !slices.Contains(words, q.emotion) {
		words = append(words, q.emotion)
	}
	if len(words) == 0 {
		words = q.needs
	}
	return map[string]any{"query": strings.Join(words, ", ")}
}

// may are those that it gets if it knows them.
func (q query) may(limit int) map[string]any {
	arguments := map[string]any{"limit": limit}
	if len(q.topics) > 0 {
		arguments["topics"] = q.topics
	}
	if q.emotion != "" {
		arguments["emotion"] = q.emotion
	}
	if len(q.needs) > 0 {
		arguments["needs"] = q.needs
	}
	if len(q.kinds) > 0 {
		arguments["kinds"] = q.kinds
	}
	if q.minutes > 0 {
		arguments["max_minutes"] = q.minutes
	}
	return arguments
}
