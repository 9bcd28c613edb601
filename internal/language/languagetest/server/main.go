// Server is a language model for tests: it speaks OpenAI's /v1/chat/completions
// and answers what its script says, well or badly. It ends with its standard
// input, so that it never outlives the test that started it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"meai/internal/language/languagetest/script"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	s := &server{}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /script", s.rescript)
	mux.HandleFunc("GET /asked", s.tell)
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	log.Fatal(http.Serve(listener, mux))
}

type server struct {
	mu     sync.Mutex
	script script.Script
	asked  []json.RawMessage
}

func (s *server) rescript(w http.ResponseWriter, r *http.Request) {
	var next script.Script
	if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.asked = next, nil
}

func (s *server) tell(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s.asked)
}

func (s *server) complete(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, body)
	now := s.script
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer key" {
		fail(w, http.StatusUnauthorized, "who are you")
		return
	}
	var question struct {
		Format struct {
			Schema struct{ Name string } `json:"json_schema"`
		} `json:"response_format"`
	}
	if json.Unmarshal(body, &question) != nil {
		fail(w, http.StatusBadRequest, "not JSON")
		return
	}
	answer(w, now.Fault, string(body), now.Answers[question.Format.Schema.Name])
}

// answer misbehaves as the fault says.
func answer(w http.ResponseWriter, fault script.Fault, question, content string) {
	switch fault {
	case script.Slow:
		time.Sleep(time.Minute)
	case script.Cut:
		cut(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"+`{"id":"1","choices":[{"message":{"content":"`)
	case script.QuotesRaw:
		// As one word, which Go's client quotes whole in its error.
		cut(w, strings.ReplaceAll(question, " ", "_")+"\r\n\r\n")
	case script.Quotes:
		fail(w, http.StatusInternalServerError, "cannot complete "+question)
	case script.QuotesRefusal:
		fail(w, http.StatusBadRequest, "will not complete "+question)
	case script.TooMany:
		w.Header().Set("Retry-After", "0")
		fail(w, http.StatusTooManyRequests, "slow down")
	case script.Broken:
		fail(w, http.StatusInternalServerError, "it broke")
	case script.Elsewhere:
		w.Header().Set("Location", strings.TrimSpace(content))
		w.WriteHeader(http.StatusTemporaryRedirect)
	case script.Garbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices": <html>`+question)
	case script.Endless:
		endless(w)
	case script.CutOff:
		write(w, choice(content[:len(content)/2], "length"), 5)
	case script.Refuses:
		write(w, map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "refusal": "no: " + question}}, 5)
	case script.Overspends:
		write(w, choice(content, "stop"), 1_000_000)
	case script.NotJSON:
		write(w, choice("```json\n"+content+"\n```", "stop"), 5)
	default:
		write(w, choice(content, "stop"), 50)
	}
}

func choice(content, finish string) map[string]any {
	return map[string]any{"index": 0, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": content}}
}

// write answers with one choice and a usage of 100 tokens in and so many out.
func write(w http.ResponseWriter, choice map[string]any, tokens int) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "1", "object": "chat.completion", "created": 1, "model": "served", "choices": []any{choice},
		"usage": map[string]int{"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens},
	})
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": message, "type": "error"}})
}

// cut writes raw bytes and closes the connection.
func cut(w http.ResponseWriter, raw string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

// endless never stops sending.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, err := io.WriteString(w, `{"id":"`)
	for err == nil {
		_, err = io.WriteString(w, strings.Repeat("a", 1<<16))
	}
}
