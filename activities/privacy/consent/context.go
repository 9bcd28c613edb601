package consent

import (
	"context"

	"meai/internal/embedding"
	"meai/internal/language"
)

// permittedKey is where a context holds what is permitted.
type permittedKey struct{}

// WithPermitted tells everything that is done under a context what it may use data for.
func WithPermitted(ctx context.Context, p Permitted) context.Context {
	return context.WithValue(ctx, permittedKey{}, p)
}

// Allowing is [WithPermitted] of these purposes, for who asked otherwise.
func Allowing(ctx context.Context, purposes ...Purpose) context.Context {
	p := Permitted{purposes: map[Purpose]bool{}}
	for _, purpose := range purposes {
		p.purposes[purpose] = true
	}
	return WithPermitted(ctx, p)
}

// Allowed reports whether a purpose is permitted under a context. Where nobody has asked,
// nothing is.
func Allowed(ctx context.Context, purpose Purpose) bool {
	p, _ := ctx.Value(permittedKey{}).(Permitted)
	return p.Allows(purpose)
}

// Model is a language model for the words of those who agree to that. For everybody else
// there is none.
func Model(m language.Model) language.Model { return consented{m} }

type consented struct{ model language.Model }

// Complete implements [language.Model].
func (c consented) Complete(ctx context.Context, r language.Request) (language.Response, error) {
	if !Allowed(ctx, LanguageModel) {
		return language.Response{}, language.ErrNotConfigured
	}
	return c.model.Complete(ctx, r)
}

// Embedder is a provider of embeddings for the words of those who agree to share them with
// a model. Everybody else's are withheld from it, with [embedding.ErrWithheld].
func Embedder(e embedding.Embedder) embedding.Embedder { return withholding{e} }

type withholding struct{ embedding.Embedder }

// Embed implements [embedding.Embedder].
func (w withholding) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	if !Allowed(ctx, LanguageModel) {
		return nil, embedding.ErrWithheld
	}
	return w.Embedder.Embed(ctx, texts...)
}
