package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
)

func TestTextsAreDistinctAndThoseThatWereWrittenComeFirst(t *testing.T) {
	all, written, err := texts(3000)
	require.NoError(t, err)
	require.Len(t, all, 3000)
	require.Greater(t, written, 2000)
	require.Less(t, written, 3000)
	again, _, err := texts(3000)
	require.NoError(t, err)
	require.Equal(t, all, again, "the same in each run")
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 3000)
}

func TestNoQuestionIsAskedTwice(t *testing.T) {
	all, err := questions(0, 6000)
	require.NoError(t, err)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 6000)
}

// TestASmallRunMeasuresEverything runs the benchmark of memory with a handful of
// people; that their copied lives are what the product writes, it checks by itself.
func TestASmallRunMeasuresEverything(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	work := t.TempDir()
	m := memoryCommand{
		target: target{
			Config: os.Getenv(enginetest.ConfigVariable), Meai: filepath.Join(work, "meai"), Declaration: filepath.Join(root, "temporal.yaml"),
		},
		People: 4, Memories: 40, One: 120, Texts: 90, Fractions: []float64{0.5, 1}, Questions: 10, Page: filepath.Join(work, "page.md"),
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", m.Meai, "./cmd/meai")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, m.Run(t.Context()))

	raw, err := os.ReadFile(m.Page)
	require.NoError(t, err)
	page := string(raw)
	require.Contains(t, page, "| analysed by Mirror | 90 |")
	require.Contains(t, page, "| remembered and indexed | 90 |")
	require.Contains(t, page, "| 50 % | 240 | 2 people of 2 | 10 |")
	require.Contains(t, page, "| 50 % | 240 | the one with 80 | 10 |")
	require.Contains(t, page, "| 100 % | 360 | 4 people of 4 | 10 |")
	require.Contains(t, page, "| 100 % | 360 | the one with 120 | 10 |")
	require.Contains(t, page, "PostgreSQL, memory_terms")
	require.Contains(t, page, "Weaviate")
	require.Contains(t, page, "## Bars")
}
