package reflection

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryLineOfTheGrammarPasses holds each line to the rules by itself, so that
// none is drawn in vain.
func TestEveryLineOfTheGrammarPasses(t *testing.T) {
	g, err := readGrammar()
	require.NoError(t, err)
	filled := strings.NewReplacer("{thing}", "your sister", "{clause}", "you can't sleep", "{echo}", "your sister", "{feeling}", "worry")
	seen := map[string]bool{}
	line := func(text string) {
		assert.False(t, seen[text], "twice: %s", text)
		seen[text] = true
		if strings.HasSuffix(text, ",") {
			text = text[:len(text)-1] + ", how is that for you?"
		}
		assert.Empty(t, checkLine(filled.Replace(text)), text)
	}
	asks := func(q questions, slots ...string) {
		for _, list := range q {
			for _, q := range list {
				line(q.text)
				require.True(t, strings.HasSuffix(q.text, "?"), q.text)
				require.LessOrEqual(t, len(strings.Fields(q.text)), 22, q.text)
				for _, slot := range slots {
					require.Contains(t, q.text, slot)
				}
			}
		}
	}
	for _, lines := range g.Preludes {
		for _, text := range lines {
			line(text)
		}
	}
	for slot, byTone := range map[string]map[Tone][]string{"{thing}": g.Openings.Thing, "{clause}": g.Openings.Clause, "{feeling}": g.Openings.Feeling} {
		for _, lines := range byTone {
			for _, text := range lines {
				line(text)
				require.Contains(t, text, slot)
			}
		}
	}
	for _, text := range append(g.Echoes.Named, g.Echoes.Unnamed...) {
		line(text)
	}
	for _, q := range []questions{g.General.Any, g.General.Dark, g.General.Light, g.General.Open} {
		asks(q)
	}
	asks(g.Things, "{thing}")
	for _, e := range g.Emotions {
		asks(e.Asks)
		for _, text := range e.Notices {
			line(text)
		}
	}
	for _, n := range g.Needs {
		asks(n.Lacking)
		asks(n.Met)
	}
	followUps := map[string]bool{}
	for _, lines := range g.FollowUps {
		for _, text := range lines {
			require.Empty(t, checkLine(text), text)
			followUps[text] = true
		}
	}
	t.Logf("%d lines and %d follow-ups", len(seen), len(followUps))
	require.Greater(t, len(seen), 500)
}

func TestEveryPoolOutlastsTenTurns(t *testing.T) {
	g := reviewed()
	for label, e := range g.Emotions {
		for _, p := range Purposes {
			require.Greater(t, len(e.Asks[p])+len(g.general(e.Side, p)), remembered, "%s %s", label, p)
		}
	}
}
