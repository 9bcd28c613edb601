// Package devlogin signs in at the development identity provider, as programs
// and as people do: by client credentials, and by the authorization code flow
// with PKCE. Demonstrations, benchmarks and tests get their tokens here.
package devlogin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	// Path is where the provider lives below the API's own address.
	Path = "/dev/identity"
	// Secret is the client secret of everybody.
	Secret = "development"
	// Client is the public client of people who sign in.
	Client = "meai-dev"

	timeout   = 10 * time.Second
	maxAnswer = 64 << 10
	// callback is the redirect address of a native client (RFC 8252, section 7.3).
	// SignIn reads the code from the redirect itself, so nothing listens there.
	callback = "http://127.0.0.1/callback"
)

// Issuer is the provider's issuer for an API at an address.
func Issuer(publicURL string) string { return strings.TrimSuffix(publicURL, "/") + Path }

// Machine gets an access token for a name by the client credentials grant. The
// API then knows a caller who proved nothing about being a person.
func Machine(ctx context.Context, issuer, name string) (string, error) {
	return requestToken(ctx, issuer, url.Values{"grant_type": {"client_credentials"}, "client_id": {name}, "client_secret": {Secret}})
}

// SignIn gets an access token for a name as a browser would: authorization
// request, login form, code, exchange. With multiFactor the form says that there
// was a second factor.
func SignIn(ctx context.Context, issuer, name string, multiFactor bool) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", fmt.Errorf("make a cookie jar: %w", err)
	}
	b := browser{client: &http.Client{
		Jar: jar, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	verifier, state := Verifier(), rand.Text()
	form, err := b.follow(ctx, http.MethodGet, AuthorizeURL(issuer, verifier, state, callback), nil)
	if err != nil {
		return "", fmt.Errorf("ask for authorization: %w", err)
	}
	fields := url.Values{"request": {form.Query().Get("request")}, "name": {name}}
	if multiFactor {
		fields.Set("mfa", "yes")
	}
	back, err := b.follow(ctx, http.MethodPost, form.Scheme+"://"+form.Host+form.Path, fields)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if back, err = b.follow(ctx, http.MethodGet, back.String(), nil); err != nil {
		return "", fmt.Errorf("be sent back: %w", err)
	}
	if back.Query().Get("state") != state {
		return "", errors.New("the answer belongs to another request")
	}
	return Exchange(ctx, issuer, back.Query().Get("code"), verifier, callback)
}

// browser sends one request at a time and says where it is sent next.
type browser struct{ client *http.Client }

func (b browser) follow(ctx context.Context, method, address string, form url.Values) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	next, err := response.Location()
	if err != nil {
		return nil, fmt.Errorf("status %d sends nowhere", response.StatusCode)
	}
	return next, nil
}

// AuthorizeURL begins the authorization code flow of [Client].
func AuthorizeURL(issuer, verifier, state, redirect string) string {
	return issuer + "/authorize?" + url.Values{
		"client_id": {Client}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {redirect},
		"code_challenge": {Challenge(verifier)}, "code_challenge_method": {"S256"}, "state": {state},
	}.Encode()
}

// Verifier is a new PKCE code verifier (RFC 7636, section 4.1).
func Verifier() string { return rand.Text() + rand.Text() }

// Challenge is the S256 code challenge of a verifier (RFC 7636, section 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Exchange gets the access token for a code of [Client].
func Exchange(ctx context.Context, issuer, code, verifier, redirect string) (string, error) {
	return requestToken(ctx, issuer, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {Client}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {redirect},
	})
}

func requestToken(ctx context.Context, issuer string, form url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("no token: status %d %s", response.StatusCode, answer.Error)
	}
	return answer.AccessToken, nil
}
