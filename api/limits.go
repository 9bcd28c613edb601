package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meai/internal/identity"
	"meai/internal/ratelimit"
)

// Limits holds callers to rates. Which operation counts in which is declared in
// the contract, as x-rate-limit.
type Limits struct {
	Limiter *ratelimit.Limiter
	// Rates are the limits that the contract names, each by its name.
	Rates []ratelimit.Limit
	// Guesses bounds failed attempts to log in from one network address.
	Guesses ratelimit.Limit
	// Counts says what a request of a caller counts in, given the operation's
	// limit; nil for that limit alone, by principal. A key that has a limit of its own
	// adds that.
	Counts func(identity.Caller, ratelimit.Limit) []Count

	// help counts the refused messages that were looked through for signs of danger.
	help ratelimit.Memory
}

// Count is one limit that a request counts in, and whose it is: an opaque id.
type Count struct {
	ID    []byte
	Limit ratelimit.Limit
}

func byPrincipal(caller identity.Caller, limit ratelimit.Limit) []Count {
	return []Count{{ID: caller.Principal[:], Limit: limit}}
}

// check refuses limits that do not fit the contract.
func (l *Limits) check(k *contract) error {
	if l == nil {
		return nil
	}
	if l.Limiter == nil || l.Guesses.Quota < 1 {
		return errors.New("api: a limiter and a limit for guesses are required")
	}
	for address, op := range k.operations {
		if op.scope == "" {
			continue
		}
		if limit := l.rate(op.limit); limit.Quota < 1 {
			return fmt.Errorf("api: %s counts in limit %q, which has no rate", address, op.limit)
		}
	}
	return nil
}

func (l *Limits) rate(name string) ratelimit.Limit {
	if i := slices.IndexFunc(l.Rates, func(r ratelimit.Limit) bool { return r.Name == name }); i >= 0 {
		return l.Rates[i]
	}
	return ratelimit.Limit{}
}

// admit counts a request in all that it counts in; the first that is used up
// refuses it. The headers tell the caller where they stand.
func (l *Limits) admit(c echo.Context, name string) error {
	if l == nil {
		return nil
	}
	r := c.Request()
	caller, ok := identity.FromContext(r.Context())
	if !ok {
		return &problem{code: internalError, cause: errors.New("no caller to count a request of")}
	}
	counts := l.Counts
	if counts == nil {
		counts = byPrincipal
	}
	for _, count := range counts(caller, l.rate(name)) {
		d := l.Limiter.Allow(r.Context(), count.ID, count.Limit, outage(r))
		tell(c.Response().Header(), count.Limit, d)
		switch d.Outcome {
		case ratelimit.Refused:
			return &problem{code: rateLimited, retryAfter: d.Next}
		case ratelimit.FailedClosed:
			return &problem{code: unavailable, retryAfter: d.Next, cause: errors.New("the rate limiter does not answer")}
		}
	}
	return nil
}

// outage is what becomes of a request while the limiter cannot be asked. Safe
// methods (RFC 9110, 9.2.1) change nothing.
func outage(r *http.Request) ratelimit.Outage {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return ratelimit.FailOpen
	}
	return ratelimit.FailClosed
}

// tell adds a limit to the headers of draft-ietf-httpapi-ratelimit-headers-11:
// quota and window in seconds; what remains, and when there is one more.
func tell(h http.Header, limit ratelimit.Limit, d ratelimit.Decision) {
	add(h, "RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", limit.Name, limit.Quota, int(limit.Window.Seconds())))
	if d.Outcome == ratelimit.Allowed || d.Outcome == ratelimit.Refused {
		add(h, "RateLimit", fmt.Sprintf("%q;r=%d;t=%d", limit.Name, d.Remaining, max(1, wholeSeconds(d.Next))))
	}
}

// add keeps a list in one field line.
func add(h http.Header, name, item string) {
	h.Set(name, strings.TrimPrefix(h.Get(name)+", "+item, ", "))
}

// wholeSeconds rounds up: who comes earlier comes in vain.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// stopGuessing refuses an address that used up its failed attempts before the
// credentials are looked at. It knows those that failed at this process.
func (l *Limits) stopGuessing(c echo.Context) error {
	if l == nil {
		return nil
	}
	if wait := l.Limiter.Exhausted(c.Request().Context(), peer(c), l.Guesses); wait > 0 {
		return &problem{code: guessingBlocked, retryAfter: wait}
	}
	return nil
}

// countGuess counts credentials that were refused; none at all are no guess. It
// returns what the caller is told.
func (l *Limits) countGuess(c echo.Context, refusal error) error {
	guess := classify(refusal).status() == http.StatusUnauthorized && !errors.Is(refusal, identity.ErrNoCredentials)
	if l == nil || !guess {
		return refusal
	}
	d := l.Limiter.Allow(context.WithoutCancel(c.Request().Context()), peer(c), l.Guesses, ratelimit.FailOpen)
	if d.Outcome == ratelimit.Refused {
		return &problem{code: guessingBlocked, retryAfter: d.Next, cause: refusal}
	}
	return refusal
}

// Of one caller, or of one address before anybody is known, ten refused messages
// in a row are looked through for signs of danger, and then one every three
// seconds: to look through a long one takes milliseconds, and a flood of them
// would cost what the limit is there to save. Nobody writes that fast.
const (
	helpEvery = 3 * time.Second
	helpBurst = 10 * helpEvery
)

// mayLook reports whether a refused message is looked through.
func (l *Limits) mayLook(c echo.Context) bool {
	if l == nil {
		return true
	}
	var key ratelimit.Key
	copy(key[:], peer(c))
	if caller, ok := identity.FromContext(c.Request().Context()); ok {
		key = ratelimit.Key(caller.Principal)
	}
	allowed, _, err := l.help.Take(c.Request().Context(), key, helpEvery, helpBurst)
	return allowed || err != nil
}

// peer is the network address of the client: for IPv6 the /64, of which one
// customer has all addresses.
func peer(c echo.Context) []byte {
	address, err := netip.ParseAddr(c.RealIP())
	if err != nil {
		return nil // a socket without addresses, as in tests: one peer
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		address = netip.PrefixFrom(address, 64).Masked().Addr()
	}
	return address.AsSlice()
}

// clientAddress is how the client's address is found.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		// The peer's own address: forwarding headers can be written by anyone.
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(ipNet(p)))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	p = p.Masked()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
