package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"meai/api/client"
)

// width is the length in characters to which lines are filled.
const width = 100

// printExchange prints one message, its answer and what the answer is made of.
func printExchange(out io.Writer, words string, i client.Interaction, took time.Duration) error {
	r := i.Response
	var b strings.Builder
	b.WriteString("\n")
	line(&b, "you", words)
	line(&b, "MeAi", r.Text)
	// A composed answer ends with the question already; fixed text does not.
	if !strings.Contains(r.Text, r.FollowUp) {
		line(&b, "", r.FollowUp)
	}
	if r.EmotionalAnalysis != nil {
		line(&b, "· feeling", feeling(*r.EmotionalAnalysis))
	}
	for _, m := range r.Memories {
		line(&b, "· recalled", fmt.Sprintf("“%s” (%s, score %.2f)", m.Text, m.Kind, m.Score))
	}
	for _, u := range r.Resources {
		line(&b, "· resource", fmt.Sprintf("%s (%s, TruthFilter %.2f)", u.Title, u.Kind, u.Score))
	}
	if len(r.Degraded) > 0 {
		line(&b, "· degraded", strings.Join(r.Degraded, ", "))
	}
	line(&b, "· took", fmt.Sprintf("%d ms", took.Milliseconds()))
	if i.Links.Workflow != "" {
		// Never broken, so that it can be clicked.
		fmt.Fprintf(&b, "%-11s %s\n", "· workflow", i.Links.Workflow)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func feeling(a client.Analysis) string {
	text := fmt.Sprintf("%s, intensity %.2f", a.PrimaryEmotion, a.Intensity)
	var others []string
	for _, e := range a.SecondaryEmotions {
		others = append(others, fmt.Sprintf("%s %.2f", e.Label, e.Score))
	}
	if len(others) > 0 {
		text += "; also " + strings.Join(others, ", ")
	}
	return text
}

// line writes a label and a text, filled to width and indented under itself.
func line(b *strings.Builder, label, text string) {
	const indent = 12
	for _, l := range fill(text, width-indent) {
		fmt.Fprintf(b, "%-*s%s\n", indent, label, l)
		label = ""
	}
}

// fill breaks a text at its spaces into lines of at most n characters, and keeps its own
// line breaks. A word that is longer stands alone.
func fill(text string, n int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		current := ""
		for _, word := range strings.Fields(paragraph) {
			switch {
			case current == "":
				current = word
			case len([]rune(current))+1+len([]rune(word)) <= n:
				current += " " + word
			default:
				lines = append(lines, current)
				current = word
			}
		}
		lines = append(lines, current)
	}
	return lines
}
