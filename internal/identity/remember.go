package identity

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// rememberFor is how long an answer of the provider stands for the next ones:
	// every forged token makes the library ask for the keys again, and a flood of
	// them must not reach the provider. A new key is noticed that much later.
	rememberFor = 5 * time.Second
	// maxAnswer bounds a discovery document or a key set.
	maxAnswer = 1 << 20
	// maxAnswers bounds what is remembered; a provider has two addresses.
	maxAnswers = 8
)

// memory is a transport that repeats good answers for a moment.
type memory struct {
	next http.RoundTripper
	now  func() time.Time

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	at     time.Time
	header http.Header
	body   []byte
}

// rememberAnswers returns a copy of a client that repeats good answers for a moment.
func rememberAnswers(c *http.Client, now func() time.Time) *http.Client {
	clone := *c
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	clone.Transport = &memory{next: next, now: now, answers: map[string]answer{}}
	return &clone
}

// RoundTrip implements [http.RoundTripper].
func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	url := r.URL.String()
	m.mu.Lock()
	known, ok := m.answers[url]
	m.mu.Unlock()
	if ok && m.now().Sub(known.at) < rememberFor {
		return known.response(r), nil
	}
	response, err := m.next.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		// One of the provider's addresses may fail alone; what it said last serves for a while.
		if ok && m.now().Sub(known.at) < keysAtMost {
			if err == nil {
				_ = response.Body.Close() // it is not read
			}
			return known.response(r), nil
		}
		return response, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("more than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("read the provider's answer: %w", err)
	}
	fresh := answer{at: m.now(), header: response.Header, body: body}
	m.mu.Lock()
	if len(m.answers) >= maxAnswers {
		clear(m.answers)
	}
	m.answers[url] = fresh
	m.mu.Unlock()
	return fresh.response(r), nil
}

func (a answer) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(http.StatusOK), StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)), Request: r,
	}
}
