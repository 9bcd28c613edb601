package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// write makes a folder in WordNet's format of what the adjectives' file holds.
func write(t *testing.T, adjectives string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"adj", "adv", "noun", "verb"} {
		content := ""
		if name == "adj" {
			content = adjectives
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, "data."+name), []byte("  1 This is the licence.\n"+content), 0o600))
	}
	return folder
}

func TestOppositesOfSingleWordsAreListed(t *testing.T) {
	const written = `00000001 00 a 02 late 0 tardy 0 003 ! 00000002 a 0101 & 00000003 a 0000 ! 00000003 a 0202 0001 | after the expected time
00000002 00 a 01 Early(a) 0 001 ! 00000001 a 0101 | before it
00000003 00 s 02 behind 0 on_time 0 001 ! 00000001 a 0202 | not
`
	out := filepath.Join(t.TempDir(), "list.txt")
	require.NoError(t, run(write(t, written), out))
	list, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, head+"early late\n", string(list))
}

func TestOtherFilesAreRefused(t *testing.T) {
	for _, line := range []string{"a b", "00000001 00 a zz late", "00000001 00 a 01 late 0 002 ! 00000002 a 0101 | after", "00000001 00 a 01 late 0 001 ! 00000002 a 0101 | after"} {
		require.Error(t, run(write(t, line+"\n"), filepath.Join(t.TempDir(), "list.txt")), line)
	}
	require.Error(t, run(t.TempDir(), filepath.Join(t.TempDir(), "list.txt")))
}
