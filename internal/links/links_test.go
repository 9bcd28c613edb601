package links_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/links"
)

func anywhere(netip.Addr) bool { return true }

// web is a TLS server and a checker that trusts it.
func web(t *testing.T, handler http.HandlerFunc) (*httptest.Server, links.Options) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	return server, links.Options{TLS: &tls.Config{RootCAs: trusted.RootCAs}, Allow: anywhere, Timeout: 5 * time.Second}
}

func TestPagesAreFoundAsTheyAre(t *testing.T) {
	var cookies atomic.Int32
	server, options := web(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			cookies.Add(1)
		}
		http.SetCookie(w, &http.Cookie{Name: "followed", Value: "1"})
		to := func(status int, target string) { w.Header().Set("Location", target); w.WriteHeader(status) }
		switch path := r.URL.Path; path {
		case "/there", "/new/":
		case "/get-alone":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
			}
		case "/moved":
			to(http.StatusMovedPermanently, "/new/")
		case "/moved-twice":
			to(http.StatusPermanentRedirect, "/moved")
		case "/new":
			to(http.StatusMovedPermanently, "/new/")
		case "/elsewhere-today":
			to(http.StatusFound, "/there")
		case "/moved-to-nothing":
			to(http.StatusMovedPermanently, "/nothing")
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "/full":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/round":
			to(http.StatusFound, "/round")
		case "/plain":
			to(http.StatusMovedPermanently, "http://"+r.Host+"/there")
		case "/file":
			to(http.StatusFound, "file:///etc/passwd")
		case "/big":
			_, _ = w.Write(make([]byte, 1<<20))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	checker := links.New(options)
	for path, want := range map[string]links.Result{
		"/there":            {State: links.OK, Code: "200"},
		"/get-alone":        {State: links.OK, Code: "200"},
		"/big":              {State: links.OK, Code: "200"},
		"/moved":            {State: links.Moved, Code: "200", Location: server.URL + "/new/"},
		"/moved-twice":      {State: links.Moved, Code: "200", Location: server.URL + "/new/"},
		"/new":              {State: links.OK, Code: "200"}, // a slash is no move
		"/elsewhere-today":  {State: links.OK, Code: "200"},
		"/moved-to-nothing": {State: links.Gone, Code: "404"},
		"/gone":             {State: links.Gone, Code: "410"},
		"/nothing":          {State: links.Gone, Code: "404"},
		"/forbidden":        {State: links.Unreachable, Code: "403"},
		"/full":             {State: links.Unreachable, Code: "503"},
		"/round":            {State: links.Unreachable, Code: "too_many_redirects"},
		"/plain":            {State: links.Unreachable, Code: "not_https"},
		"/file":             {State: links.Unreachable, Code: "not_https"},
	} {
		require.Equal(t, want, checker.Check(t.Context(), server.URL+path), path)
	}
	require.Zero(t, cookies.Load(), "nothing is remembered from one request to the next")
	for _, bad := range []string{"", "http://" + server.Listener.Addr().String(), "https://", "https://a:b@" + server.Listener.Addr().String(), "https://%zz"} {
		require.Equal(t, links.Result{State: links.Unreachable, Code: "not_https"}, checker.Check(t.Context(), bad), bad)
	}
}

// TestPrivateAddressesAreOutOfReach: neither an address nor a redirect leads inside.
func TestPrivateAddressesAreOutOfReach(t *testing.T) {
	inside := false
	server, options := web(t, func(http.ResponseWriter, *http.Request) { inside = true })
	options.Allow = nil
	closed := links.Result{State: links.Unreachable, Code: "private_address"}
	require.Equal(t, closed, links.New(options).Check(t.Context(), server.URL))
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	require.Equal(t, closed, links.New(options).Check(t.Context(), byName), "nor does a name")
	require.False(t, inside)

	// A public server, as far as the checker knows, sends it to another address.
	outside, options := web(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.9:1/", http.StatusFound)
	})
	options.Allow = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
	require.Equal(t, closed, links.New(options).Check(t.Context(), outside.URL))
}

func TestPublicAddresses(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1",
		"::1", "::", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
	} {
		require.False(t, links.Public(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{"93.184.215.14", "1.1.1.1", "2606:4700::1111"} {
		require.True(t, links.Public(netip.MustParseAddr(address)), address)
	}
}

func TestWhoDoesNotAnswerIsUnreachable(t *testing.T) {
	over := make(chan struct{})
	server, options := web(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(over) })
	options.Timeout = 100 * time.Millisecond
	require.Equal(t, links.Result{State: links.Unreachable, Code: "timeout"}, links.New(options).Check(t.Context(), server.URL))
	options.Timeout = 5 * time.Second
	options.TLS = nil
	require.Equal(t, links.Result{State: links.Unreachable, Code: "failed"}, links.New(options).Check(t.Context(), server.URL), "its certificate is not trusted")
	server, options = web(t, func(http.ResponseWriter, *http.Request) {})
	server.Close()
	require.Equal(t, links.Result{State: links.Unreachable, Code: "refused"}, links.New(options).Check(t.Context(), server.URL))
}
