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

func TestTheEndOfALongTextCountsToo(t *testing.T) {
	opening := strings.Repeat("We talked about the house and the garden. ", 15)
	vectors, err := builtin(t).Embed(context.Background(),
		opening, opening+strings.Repeat("My father is dying and I am terrified. ", 15), "My father is dying and I am terrified.")
	require.NoError(t, err)
	require.Greater(t, embedding.Cosine(vectors[1], vectors[2]), embedding.Cosine(vectors[0], vectors[2])+0.1)
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
