// Package language asks language models for answers of a fixed shape.
//
// A [Model] gets instructions that never change and data that is encoded as
// JSON: a person's words are always a value in that data, never part of the
// instructions. Its answer is JSON that satisfies the prompt's schema, whatever
// the provider promises. Everything else is a failure that the caller does
// without: no model is needed for a person to be answered.
package language

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Model completes prompts. It is safe for concurrent use.
type Model interface {
	// Complete asks once; retries belong to the caller's policy. Errors are one of
	// this package's Err values, wrapped, and never hold what was asked or
	// answered.
	Complete(ctx context.Context, r Request) (Response, error)
}

var (
	// ErrNotConfigured: there is no model, and nobody expected one.
	ErrNotConfigured = errors.New("no language model is configured")
	// ErrUnavailable: the provider does not answer, answers with an error, or did
	// so a moment ago.
	ErrUnavailable = errors.New("language model unavailable")
	// ErrTimeout: there was no answer within the time budget.
	ErrTimeout = errors.New("language model too slow")
	// ErrOverloaded: too many calls are under way, here or at the provider.
	ErrOverloaded = errors.New("language model overloaded")
	// ErrRefused: the provider or the model will not answer this question.
	ErrRefused = errors.New("language model refused")
	// ErrInvalidOutput: the answer is not what the schema says.
	ErrInvalidOutput = errors.New("language model's answer is not valid")
	// ErrBudget: the question or the answer is larger than the token budget.
	ErrBudget = errors.New("token budget exceeded")
)

// Request is one question to a model.
type Request struct {
	Prompt *Prompt
	// Data is encoded as JSON, as the only content of the user's message.
	Data any
	// Budget may be less than what the model was configured with, never more.
	Budget Budget
}

// Budget bounds one call. What is zero is bounded by the model's options alone.
type Budget struct {
	// Time is the longest wait for the answer. A call ends some time before its
	// context's deadline as well, so that its caller can still do without.
	Time time.Duration
	// Output is the most tokens that the answer may have.
	Output int
}

// Response is a model's answer.
type Response struct {
	// Answer satisfies the prompt's schema.
	Answer json.RawMessage
	Usage  Usage
}

// Usage is what a call cost, in tokens.
type Usage struct{ Input, Output int }

// None is the model of who has none.
type None struct{}

// Complete implements [Model]: it always fails with [ErrNotConfigured].
func (None) Complete(context.Context, Request) (Response, error) {
	return Response{}, ErrNotConfigured
}
