package waf

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// canary stands for what a person wrote; it must be nowhere in what the firewall writes.
const canary = "canaryword"

func TestNoWordsAreWritten(t *testing.T) {
	f := start(t, nil)
	attack := canary + script + union
	escaped := url.QueryEscape(attack)
	quoted := strings.ReplaceAll(attack, `"`, `\"`)
	for _, a := range []answer{
		f.send(http.MethodPost, interactions, `{"input":{"text":"`+quoted+`"}}`),
		f.send(http.MethodPost, interactions, `{"input":{"txt":"`+quoted+`"}}`),
		f.send(http.MethodPost, interactions, `{"input":{"text":"`+canary),
		f.send(http.MethodPost, interactions, `{"`+canary+script+`":1}`),
		f.send(http.MethodPost, "/v1/memory/imports", canary+strings.Repeat(" "+canary, 100_000), "Content-Type", "application/x-ndjson"),
		f.send(http.MethodPost, "/v1/memories", strings.Repeat(canary, 10_000)),
		f.send(http.MethodPost, "/v1/memories", canary, "Content-Type", "text/xml"),
		f.send(http.MethodPost, "/v1/memories", "--a\r\n"+canary, "Content-Type", "multipart/form-data; boundary=a"),
		f.send(http.MethodGet, "/v1/me?q="+escaped, ""),
		f.send(http.MethodGet, "/v1/"+escaped, ""),
		f.send(http.MethodGet, "/v1/me", "", "Referer", attack, "Authorization", "Bearer "+canary, "Cookie", "a="+attack),
		f.send(http.MethodGet, "/v1/me?q="+canary, "", "User-Agent", "sqlmap/1 "+canary),
		f.raw("GET /" + canary + "\x00 HTTP/1.1\r\nHost: " + canary + "\r\n\r\n"),
	} {
		require.NotContains(t, a.body, canary)
	}
	// An answer that is an error, and an API that is not there.
	f.upstream.mu.Lock()
	f.upstream.handler = func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	f.upstream.mu.Unlock()
	f.refused(f.send(http.MethodPost, interactions+"?a="+canary, `{"input":{"text":"`+canary+`"}}`), http.StatusServiceUnavailable)
	f.logged(14)
	for name, text := range f.written() {
		require.NotContains(t, text, canary, name)
		require.NotContains(t, text, answered, name)
		require.NotContains(t, text, "script", name)
	}
}

// logged waits until the access log has so many lines, and returns them.
func (f *firewall) logged(lines int) []string {
	f.t.Helper()
	var log []string
	require.Eventually(f.t, func() bool {
		log = strings.Split(strings.TrimSpace(f.written()["access.log"]), "\n")
		return len(log) >= lines
	}, 10*time.Second, 20*time.Millisecond)
	return log
}

func TestALineLeadsToTheAPIsLog(t *testing.T) {
	f := start(t, nil)
	passed := f.send(http.MethodGet, "/v1/me", "", "X-Forwarded-For", "198.51.100.77", "X-Meai-Remote", "192.0.2.9:1", "X-Request-Id", "mine", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	require.Equal(t, "of-the-api", passed.header.Get("X-Request-Id"))
	got, _, _ := f.upstream.seen()
	require.Equal(t, "198.51.100.77", got.Header.Get("X-Forwarded-For"), "from the balancer in front")
	require.Empty(t, got.Header.Get("X-Meai-Remote"))
	require.Regexp(t, "^[0-9a-f]{32}$", got.Header.Get("X-Request-Id"))
	require.NotEmpty(t, got.Header.Get("Traceparent"))
	require.Equal(t, host, got.Host)
	refused := f.send(http.MethodGet, "/v1/me?q="+url.QueryEscape(script), "")
	log := f.logged(2)
	require.Contains(t, log[0], `"request_id":"of-the-api","method":"GET","status":200,"upstream_status":"200"`)
	require.Contains(t, log[0], `"service":"waf","stream":"",`)
	require.Contains(t, log[1], `"service":"waf","stream":"security",`)
	require.NotContains(t, log[0], "198.51.100", "nobody's address")
	require.Contains(t, log[1], fmt.Sprintf(`"request_id":%q,"method":"GET","status":403,"upstream_status":""`, refused.header.Get("X-Request-Id")))
}

func TestOnlyTheBalancerSaysWhoAsks(t *testing.T) {
	f := start(t, map[string]string{"BEHIND": "192.0.2.1/32"})
	f.send(http.MethodGet, "/v1/me", "", "X-Forwarded-For", "198.51.100.77")
	got, _, _ := f.upstream.seen()
	require.Equal(t, "127.0.0.1", got.Header.Get("X-Forwarded-For"))
}

func TestASettingThatLacksIsNamed(t *testing.T) {
	script := exec.Command("sh", "start.sh")
	script.Env = []string{"PATH=" + os.Getenv("PATH"), "MEAI_WAF_FOLDER=" + t.TempDir(), "MEAI_WAF_LISTEN=127.0.0.1:0"}
	said, err := script.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "MEAI_WAF_API")
}

