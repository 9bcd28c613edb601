package patterns

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/lexicon"
)

func TestThemesAreWhatAPersonSpeaksOfAsThings(t *testing.T) {
	c := NewThemes(map[string]bool{lexicon.Stem("maya"): true, lexicon.Stem("anxiety"): true})
	require.Equal(t, []string{"pack", "box", "move"}, c.Read("We packed the boxes for the move."))
	for _, text := range []string{
		"The move frightens me.", "I dread the move, and Maya dreads it more.", "We are moving in June, the move is near.",
		"I can't stand the boxes any more", "My boxes are everywhere.", "At work they laugh at me.", "I thought about work all evening.",
		"Work is hell, and after work I sleep.", "My anxiety is back. The anxiety, my anxiety!", "It was the worst day of my week, a day, my day.",
		"She yelled at me. He yelled. They yelled. After the yelling, nothing.",
	} {
		c.Read(text)
	}
	require.Equal(t, map[string]string{"move": "the move", "box": "the boxes", "work": "work"}, c.Words())
}
