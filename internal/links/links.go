// Package links asks whether pages on the web are still where they were.
//
// The addresses are the program's own, what answers is not: a check follows https
// alone, to public addresses alone, keeps no cookies, and reads no page.
package links

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// State is how a page was found.
type State string

const (
	// OK: it is there.
	OK State = "ok"
	// Moved: it is there, under another address for good.
	Moved State = "moved"
	// Gone: its server says that there is no such page.
	Gone State = "gone"
	// Unreachable: nobody can say; the server did not answer, or not to a program.
	Unreachable State = "unreachable"
)

// Result is what one check found.
type Result struct {
	State State
	// Code says why, for operators: a status ("404") or a word ("timeout", "refused",
	// "not_https", "private_address", "too_many_redirects", "failed").
	Code string
	// Location is where the page has moved to.
	Location string
}

const (
	defaultTimeout = 10 * time.Second
	mostRedirects  = 5
	// mostRead of a page's body is taken from the wire before it is dropped.
	mostRead = 4 << 10
	agent    = "MeAi-link-check/1 (one request a week)"
)

// Options change what a checker needs. The zero value is right.
type Options struct {
	// Timeout bounds one request; 0 means 10 s.
	Timeout time.Duration
	// TLS verifies servers; nil for the system's authorities.
	TLS *tls.Config
	// Allow reports whether an address may be connected to; nil for public ones alone.
	Allow func(netip.Addr) bool
}

// Checker checks links; it is safe for concurrent use.
type Checker struct{ client *http.Client }

var (
	errPrivate  = errors.New("not a public address")
	errNotHTTPS = errors.New("not https")
	errTooMany  = errors.New("too many redirects")
)

// New returns a checker. It uses no proxy of the environment's: the address it
// connects to is the one it has looked at.
func New(o Options) *Checker {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Allow == nil {
		o.Allow = Public
	}
	dialer := &net.Dialer{Timeout: o.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		// After the name was resolved: a name cannot lead astray a moment later.
		to, err := netip.ParseAddrPort(address)
		if err != nil || !o.Allow(to.Addr().Unmap()) {
			return errPrivate
		}
		return nil
	}}
	return &Checker{&http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: o.TLS, TLSHandshakeTimeout: o.Timeout,
			ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Public reports whether an address is one of the public internet.
func Public(a netip.Addr) bool {
	for _, reserved := range reservedNetworks {
		if reserved.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// reservedNetworks are global by their form and not by their use (RFC 6890, RFC 6052,
// RFC 3056): among them are ways to reach an IPv4 address under another name.
var reservedNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// Check asks for the page, with HEAD first and with GET where that says nothing
// good: many servers know GET alone.
func (c *Checker) Check(ctx context.Context, page string) Result {
	result := c.follow(ctx, http.MethodHead, page)
	if result.State == OK || result.State == Moved || ctx.Err() != nil {
		return result
	}
	return c.follow(ctx, http.MethodGet, page)
}

// follow asks for the page and goes where its server sends it.
func (c *Checker) follow(ctx context.Context, method, page string) Result {
	at, forGood := page, true
	for range mostRedirects + 1 {
		status, next, err := c.ask(ctx, method, at)
		if err != nil {
			return Result{State: Unreachable, Code: codeOf(err)}
		}
		if next == "" {
			return judge(status, page, at, forGood)
		}
		forGood = forGood && (status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect)
		at = next
	}
	return Result{State: Unreachable, Code: codeOf(errTooMany)}
}

// ask makes one request. next is where a redirect leads.
func (c *Checker) ask(ctx context.Context, method, page string) (status int, next string, err error) {
	target, err := url.Parse(page)
	if err != nil || target.Scheme != "https" || target.Host == "" || target.User != nil {
		return 0, "", errNotHTTPS
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), http.NoBody)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("User-Agent", agent)
	request.Header.Set("Accept", "text/html, */*;q=0.5")
	response, err := c.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	// What is in the page does not matter, nor whether it ends well.
	_, _ = io.CopyN(io.Discard, response.Body, mostRead)
	if err := response.Body.Close(); err != nil {
		return 0, "", err
	}
	if response.StatusCode < 300 || response.StatusCode >= 400 {
		return response.StatusCode, "", nil
	}
	location, err := response.Location()
	if err != nil {
		return response.StatusCode, "", nil // as 304: no page, and nowhere to go
	}
	location.Fragment = ""
	return response.StatusCode, location.String(), nil
}

func judge(status int, page, at string, forGood bool) Result {
	code := fmt.Sprint(status)
	switch {
	case status >= 200 && status < 300 && forGood && !samePage(page, at):
		return Result{State: Moved, Code: code, Location: at}
	case status >= 200 && status < 300:
		return Result{State: OK, Code: code}
	case status == http.StatusNotFound || status == http.StatusGone:
		return Result{State: Gone, Code: code}
	default:
		return Result{State: Unreachable, Code: code}
	}
}

// samePage reports whether two addresses differ in a slash or a "www." alone.
func samePage(a, b string) bool {
	plain := func(page string) string {
		return strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(page, "https://"), "/"), "www.")
	}
	return plain(a) == plain(b)
}

func codeOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return "private_address"
	case errors.Is(err, errNotHTTPS):
		return "not_https"
	case errors.Is(err, errTooMany):
		return "too_many_redirects"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "failed"
	}
}
