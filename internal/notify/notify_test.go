package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/notify"
)

var secret = strings.Repeat("0123456789abcdef", 2)

// The library's services dial the real addresses of Slack and others: here every name
// that is not this machine's leads to a server of the test.
var elsewhere = map[string]string{}

func TestMain(m *testing.M) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	http.DefaultTransport = &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the servers' certificates are for no such names
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(address)
			if there, ok := elsewhere[host]; ok {
				address = there
			} else if host != "127.0.0.1" {
				return nil, fmt.Errorf("a test dials %s", address)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	os.Exit(m.Run())
}

// received is one request that a server got.
type received struct {
	path, body string
	header     http.Header
}

// server answers with a status and an answer.
func server(t *testing.T, name string, status int, answer string) (address string, got chan received) {
	t.Helper()
	got = make(chan received, 16)
	start := httptest.NewTLSServer
	if name == "mattermost" || name == "ntfy" {
		start = httptest.NewServer // they make transports of their own, which trust no test's certificate
	}
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.URL.Path, string(body), r.Header}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), got
}

var message = notify.Message{
	Key: "key-1", Title: "Escalation L1", Text: "severity explicit, suicide, 03:12 UTC", Link: "https://meai.example/v1/escalations/1", Urgent: true,
}

func one(t *testing.T, url string) notify.Notifier {
	t.Helper()
	targets, err := notify.Parse(url)
	require.NoError(t, err)
	require.Len(t, targets, 1)
	return targets[0]
}

// addresses are how each service is reached at a server of the test.
func addresses(t *testing.T, address string) map[string]string {
	host, _, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
	clear(elsewhere)
	elsewhere["hooks.slack.com"] = address
	return map[string]string{
		"generic":    "generic://" + address + "/hook?token=" + secret,
		"pagerduty":  "pagerduty://" + address + "/" + secret,
		"slack":      "slack://hook:T00000000-B00000000-" + secret[:24] + "@webhook",
		"opsgenie":   "opsgenie://" + address + "/" + secret,
		"mattermost": "mattermost://" + address + "/" + secret[:26] + "?disabletls=yes",
		"ntfy":       "ntfy://:" + secret + "@" + address + "/on-call?scheme=http",
	}
}

func TestEveryServiceTakesTheMessageWithItsKey(t *testing.T) {
	keyed := map[string]string{"generic": `"key":"key-1"`, "pagerduty": `"dedup_key":"key-1"`, "opsgenie": `"alias":"key-1"`}
	answers := map[string]string{"slack": "ok", "mattermost": "ok", "ntfy": "{}"}
	for name := range addresses(t, "127.0.0.1:1") {
		t.Run(name, func(t *testing.T) {
			address, got := server(t, name, http.StatusOK, answers[name])
			target := one(t, addresses(t, address)[name])
			require.Equal(t, name, target.Service())
			for range 2 {
				require.NoError(t, target.Notify(t.Context(), message))
				request := <-got
				require.Contains(t, request.body+request.header.Get("Title"), "explicit")
				require.Contains(t, request.body, "meai.example", "the link")
				require.Contains(t, request.body, keyed[name])
			}
			require.Empty(t, got, "one request for each message")
		})
	}
}

func TestAWebhookGetsJSONAndAHeaderToTellRepeatsBy(t *testing.T) {
	address, got := server(t, "generic", http.StatusAccepted, "")
	require.NoError(t, one(t, addresses(t, address)["generic"]).Notify(t.Context(), message))
	request := <-got
	require.Equal(t, "key-1", request.header.Get("Idempotency-Key"))
	require.Equal(t, "/hook", request.path)
	var body map[string]string
	require.NoError(t, json.Unmarshal([]byte(request.body), &body))
	require.Equal(t, map[string]string{
		"title": message.Title, "message": message.Text + "\n" + message.Link, "key": "key-1", "link": message.Link, "urgency": "high",
	}, body)
}

