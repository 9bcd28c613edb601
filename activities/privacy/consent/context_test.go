package consent_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/internal/embedding"
	"meai/internal/language"
)

// counting counts what a language model is asked.
type counting struct{ asked int }

func (c *counting) Complete(context.Context, language.Request) (language.Response, error) {
	c.asked++
	return language.Response{}, nil
}

func TestForWhoDoesNotAgreeThereIsNoLanguageModel(t *testing.T) {
	provider := &counting{}
	model := consent.Model(provider)
	for _, ctx := range []context.Context{t.Context(), consent.Allowing(t.Context()), consent.Allowing(t.Context(), consent.Conversation, consent.Discovery)} {
		_, err := model.Complete(ctx, language.Request{})
		require.ErrorIs(t, err, language.ErrNotConfigured)
	}
	require.Zero(t, provider.asked)
	_, err := model.Complete(consent.Allowing(t.Context(), consent.LanguageModel), language.Request{})
	require.NoError(t, err)
	require.Equal(t, 1, provider.asked)
	require.False(t, consent.Allowed(t.Context(), consent.Conversation), "where nobody has asked nothing is permitted")
}

// Embed implements [embedding.Embedder].
func (c *counting) Embed(_ context.Context, texts ...string) ([][]float32, error) {
	c.asked++
	return make([][]float32, len(texts)), nil
}

func (*counting) Model() string   { return "counting" }
func (*counting) Dimensions() int { return 0 }

func TestTheWordsOfWhoDoesNotAgreeAreWithheldFromAProviderOfEmbeddings(t *testing.T) {
	provider := &counting{}
	e := consent.Embedder(provider)
	for _, ctx := range []context.Context{t.Context(), consent.Allowing(t.Context(), consent.Conversation, consent.Memory, consent.Discovery)} {
		_, err := e.Embed(ctx, "words")
		require.ErrorIs(t, err, embedding.ErrWithheld)
	}
	require.Zero(t, provider.asked)
	_, err := e.Embed(consent.Allowing(t.Context(), consent.LanguageModel), "words")
	require.NoError(t, err)
	require.Equal(t, 1, provider.asked)
	require.Equal(t, "counting", e.Model(), "its vectors are the provider's")
}
