package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// companion is an API that answers every message with the same words and, from the last one
// on, with a memory.
type companion struct {
	answer  string
	memory  string
	refused bool

	heard  []string
	agreed []string // the purposes
	keys   map[string]bool
	asked  int // how often the status was read
}

func (c *companion) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token"):
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/v1/privacy/purposes":
		respond(w, http.StatusOK, client.Purposes{Language: "en", Purposes: []client.PurposeText{{Purpose: "conversation", Version: 3}, {Purpose: "memory", Version: 1}}})
	case strings.HasPrefix(r.URL.Path, "/v1/privacy/consents/"):
		c.agree(w, r)
	case strings.HasSuffix(r.URL.Path, "/sessions"):
		respond(w, http.StatusCreated, client.Session{Id: uuid.New()})
	case strings.HasSuffix(r.URL.Path, "/status"):
		c.asked++
		// The first look comes too early each time.
		state := client.StepStateStarted
		if c.asked%2 == 0 {
			state = client.StepStateCompleted
		}
		respond(w, http.StatusOK, client.InteractionStatus{Steps: []client.Step{
			{Step: client.StepStepMemoryStorage, State: client.StepStateCompleted},
			{Step: client.StepStepMemoryIndexing, State: state},
		}})
	case c.refused:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"type":"/problems/unavailable","title":"Not now.","status":503,"code":"unavailable"}`)
	default:
		c.interact(w, r)
	}
}

func (c *companion) agree(w http.ResponseWriter, r *http.Request) {
	var said client.NewConsent
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.Method != http.MethodPut || said.Language != "en" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.agreed = append(c.agreed, fmt.Sprintf("%s %d %s", strings.TrimPrefix(r.URL.Path, "/v1/privacy/consents/"), said.TextVersion, said.Decision))
	respond(w, http.StatusOK, client.ConsentReceipt{})
}

func (c *companion) interact(w http.ResponseWriter, r *http.Request) {
	var said client.NewInteraction
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.heard = append(c.heard, said.Input.Text)
	c.keys[r.Header.Get("Idempotency-Key")] = true
	response := client.Response{
		Source: client.ResponseSourceComposed, Text: c.answer, FollowUp: "How does that feel?",
		EmotionalAnalysis: &client.Analysis{PrimaryEmotion: "sadness", Intensity: 0.7},
		Memories:          []client.MemoryUse{{Kind: client.MemoryKindTurn, Text: c.memory, Score: 0.9}},
		Resources:         []client.ResourceUse{{Title: "Box breathing", Kind: client.ResourceKindTechnique, Score: 0.8}},
	}
	respond(w, http.StatusCreated, client.Interaction{
		Id: uuid.New(), Response: &response, Links: client.InteractionLinks{Workflow: "http://127.0.0.1:8233/namespaces/meai/workflows/x"},
	})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that is gone fails its own test.
	_ = json.NewEncoder(w).Encode(body)
}

func talkTo(t *testing.T, c *companion) (string, error) {
	t.Helper()
	c.keys = map[string]bool{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	var out bytes.Buffer
	err := converse(t.Context(), server.URL, "token", &out)
	return out.String(), err
}

func TestTheConversationIsShown(t *testing.T) {
	c := &companion{answer: "Maya moved to Lisbon, you told me.", memory: "My sister Maya moved to Lisbon."}
	out, err := talkTo(t, c)
	require.NoError(t, err)
	require.Equal(t, []string{"conversation 3 given", "memory 1 given"}, c.agreed)
	require.Equal(t, messages, c.heard)
	require.Len(t, c.keys, len(messages), "every message has a key of its own")
	require.Equal(t, 2*len(messages), c.asked, "each message is stored before the next")
	for _, shown := range []string{
		"My sister Maya moved", "you told me", "How does that feel?", "sadness, intensity 0.70", "“My sister Maya moved to Lisbon.” (turn, score 0.90)",
		"Box breathing (technique, TruthFilter 0.80)", " ms", "http://127.0.0.1:8233/namespaces/meai/workflows/x", "recalls what the first message told",
	} {
		require.Contains(t, out, shown)
	}
}

func TestAnAnswerThatDoesNotRecallFails(t *testing.T) {
	_, err := talkTo(t, &companion{answer: "I am here for you.", memory: "My sister Maya moved to Lisbon."})
	require.ErrorContains(t, err, "does not recall Lisbon")
	_, err = talkTo(t, &companion{answer: "It was Lisbon, wasn't it?", memory: "The flat is quiet."})
	require.ErrorContains(t, err, "does not name the memory")
}

func TestARefusalSaysWhy(t *testing.T) {
	_, err := talkTo(t, &companion{refused: true})
	require.ErrorContains(t, err, "message 1: say it: 503 unavailable: Not now.")
}

func TestTheLastMessageDoesNotGiveTheAnswerAway(t *testing.T) {
	require.Contains(t, messages[0], recalled)
	for _, m := range messages[1:] {
		require.NotContains(t, m, recalled)
	}
}

func TestAFollowUpIsShownOnce(t *testing.T) {
	out, err := talkTo(t, &companion{answer: "It was Lisbon. How does that feel?", memory: "Maya moved to Lisbon."})
	require.NoError(t, err)
	require.Equal(t, len(messages), strings.Count(out, "How does that feel?"))
}

func TestFill(t *testing.T) {
	require.Equal(t, []string{"one two", "three", "incomprehensibilities", "“é”", "", "end"},
		fill("one two three incomprehensibilities “é”\n\nend", 7))
}