func TestAnEventForPagerDutyIsOfItsSecondVersion(t *testing.T) {
	address, got := server(t, "pagerduty", http.StatusAccepted, `{"status":"success"}`)
	require.NoError(t, one(t, addresses(t, address)["pagerduty"]).Notify(t.Context(), message))
	request := <-got
	require.Equal(t, "/v2/enqueue", request.path)
	var event struct {
		RoutingKey string `json:"routing_key"`
		Action     string `json:"event_action"`
		Key        string `json:"dedup_key"`
		Payload    struct{ Summary, Severity, Source string }
	}
	require.NoError(t, json.Unmarshal([]byte(request.body), &event))
	require.Equal(t, []string{secret, "trigger", "key-1", "critical"}, []string{event.RoutingKey, event.Action, event.Key, event.Payload.Severity})
}

// The library quotes URLs, tokens and answers in its errors.
func TestWhatFailsIsRetryableAndQuotesNothing(t *testing.T) {
	check := func(t *testing.T, err error) {
		require.Error(t, err)
		require.False(t, failure.Is(err, failure.InvalidInput))
		for _, word := range []string{secret[:20], "127.0.0.1", "hooks.slack.com", "quoted"} {
			require.NotContains(t, err.Error(), word)
		}
	}
	for name := range addresses(t, "127.0.0.1:1") {
		t.Run(name, func(t *testing.T) {
			address, _ := server(t, name, http.StatusInternalServerError, `{"message":"quoted `+secret+`"}`)
			check(t, one(t, addresses(t, address)[name]).Notify(t.Context(), message))

			gone, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.NoError(t, gone.Close())
			check(t, one(t, addresses(t, gone.Addr().String())[name]).Notify(t.Context(), message))
		})
	}
}

func TestAServiceThatNeverAnswersCostsNoMoreThanTheTime(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	for name, url := range addresses(t, silent.Addr().String()) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		started := time.Now()
		err := one(t, url).Notify(ctx, message)
		cancel()
		require.Error(t, err, name)
		require.Less(t, time.Since(started), 5*time.Second, name)
	}
}

func TestWrongURLsAreRefusedWithoutQuotingThem(t *testing.T) {
	for _, url := range []string{
		secret, "http://" + secret + ".example", "telegram://" + secret + "@telegram?channels=1", "slack://" + secret, "pagerduty://x/not-" + secret,
		"smtp://user:" + secret + "@mail.example:25/", "opsgenie://host", "generic://%zz" + secret,
	} {
		_, err := notify.Parse("generic://127.0.0.1/fine " + url)
		require.True(t, failure.Is(err, failure.InvalidInput), url)
		require.ErrorContains(t, err, "notification URL 2", url)
		require.NotContains(t, err.Error(), secret)
	}
	none, err := notify.Parse(" \n")
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestMailArrives(t *testing.T) {
	address, mails := mailServer(t, "250 taken")
	target := one(t, "smtp://"+address+"/?from=meai@example.org&to=duty@example.org,second@example.org&starttls=no&auth=none")
	require.NoError(t, target.Notify(t.Context(), message))
	for _, to := range []string{"duty@example.org", "second@example.org"} {
		mail := <-mails
		require.Contains(t, mail, "RCPT TO:<"+to+">")
		require.Contains(t, mail, "Subject: Escalation L1")
		require.Contains(t, mail, "severity explicit, suicide")
		require.Contains(t, mail, message.Link)
	}
	address, _ = mailServer(t, "451 "+secret)
	err := one(t, "smtp://"+address+"/?from=meai@example.org&to=duty@example.org&starttls=no&auth=none").Notify(t.Context(), message)
	require.ErrorContains(t, err, "notify by smtp")
	require.NotContains(t, err.Error(), secret)
	require.NotContains(t, err.Error(), "duty@")
}

// mailServer speaks as much SMTP (RFC 5321) as a delivery takes.
func mailServer(t *testing.T, verdict string) (address string, mails chan string) {
	t.Helper()
	mails = make(chan string, 4)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go converse(conn, verdict, mails)
		}
	}()
	return listener.Addr().String(), mails
}

func converse(conn net.Conn, verdict string, mails chan<- string) {
	defer conn.Close()
	say := func(line string) { fmt.Fprint(conn, line+"\r\n") }
	lines := bufio.NewScanner(conn)
	say("220 ready")
	var mail strings.Builder
	for data := false; lines.Scan(); {
		line := lines.Text()
		mail.WriteString(line + "\n")
		switch {
		case data && line == ".":
			data = false
			mails <- mail.String()
			mail.Reset()
			say(verdict)
		case data:
		case strings.HasPrefix(line, "DATA"):
			data = true
			say("354 go on")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}
