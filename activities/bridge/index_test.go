package bridge

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/vectors"
)

// indexed is a library of its own in the stack's Weaviate, gone after the test.
func indexed(t *testing.T, name string) (*Library, *vectors.Index) {
	t.Helper()
	l := newLibrary(library(t).embedder, nil)
	l.entries = library(t).entries
	cfg := enginetest.Config(t).Weaviate
	v, err := vectors.Open(t.Context(), vectors.Options{URL: cfg.URL, APIKey: cfg.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	t.Cleanup(func() {
		require.NoError(t, v.DropOtherEditions(context.Background(), vectors.Catalogue{Name: name, Edition: "none"}))
	})
	l.SearchIn(v)
	l.index.edition = l.edition(name)
	return l, v
}

func newName() string { return "T" + strings.ReplaceAll(uuid.NewString(), "-", "") }

func TestTheIndexHoldsEveryEntryAndFindsWhatMemoryFinds(t *testing.T) {
	l, v := indexed(t, newName())
	asked := SearchInput{Topic: "I lie awake and worry", Emotion: "anxiety", Limit: 10}
	alone := l.Search(t.Context(), asked, strict())
	require.Empty(t, alone.Degraded, "nothing is lost while the index is being filled")

	require.NoError(t, l.FillIndex(t.Context()))
	require.NoError(t, l.FillIndex(t.Context()), "once more changes nothing")
	count, err := v.CountCatalogue(t.Context(), l.index.edition)
	require.NoError(t, err)
	require.Equal(t, len(l.Resources()), count)
	near, err := l.near(t.Context(), question{}, l.entries[5].vector)
	require.NoError(t, err)
	require.InDelta(t, 1, near[l.entries[5].ID], 1e-4)
	require.Len(t, near, mostNear)

	for _, in := range []SearchInput{
		asked,
		{Topic: "my partner and I quarrel about money", MaxMinutes: 30},
		{Topic: "something for my back pain", Formats: []Format{Notice, Plan}},
		{Topic: "I want to kill myself, I live in London"},
		{Topic: "someone to talk to", Kinds: []Kind{HelpLine}, Region: "FI"},
		{Topic: "a book about being alone", Complexities: []Complexity{Moderate}},
	} {
		found := l.Search(t.Context(), in, strict())
		require.Empty(t, found.Degraded)
		inMemory := l.index
		l.index = nil
		require.Equal(t, ids(l.Search(t.Context(), in, strict())), ids(found), in.Topic)
		l.index = inMemory
	}
}

func TestAChangedLibraryReplacesTheOldInTheIndex(t *testing.T) {
	name := newName()
	old, v := indexed(t, name)
	require.NoError(t, old.ReplaceIndex(t.Context()))

	next, _ := indexed(t, name)
	changed := next.entries[0].Resource
	changed.Summary = "Look out of the window for a while, and let the clouds go by."
	next.entries = append([]*entry{newEntry(changed)}, next.entries[1:]...)
	next.index.edition = next.edition(name)
	require.NotEqual(t, old.index.edition, next.index.edition)
	require.NoError(t, next.ReplaceIndex(t.Context()))
	_, err := v.CountCatalogue(t.Context(), old.index.edition)
	require.ErrorIs(t, err, vectors.ErrNoCatalogue)

	in := SearchInput{Topic: "clouds at the window"}
	require.Empty(t, next.Search(t.Context(), in, strict()).Degraded)
	found := old.Search(t.Context(), in, strict())
	require.Equal(t, []string{"vectors_unavailable"}, found.Degraded, "whoever still runs the old one goes on in memory")
	require.NotEmpty(t, found.Hits)
	select {
	case <-old.Lost():
	default:
		t.Fatal("and is told to fill it again")
	}
	require.NoError(t, old.FillIndex(t.Context()))
	require.Empty(t, old.Search(t.Context(), in, strict()).Degraded)
	count, err := v.CountCatalogue(t.Context(), next.index.edition)
	require.NoError(t, err, "which takes nothing from the new one")
	require.Equal(t, len(next.entries), count)
}

func TestAnotherModelIsAnotherEdition(t *testing.T) {
	l := newLibrary(&provider{}, words(t).Resources())
	one := l.edition(catalogueName)
	require.Equal(t, one, l.edition(catalogueName), "always the same for the same")
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	l.embedder = model
	require.NotEqual(t, one, l.edition(catalogueName))
}

func TestSearchGoesOnWithoutTheIndex(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	away, err := vectors.Open(t.Context(), vectors.Options{URL: nobody, Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	in := SearchInput{Topic: "I can't sleep at night", Emotion: "exhaustion"}

	l, _ := indexed(t, newName())
	require.NoError(t, l.FillIndex(t.Context()))
	before := l.Search(t.Context(), in, strict())
	require.Empty(t, before.Degraded)
	l.index.vectors = away // it is killed
	found := l.Search(t.Context(), in, strict())
	require.Equal(t, []string{"vectors_unavailable"}, found.Degraded)
	require.Equal(t, ids(before), ids(found))

	l.SearchIn(away) // or was never there
	require.ErrorIs(t, l.FillIndex(t.Context()), vectors.ErrUnavailable)
	found = l.Search(t.Context(), in, strict())
	require.Equal(t, []string{"vectors_unavailable"}, found.Degraded)
	require.Equal(t, ids(before), ids(found))
}
