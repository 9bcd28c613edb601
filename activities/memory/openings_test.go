package memory

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpeningsKeepWholeSentences(t *testing.T) {
	require.Equal(t, "One. Two.", opening("One. Two. Three.", 10))
	require.Equal(t, "!!! ??? !!! ???", opening("!!! ??? !!! ???", 10))
	require.Equal(t, "All of it", opening("All of it", 10))
	require.Equal(t, "This first sentence is too long.", opening("This first sentence is too long. Short.", 10))
}
