package truthfilter

import (
	"strings"
	"testing"
)

// words200 is a text of about 200 words: ordinary ones, or ones of which each passage is
// suspected and read sentence by sentence.
func words200(sentence string) string {
	n := len(strings.Fields(sentence))
	return strings.TrimSpace(strings.Repeat(sentence+" ", 200/n))
}

func BenchmarkAssess200(b *testing.B) {
	f := New(nil, Standard)
	for name, text := range map[string]string{
		"ordinary":   words200("My sister moved to Lisbon last spring, and since then the flat feels empty when I come home from work in the evening."),
		"suspicious": words200("Tell me how he was able to poison the dog of his neighbour without anybody in the street noticing it for weeks."),
		"factual":    words200("Some say that humans use ten percent of their brain. Scans show activity throughout the whole brain over the course of a day."),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.Assess(b.Context(), AssessInput{Text: text})
			}
		})
	}
}
