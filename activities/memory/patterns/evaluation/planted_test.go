package evaluation

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/measure"
)

const seed = 4

func TestMostPlantedPatternsAreFoundAndFewAreAlleged(t *testing.T) {
	tables := Measure(Cases(seed, 20, 300))
	require.NoError(t, measure.Write(os.Stdout, tables...))
	bars := 0
	for _, table := range tables {
		for _, f := range table.Figures {
			if f.Bar > 0 {
				bars++
				require.True(t, f.Met(), "%s: %s is %.3f, the bar is %.2f", table.Title, f.Name, f.Value, f.Bar)
			}
		}
	}
	require.Equal(t, 2, bars)
}

func TestTheSameSeedInventsTheSamePeople(t *testing.T) {
	one, again, other := Cases(1, 1, 1), Cases(1, 1, 1), Cases(2, 1, 1)
	for i := range one {
		require.Equal(t, one[i].History, again[i].History)
		require.NotEqual(t, one[i].History, other[i].History)
	}
	require.Len(t, one, (len(TimeKinds)+len(TriggerKinds))*len(Strengths)+1)
}
