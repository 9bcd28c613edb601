package embedding_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
)

// counting embeds every text as the same vector, counts the texts it was
// asked for, and waits for open when that is set.
type counting struct {
	texts atomic.Int64
	open  chan struct{}
	err   error
}

func (c *counting) Embed(_ context.Context, texts ...string) ([][]float32, error) {
	c.texts.Add(int64(len(texts)))
	if c.open != nil {
		<-c.open
	}
	vectors := make([][]float32, len(texts))
	for i := range vectors {
		vectors[i] = []float32{1, 0}
	}
	return vectors, c.err
}

func (*counting) Model() string   { return "counting" }
func (*counting) Dimensions() int { return 2 }

func TestATextIsEmbeddedOnce(t *testing.T) {
	behind := &counting{}
	e := embedding.Cached(behind, 10)
	for range 3 {
		vectors, err := e.Embed(context.Background(), "one", "two", "one")
		require.NoError(t, err)
		require.Len(t, vectors, 3)
	}
	require.EqualValues(t, 2, behind.texts.Load())
}

func TestConcurrentCallersShareOneComputation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := &counting{open: make(chan struct{})}
		e := embedding.Cached(behind, 10)
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				if _, err := e.Embed(t.Context(), "the same words"); err != nil {
					t.Errorf("embed: %v", err)
				}
			})
		}
		synctest.Wait() // one computes, seven wait for it
		close(behind.open)
		callers.Wait()
		require.EqualValues(t, 1, behind.texts.Load())
	})
}

func TestFailuresAreNotRemembered(t *testing.T) {
	behind := &counting{err: errors.New("provider is down")}
	e := embedding.Cached(behind, 10)
	_, err := e.Embed(context.Background(), "words")
	require.ErrorContains(t, err, "provider is down")
	behind.err = nil
	_, err = e.Embed(context.Background(), "words")
	require.NoError(t, err)
}

func TestTheCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := &counting{}
		e := embedding.Cached(behind, 4)
		for range 2 {
			for i := range 50 {
				_, err := e.Embed(t.Context(), string(rune('a'+i)))
				require.NoError(t, err)
				synctest.Wait() // entries are dropped in the background
			}
		}
		require.GreaterOrEqual(t, behind.texts.Load(), int64(50+46), "at most four of the second fifty were still there")
	})
}

func TestACacheOfNothingIsTheEmbedderItself(t *testing.T) {
	behind := &counting{}
	require.Same(t, behind, embedding.Cached(behind, 0))
}
