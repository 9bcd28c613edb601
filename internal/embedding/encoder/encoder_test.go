package encoder

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheFirstTokensCount(t *testing.T) {
	e, err := New()
	require.NoError(t, err)
	long := e.Tokens(strings.Repeat("so much to say about this and that ", 40))
	require.Greater(t, len(long), 2*MaxTokens)
	whole, err := e.Encode(long)
	require.NoError(t, err)
	head, err := e.Encode(long[:MaxTokens])
	require.NoError(t, err)
	require.Equal(t, head, whole)
}

func TestTokensThatDoNotExistAreRefused(t *testing.T) {
	e, err := New()
	require.NoError(t, err)
	for _, tokens := range [][]int32{nil, {-1}, {5, tokenRows}} {
		_, err := e.Encode(tokens)
		require.Error(t, err, "tokens %v", tokens)
	}
}

func TestConcurrentCallersGetTheSameVectors(t *testing.T) {
	e, err := New()
	require.NoError(t, err)
	texts := []string{"I feel calm today.", "I feel calm today, after a long walk by the sea with my dog.", "no"}
	var want [][]float32
	for _, text := range texts {
		vector, err := e.Encode(e.Tokens(text))
		require.NoError(t, err)
		want = append(want, vector)
	}
	var all sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i, text := range texts {
				vector, err := e.Encode(e.Tokens(text))
				if err != nil || !bytes.Equal(appendFloats(nil, vector), appendFloats(nil, want[i])) {
					t.Errorf("text %d: vector differs from the one computed alone (error: %v)", i, err)
				}
			}
		})
	}
	all.Wait()
}

func TestDamagedWeightsAreRefused(t *testing.T) {
	header := bytes.IndexByte(weights, ']') + 1
	cases := map[string][]byte{
		"empty":                  nil,
		"another file":           []byte("PK\x03\x04 something else entirely"),
		"cut in the header":      weights[:header/2],
		"cut in the vocabulary":  weights[:header+1000],
		"cut at the end":         weights[:len(weights)-1],
		"a tensor of other size": bytes.Replace(weights, []byte(`"columns":1536`), []byte(`"columns":1537`), 1),
		"a tensor with no name":  bytes.Replace(weights, []byte(`layer1.feed_out"`), []byte(`layer9.feed_out"`), 1),
	}
	for name, file := range cases {
		_, err := Load(file)
		require.ErrorContains(t, err, "weights file", name)
	}
}

func FuzzEveryTextHasTokens(f *testing.F) {
	e, err := New()
	require.NoError(f, err)
	f.Add("hello world")
	f.Add("▁▁\x00\xff🎉é")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := e.Tokens(text)
		require.LessOrEqual(t, len(tokens), 20*utf8.RuneCountInString(text)+1) // NFKC expands one rune to 18 at most
		for _, id := range tokens {
			require.Less(t, id, int32(len(e.tokenizer.pieces)))
		}
		require.Equal(t, text == "", len(tokens) == 0)
	})
}
