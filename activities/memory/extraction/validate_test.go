package extraction

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatAModelReadsHasToStandInTheText(t *testing.T) {
	const text = "Ever since the move to Lyon, Maya's bakery keeps me busy."
	fact, ok := Validated(text, "", "home", "Lyon", false)
	require.True(t, ok)
	require.Equal(t, Fact{Slot: "home", Label: "lives in", Object: "Lyon", Inferred: true}, fact)
	fact, ok = Validated(text, "Maya", "taste:", "bakery", false)
	require.True(t, ok)
	require.Equal(t, "taste:bakery", fact.Slot)
	for name, f := range map[string][3]string{
		"another place": {"", "home", "Paris"}, "a part of a word": {"", "home", "Lyo"}, "an unknown slot": {"", "diagnosis", "Lyon"},
		"an unknown person": {"Tom", "home", "Lyon"}, "nothing": {"", "home", ""}, "a sentence": {"", "home", "Maya's bakery keeps me busy"},
		"no word": {"", "home", "!"},
	} {
		_, ok := Validated(text, f[0], f[1], f[2], false)
		require.False(t, ok, name)
	}
}
