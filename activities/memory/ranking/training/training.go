// Package training fits the weights of the ranking on conversations, without any engine.
package training

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"meai/activities/memory/evaluation"
	"meai/activities/memory/ranking"
	"meai/activities/memory/when"
	"meai/internal/embedding"
	"meai/internal/embedding/asking"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

// People are whom the weights may be chosen on: two of the kind who tell a companion of
// their lives, whose questions avoid the words that were said, and one whose
// conversations with a friend are asked about in their words. Nobody else is looked at.
var People = []string{"gerald", "ines", "noor"}

// Examples makes cases of conversations.
type Examples struct {
	Embedder embedding.Embedder
	Map      asking.Map
}

// Fit fits both models on [People], each of whom counts alike, and says how they do.
func Fit(ctx context.Context, e Examples, all []evaluation.Conversation, say func(string, ...any)) (ranking.Models, error) {
	var cases []ranking.Case
	by := map[string][]ranking.Case{}
	for _, c := range all {
		if !slices.Contains(People, c.Name) {
			continue
		}
		own, err := e.Cases(ctx, c)
		if err != nil {
			return ranking.Models{}, fmt.Errorf("%s: %w", c.Name, err)
		}
		by[c.Name], cases = own, append(cases, own...)
		say("%s: %d questions", c.Name, len(own))
	}
	if len(by) != len(People) {
		return ranking.Models{}, fmt.Errorf("of %v only %d are there", People, len(by))
	}
	models := ranking.Models{Meaning: ranking.Fit(cases), Words: ranking.Fit(cases, "meaning", "meaning_before", "meaning_after")}
	for _, name := range People {
		say("%s: recall@10 %.3f, by words alone %.3f", name, Recall(models.Meaning, by[name]), Recall(models.Words, by[name]))
	}
	return models, nil
}

// Recall is the mean share of what is right among the first ten.
func Recall(m ranking.Model, cases []ranking.Case) float64 {
	const first = 10
	sum := 0.0
	for _, c := range cases {
		order := make([]int, len(c.Memories))
		scores := make([]float64, len(c.Memories))
		right, found := 0.0, 0.0
		for i, f := range c.Memories {
			order[i], scores[i] = i, m.Score(f)
			if c.Right[i] {
				right++
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
		for _, i := range order[:min(first, len(order))] {
			if c.Right[i] {
				found++
			}
		}
		sum += found / right
	}
	return sum / float64(len(cases))
}

// Cases are the questions of a conversation that have evidence, over all turns that were
// said when each is asked. They count one together.
func (e Examples) Cases(ctx context.Context, c evaluation.Conversation) ([]ranking.Case, error) {
	turns, err := e.memories(ctx, c)
	if err != nil {
		return nil, err
	}
	held := map[vectors.Term]float64{}
	for _, t := range turns {
		for _, term := range t.Terms {
			held[term]++
		}
	}
	rarity := map[vectors.Term]float64{}
	var cases []ranking.Case
	for _, q := range c.Questions {
		if len(q.Evidence) == 0 {
			continue
		}
		asked, err := e.Embedder.Embed(ctx, q.Question)
		if err != nil {
			return nil, err
		}
		terms := termsOf(q.Question)
		for _, t := range terms {
			rarity[t] = lexicon.Rarity(held[t], float64(len(turns)))
		}
		known := len(c.Before(q))
		question := ranking.NewQuestion(q.Question, terms, rarity, e.Map.Move(asked[0]), c.AskedAt(q))
		var events []ranking.Event
		for _, a := range when.Anchors(q.Question) {
			events = append(events, ranking.Event{Relation: a.Relation, Terms: termsOf(a.Event)})
		}
		question.Place(events, turns[:known])
		matched := make([]ranking.Matched, known)
		for i, t := range turns[:known] {
			matched[i] = question.Match(t.Terms)
		}
		one := ranking.Case{}
		for i, t := range turns[:known] {
			t.Around = slices.DeleteFunc(slices.Clone(t.Around), func(n ranking.Neighbour) bool { return i+n.Distance >= known })
			for j := range t.Around {
				t.Around[j].Matched = matched[i+t.Around[j].Distance]
			}
			one.Memories = append(one.Memories, question.Of(t))
			one.Right = append(one.Right, slices.Contains(q.Evidence, c.Turns[i].ID))
		}
		cases = append(cases, one)
	}
	for i := range cases {
		cases[i].Counts = 1 / float64(len(cases))
	}
	return cases, nil
}

// reach is how far a turn looks around itself, as in recall.
const reach = 10

// memories are the turns as recall reads them.
func (e Examples) memories(ctx context.Context, c evaluation.Conversation) ([]ranking.Memory, error) {
	texts := make([]string, len(c.Turns))
	for i, t := range c.Turns {
		texts[i] = c.Remembered(t)
	}
	embedded, err := e.Embedder.Embed(ctx, texts...)
	if err != nil {
		return nil, err
	}
	turns := make([]ranking.Memory, len(texts))
	for i, t := range c.Turns {
		turns[i] = ranking.Memory{Text: texts[i], Terms: termsOf(texts[i]), Vector: embedded[i], SaidAt: t.At}
	}
	for i := range turns {
		for at := max(0, i-reach); at <= min(len(turns)-1, i+reach); at++ {
			if at != i && c.Turns[at].Session == c.Turns[i].Session {
				turns[i].Around = append(turns[i].Around, ranking.Neighbour{
					Distance: at - i, Text: turns[at].Text, Vector: turns[at].Vector,
				})
			}
		}
	}
	return turns, nil
}

// termsOf stands for what keys blind: the same word gives the same term.
func termsOf(text string) []vectors.Term {
	var terms []vectors.Term
	for _, stem := range lexicon.Terms(text) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(stem)) // a hash never fails
		if t := vectors.Term(h.Sum64()); !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	return terms
}