func TestTooManyRequestsOfOneAddress(t *testing.T) {
	f := start(t, map[string]string{"RATE": "1", "BURST": "10"})
	var limited answer
	passed := 0
	for range 30 {
		a := f.send(http.MethodGet, "/v1/me", "", "X-Forwarded-For", "198.51.100.1")
		if a.status == http.StatusOK {
			passed++
			continue
		}
		limited = a
	}
	f.refused(limited, http.StatusTooManyRequests)
	require.Equal(t, "1", limited.header.Get("Retry-After"))
	require.Contains(t, limited.body, `"rate_limited"`)
	require.GreaterOrEqual(t, passed, 11)
	require.Less(t, passed, 20)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/v1/me", "", "X-Forwarded-For", "198.51.100.2").status, "another address")
}

// Answers of the API are passed on as they are, problems too.
func TestTheAPIsOwnProblemsArePassedOn(t *testing.T) {
	f := start(t, nil)
	for _, status := range []int{400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503} {
		f.upstream.mu.Lock()
		f.upstream.handler = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, `{"code":"of_the_api","detail":"ORA-00933 You have an error in your SQL syntax"}`)
		}
		f.upstream.mu.Unlock()
		a := f.send(http.MethodGet, "/v1/me", "")
		require.Equal(t, status, a.status)
		require.Contains(t, a.body, "of_the_api")
		require.Equal(t, "7", a.header.Get("Retry-After"))
	}
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	f := start(t, nil)
	next := make(chan struct{})
	f.upstream.mu.Lock()
	f.upstream.handler = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = fmt.Fprint(w, "event: step\ndata: {}\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}
	f.upstream.mu.Unlock()
	client := &http.Client{Timeout: 20 * time.Second}
	r, err := http.NewRequest(http.MethodGet, f.url+interactions+"/"+somebody+"/events", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("User-Agent", "meai-test/1")
	r.Header.Set("Last-Event-ID", "17")
	response, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	for range 3 { // each is read before the next one is sent
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "event: step\n", line)
		for range 2 {
			_, err = lines.ReadString('\n')
			require.NoError(t, err)
		}
		next <- struct{}{}
	}
}

// An export that is brought along is not stored on the way: it is larger than the firewall's disk. Its second half is
// sent when the API has the first.
func TestAnUploadIsPassedOnAsItArrives(t *testing.T) {
	f := start(t, nil)
	body, media := encrypted(t)
	half := len(body) / 2
	begun := make(chan struct{})
	f.upstream.before = func(r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		close(begun)
	}
	from, to := io.Pipe()
	go func() {
		_, _ = io.WriteString(to, body[:half])
		select {
		case <-begun:
			_, _ = io.WriteString(to, body[half:])
			_ = to.Close()
		case <-time.After(20 * time.Second):
			_ = to.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	r, err := http.NewRequest(http.MethodPost, f.url+"/v1/privacy/imports", from)
	require.NoError(t, err)
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", media)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	_, got, _ := f.upstream.seen()
	require.Equal(t, body[1:], string(got))
}
