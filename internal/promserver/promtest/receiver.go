package promtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Message is what somebody was told.
type Message struct {
	// To is the last part of the address: enqueue (PagerDuty), l1, l2, l3 (SMS), slack,
	// meai (the watchdog), or "mail" with the recipient's address.
	To   string
	Body string
	// Authorization is the header of that name.
	Authorization string
	At            time.Time
}

// Receiver stands for everybody whom Alertmanager tells.
type Receiver struct {
	URL  string
	mail string // the address of its mail server

	mu   sync.Mutex
	told []Message
}

// NewReceiver listens on loopback until the test ends, for HTTP and for mail.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.note(Message{To: request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:], Body: string(body), Authorization: request.Header.Get("Authorization")})
		w.WriteHeader(http.StatusAccepted) // what PagerDuty says
		_, _ = io.WriteString(w, "ok")     // what Slack says
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	r.mail = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.takeMail(conn)
		}
	}()
	return r
}

func (r *Receiver) note(m Message) {
	m.At = time.Now()
	r.mu.Lock()
	r.told = append(r.told, m)
	r.mu.Unlock()
}

// takeMail speaks as much SMTP (RFC 5321) as a client needs that has no password.
func (r *Receiver) takeMail(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines, to := bufio.NewScanner(conn), ""
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 receiver")
	for lines.Scan() {
		line := lines.Text()
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			var body strings.Builder
			for lines.Scan() && lines.Text() != "." {
				body.WriteString(lines.Text() + "\n")
			}
			r.note(Message{To: "mail " + to, Body: body.String()})
			say("250 taken")
		case "RCPT":
			to = strings.Trim(line[strings.Index(line, ":")+1:], " <>")
			say("250 known")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 well")
		}
	}
}

// Told is what has come so far, oldest first.
func (r *Receiver) Told() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// Await waits for a message to somebody that contains each of some texts.
func (r *Receiver) Await(t testing.TB, to string, texts ...string) (found Message) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, m := range r.Told() {
			if m.To == to && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(m.Body, text) }) {
				found = m
				return true
			}
		}
		return false
	}, within, 20*time.Millisecond, "%s was told nothing of %q", to, texts)
	return found
}
