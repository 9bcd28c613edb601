package models

import "slices"

// Emotions are the labels of GoEmotions (Demszky et al. 2020,
// https://arxiv.org/abs/2005.00547) in the order of the data's ids.
var Emotions = []string{
	"admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire", "disappointment",
	"disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism",
	"pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
}

// A Group is a label that stands for several of [Emotions].
type Group struct {
	Name     string
	Emotions []string
}

// Ekman are the six basic emotions and neutral, as the paper maps them.
var Ekman = []Group{
	{"anger", []string{"anger", "annoyance", "disapproval"}},
	{"disgust", []string{"disgust"}},
	{"fear", []string{"fear", "nervousness"}},
	{"joy", []string{"joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism", "relief", "pride", "admiration", "desire", "caring"}},
	{"neutral", []string{"neutral"}},
	{"sadness", []string{"sadness", "disappointment", "embarrassment", "grief", "remorse"}},
	{"surprise", []string{"surprise", "realization", "confusion", "curiosity"}},
}

// Sentiments are the four of the paper.
var Sentiments = []Group{
	{"positive", []string{"amusement", "excitement", "joy", "love", "desire", "optimism", "caring", "pride", "admiration", "gratitude", "relief", "approval"}},
	{"negative", []string{"sadness", "fear", "embarrassment", "disapproval", "disappointment", "annoyance", "anger", "nervousness", "remorse", "disgust", "grief"}},
	{"ambiguous", []string{"realization", "surprise", "curiosity", "confusion"}},
	{"neutral", []string{"neutral"}},
}

// The outputs of the models of emotions: [Emotions], then [Ekman], then [Sentiments].
var (
	ekmanAt     = len(Emotions)
	sentimentAt = ekmanAt + len(Ekman)
)

// Outputs names the outputs of the models of emotions, the groups with a prefix.
func Outputs() []string {
	names := slices.Clone(Emotions)
	for _, g := range Ekman {
		names = append(names, "ekman/"+g.Name)
	}
	for _, g := range Sentiments {
		names = append(names, "sentiment/"+g.Name)
	}
	return names
}

// WithGroups adds to the places of emotions in [Emotions] those of their groups among
// the outputs, each once.
func WithGroups(emotions []int) []int {
	all := slices.Clone(emotions)
	add := func(groups []Group, at int) {
		for i, g := range groups {
			if slices.ContainsFunc(emotions, func(e int) bool { return slices.Contains(g.Emotions, Emotions[e]) }) {
				all = append(all, at+i)
			}
		}
	}
	add(Ekman, ekmanAt)
	add(Sentiments, sentimentAt)
	return all
}
