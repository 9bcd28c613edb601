package embedding_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
)

func TestWhiteSpaceDoesNotChangeTheMeaning(t *testing.T) {
	vectors, err := builtin(t).Embed(context.Background(), "I am so tired today", "  I am\n\nso\ttired   today ")
	require.NoError(t, err)
	require.Equal(t, vectors[0], vectors[1])
}

func TestATextWithoutWordsStillHasADirection(t *testing.T) {
	vectors, err := builtin(t).Embed(context.Background(), "", " \n", "🎉", "\xff\xfe")
	require.NoError(t, err)
	for _, v := range vectors {
		require.InDelta(t, 1, embedding.Cosine(v, v), 1e-4)
	}
}

func TestEveryPartOfALongTextCounts(t *testing.T) {
	// The words between fill more than a window of the model.
	filler := strings.Repeat("We talked about the house and the garden. ", 20)
	news := strings.Repeat("My father is dying and I am terrified. ", 4)
	vectors, err := builtin(t).Embed(context.Background(), news, filler+filler, filler+news+filler, filler+filler+news, news+filler+filler)
	require.NoError(t, err)
	without := embedding.Cosine(vectors[1], vectors[0])
	for i, place := range []string{"in the middle", "at the end", "at the beginning"} {
		require.Greater(t, embedding.Cosine(vectors[2+i], vectors[0]), without+0.05, place)
	}
}

func BenchmarkBuiltin(b *testing.B) {
	e := builtin(b)
	for _, words := range []int{12, 40, 100} {
		text := strings.TrimSpace(strings.Repeat("today I went to see my old friend and ", words/9+1))
		text = strings.Join(strings.Fields(text)[:words], " ")
		b.Run(fmt.Sprintf("%s/words=%d", e.Kernel(), words), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Embed(context.Background(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
