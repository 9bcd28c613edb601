package consent_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
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
