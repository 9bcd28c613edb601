package mirror

import (
	"unicode/utf8"

	"meai/activities/mirror/models"
	"meai/internal/classify"
)

// span counts in characters (Unicode code points), as most languages index strings.
func span(text string, from, to int) Span {
	start := utf8.RuneCountInString(text[:from])
	return Span{Start: start, End: start + utf8.RuneCountInString(text[from:to])}
}

// spans are where the strongest of the words stand, if they carry something.
func spans(text string, words []classify.Weight) []Span {
	var all []Span
	for i, w := range words {
		if i == mostEvidence || w.Weight < words[0].Weight/3 {
			break
		}
		all = append(all, span(text, w.Start, w.End))
	}
	return all
}

// basic sums up what GoEmotions' labels say: the groups and labels that are given.
func basic(probabilities []float64, given []int) Basic {
	var b Basic
	names := models.Outputs()
	for _, i := range given {
		b.add(names[i], probabilities[i])
	}
	return b
}
