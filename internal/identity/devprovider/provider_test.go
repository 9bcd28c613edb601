package devprovider_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/identity"
	"meai/internal/identity/devlogin"
	"meai/internal/identity/devprovider"
)

var seed = []byte(strings.Repeat("s", 32))

// serve starts a provider and returns its issuer.
func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	provider, err := devprovider.New(devprovider.Options{PublicURL: server.URL, Audience: "meai", Seed: seed, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	mux.Handle(devlogin.Path+"/", provider)
	return devlogin.Issuer(server.URL)
}

func verify(t *testing.T, issuer, token string) identity.Claims {
	t.Helper()
	v := identity.NewOIDC(identity.OIDCOptions{Issuer: issuer, Audience: "meai", RolesClaim: devprovider.RolesClaim})
	claims, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	return claims
}

func TestPeopleSignIn(t *testing.T) {
	issuer := serve(t)
	for name, c := range map[string]struct {
		mfa   bool
		roles []identity.Role
	}{
		"anna":                  {false, []identity.Role{identity.Person}},
		"privacy_officer.petra": {true, []identity.Role{identity.PrivacyOfficer}},
		"unknown.role":          {false, []identity.Role{identity.Person}},
		"service.worker":        {false, []identity.Role{identity.Person}},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := devlogin.SignIn(t.Context(), issuer, name, c.mfa)
			require.NoError(t, err)
			got := verify(t, issuer, token)
			require.Equal(t, name, got.Subject)
			require.Equal(t, c.roles, got.Roles)
			require.Equal(t, c.mfa, got.MultiFactor)
			require.WithinDuration(t, time.Now(), got.AuthTime, time.Minute)
		})
	}
}

func TestMachinesSignIn(t *testing.T) {
	issuer := serve(t)
	token, err := devlogin.Machine(t.Context(), issuer, "operator.backup")
	require.NoError(t, err)
	got := verify(t, issuer, token)
	require.Equal(t, []identity.Role{identity.Operator}, got.Roles)
	require.False(t, got.MultiFactor)
	require.Zero(t, got.AuthTime, "a program proves nothing about a person")
}

func TestWhatIsRefused(t *testing.T) {
	issuer := serve(t)
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	token := func(form url.Values) int {
		response, err := noRedirect.PostForm(issuer+"/oauth/token", form)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	get := func(address string) *http.Response {
		response, err := noRedirect.Get(address)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	t.Run("wrong secret", func(t *testing.T) {
		require.Equal(t, http.StatusUnauthorized, token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"anna"}, "client_secret": {"guess"}}))
	})
	t.Run("names that are none", func(t *testing.T) {
		require.NotEqual(t, http.StatusOK, token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"a b<script>"}, "client_secret": {devlogin.Secret}}))
	})
	t.Run("a code that was never given out", func(t *testing.T) {
		_, err := devlogin.Exchange(t.Context(), issuer, "made-up", devlogin.Verifier(), "http://127.0.0.1/callback")
		require.Error(t, err)
	})
	t.Run("without PKCE", func(t *testing.T) {
		response := get(issuer + "/authorize?" + url.Values{"client_id": {devlogin.Client}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"http://127.0.0.1/callback"}, "state": {"s"}}.Encode())
		require.NotContains(t, response.Header.Get("Location"), "/login")
	})
	t.Run("redirects to other places", func(t *testing.T) {
		for _, target := range []string{"https://elsewhere.example/callback", "http://127.0.0.1.elsewhere.example/callback", "http://127.0.0.1/other"} {
			response := get(devlogin.AuthorizeURL(issuer, devlogin.Verifier(), "s", target))
			require.Equal(t, http.StatusBadRequest, response.StatusCode, target)
		}
	})
	t.Run("what it does not offer", func(t *testing.T) {
		for _, path := range []string{"/userinfo", "/oauth/introspect", "/revoke", "/end_session", "/healthz", "/device_authorization"} {
			require.Equal(t, http.StatusNotFound, get(issuer+path).StatusCode, path)
		}
	})
}

func TestACodeWorksOnceAndForItsOwnerOnly(t *testing.T) {
	issuer := serve(t)
	code := func(verifier string) string {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		var last *url.URL
		browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if last = r.URL; r.URL.Query().Has("code") {
				return http.ErrUseLastResponse
			}
			return nil
		}}
		page, err := browser.Get(devlogin.AuthorizeURL(issuer, verifier, "s", "http://127.0.0.1/callback"))
		require.NoError(t, err)
		require.NoError(t, page.Body.Close())
		sent, err := browser.PostForm(issuer+"/login", url.Values{"request": {last.Query().Get("request")}, "name": {"anna"}})
		require.NoError(t, err)
		require.NoError(t, sent.Body.Close())
		return last.Query().Get("code")
	}
	verifier := devlogin.Verifier()
	stolen := code(verifier)
	_, err := devlogin.Exchange(t.Context(), issuer, stolen, devlogin.Verifier(), "http://127.0.0.1/callback")
	require.Error(t, err, "who has the code alone has nothing")
	own := code(verifier)
	_, err = devlogin.Exchange(t.Context(), issuer, own, verifier, "http://127.0.0.1/callback")
	require.NoError(t, err)
	_, err = devlogin.Exchange(t.Context(), issuer, own, verifier, "http://127.0.0.1/callback")
	require.Error(t, err, "a second time")
}

func TestTheLoginPage(t *testing.T) {
	issuer := serve(t)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	read := func(response *http.Response, err error) (string, int) {
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(body), response.StatusCode
	}
	page, err := browser.Get(issuer + "/")
	require.NoError(t, err)
	request := page.Request.URL.Query().Get("request")
	text, status := read(page, nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "Who are you?")

	text, status = read(browser.PostForm(issuer+"/login", url.Values{"request": {request}, "name": {`<script>alert(1)</script>`}}))
	require.Equal(t, http.StatusBadRequest, status)
	require.NotContains(t, text, "<script>alert")

	text, status = read(browser.PostForm(issuer+"/login", url.Values{"request": {request}, "name": {"anna"}}))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "Signed in")
	require.Contains(t, text, "Bearer ey")

	text, status = read(browser.PostForm(issuer+"/login", url.Values{"request": {request}, "name": {"eve"}}))
	require.Equal(t, http.StatusBadRequest, status, "a login ends once")
	require.Contains(t, text, "Begin again")

	_, status = read((&http.Client{}).Get(issuer + "/signed-in?code=x&state=y"))
	require.Equal(t, http.StatusBadRequest, status, "an answer for another browser")
}

func TestItStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{"https://meai.example", "http://meai.example", "http://10.0.0.1:8080", "http://localhost.example", "", "http://", "ftp://localhost"} {
		_, err := devprovider.New(devprovider.Options{PublicURL: address, Audience: "meai", Seed: seed})
		require.Error(t, err, "%q", address)
	}
	for _, address := range []string{"http://localhost:8080", "http://127.0.0.1:8080/", "http://[::1]:8080"} {
		_, err := devprovider.New(devprovider.Options{PublicURL: address, Audience: "meai", Seed: seed})
		require.NoError(t, err, address)
	}
}
