// Package client is the Go client of MeAi's HTTP API, generated from
// api/openapi.yaml, with the few things that a generator cannot know: the bearer
// token, problems as errors, and event streams.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"

	"github.com/tmaxmax/go-sse"
)

// maxEvent is the largest event in bytes that is read from a stream; the answer
// with everything that belongs to it is the largest.
const maxEvent = 1 << 20

// Bearer lets every request carry a token.
func Bearer(token string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
}

// Refusal is a problem document (RFC 9457) as an error.
type Refusal struct{ Problem }

// Error names the problem and the trace that leads to it in the server's logs.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Title)
	if r.Detail != "" {
		text += " " + r.Detail
	}
	for _, fault := range r.Errors {
		text += fmt.Sprintf("; %s %s %s", fault.In, fault.Pointer, fault.Reason)
	}
	if r.TraceId != "" {
		text += " (trace " + r.TraceId + ")"
	}
	return text
}

// Check is nil for a response below 400, a [*Refusal] for a problem, and a plain
// error with the status for anything else. body is what was read of the response.
func Check(response *http.Response, body []byte) error {
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil && kind == "application/problem+json" {
		var refusal Refusal
		if err := json.Unmarshal(body, &refusal.Problem); err != nil {
			return fmt.Errorf("status %d with an unreadable problem: %w", response.StatusCode, err)
		}
		return &refusal
	}
	return fmt.Errorf("status %d", response.StatusCode)
}

// Event is one event of an interaction's stream. Step is set for a change of a
// step, Answer for the end.
type Event struct {
	// ID resumes the stream when it is sent as Last-Event-ID.
	ID     string
	Step   *Step
	Answer *Interaction
}

// Follow yields the events of a response of [Client.StreamInteraction] and closes
// it at the end. An error is the last thing that it yields; a stream that ends
// without an answer and without an error may be resumed with the last id.
func Follow(response *http.Response) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		// The stream is read to its end or given up: closing it cannot fail usefully.
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			body, err := io.ReadAll(io.LimitReader(response.Body, maxEvent))
			if err == nil {
				err = Check(response, body)
			}
			if err != nil {
				yield(Event{}, err)
			}
			return
		}
		for raw, err := range sse.Read(response.Body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
			event := Event{ID: raw.LastEventID}
			if err == nil {
				err = event.decode(raw)
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

func (e *Event) decode(raw sse.Event) error {
	var target any
	switch raw.Type {
	case "step":
		e.Step = new(Step)
		target = e.Step
	case "answer":
		e.Answer = new(Interaction)
		target = e.Answer
	default:
		return nil // newer servers may tell more
	}
	if err := json.Unmarshal([]byte(raw.Data), target); err != nil {
		return fmt.Errorf("decode a %s event: %w", raw.Type, err)
	}
	return nil
}
