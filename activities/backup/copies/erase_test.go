package copies_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
)

const person = "people/ann/"

func people() map[string]string {
	return map[string]string{person + "1.mar": "Ann's first", person + "2.mar": "Ann's second", "people/bob/1.mar": "Bob's", "people/annabel/1.mar": "hers"}
}

// mentions are the files of the place that name somebody, in their text or their own name.
func (s *scene) mentions(t *testing.T, who string) (files []string) {
	t.Helper()
	for name, text := range contents(t, s.place) {
		if strings.Contains(name, who) || strings.Contains(text, who) {
			files = append(files, name)
		}
	}
	return files
}

func TestWhatIsErasedLeavesCopiesAndInventoriesAtOnce(t *testing.T) {
	s := newScene(t, people())
	s.copied(t)
	s.copied(t)
	n, err := s.Count(t.Context(), person)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Len(t, s.mentions(t, person), 4, "two copies and two inventories")

	for name := range people() {
		if strings.HasPrefix(name, person) {
			require.NoError(t, os.Remove(s.original(name)))
		}
	}
	done, err := s.Erase(t.Context(), person, nil)
	require.NoError(t, err)
	require.Equal(t, 2, done.Removed)
	require.Zero(t, done.Kept)
	require.Empty(t, s.mentions(t, person))
	require.NoDirExists(t, filepath.Dir(s.copyOf(person+"1.mar")), "nor is there a folder of that name")
	s.requireSame(t)

	done, err = s.Erase(t.Context(), person, nil)
	require.NoError(t, err, "twice is harmless")
	require.Zero(t, done.Removed)
	next := s.copied(t)
	require.Zero(t, next.Vanished.Count+next.Lost.Count+next.Copied+next.Differing.Count, "what is erased is neither gone nor lost")
	require.True(t, s.reconciled(t, true).Sound())
	require.Equal(t, 2, s.reconciled(t, false).Objects)
}

func TestAnErasureGoesOnWhereItWasBrokenOff(t *testing.T) {
	s := newScene(t, people())
	s.copied(t)
	for name := range people() {
		if strings.HasPrefix(name, person) {
			require.NoError(t, os.Remove(s.original(name)))
		}
	}
	require.NoError(t, os.Remove(s.copyOf(person+"1.mar"))) // as far as it got
	done, err := s.Erase(t.Context(), person, nil)
	require.NoError(t, err)
	require.Equal(t, 1, done.Removed)
	require.Empty(t, s.mentions(t, person))
}

func TestAPlaceThatKeepsCopiesSaysSo(t *testing.T) {
	s := newScene(t, people())
	s.copied(t)
	before := contents(t, s.place)
	through := s.through(t)
	s.Place = repository.New(kept{through}, s.signer)
	done, err := s.Erase(t.Context(), person, nil)
	require.NoError(t, err)
	require.Zero(t, done.Removed)
	require.Equal(t, 2, done.Kept)
	require.ElementsMatch(t, slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(contents(t, s.place))))
}

func TestWhatARunHasBroughtBackOfAnErasedPersonGoesWithTheNext(t *testing.T) {
	s := newScene(t, people())
	s.copied(t)
	require.NotEmpty(t, s.mentions(t, person))

	s.erased = person // an earlier run was under way
	done := s.copied(t)
	require.Equal(t, 2, done.Erased)
	require.Zero(t, done.Vanished.Count+done.Lost.Count+done.Copied+done.Differing.Count)
	require.Empty(t, s.mentions(t, person), "no copy, nor any inventory")
	require.FileExists(t, s.copyOf("people/annabel/1.mar"))
	done = s.copied(t)
	require.Zero(t, done.Erased+done.Copied, "nor are those copied that a source has still")
}
