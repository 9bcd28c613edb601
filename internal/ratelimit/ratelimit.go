// Package ratelimit decides whether one more request fits within a limit, for all
// processes together.
//
// It is the generic cell rate algorithm (GCRA; ITU-T I.371): each request moves a
// key one emission interval (window / quota) ahead of now, and a request that
// would move it further ahead than the window is refused. Somebody who paused may
// send the whole quota at once; from then on requests are given back one by one.
//
// A [Store] keeps one number for each key. What is stored tells nothing about
// whom it is for: keys are HMACs.
package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Limit is how many requests may be made in a window.
type Limit struct {
	// Name tells limits apart, on the wire and in metrics: letters and hyphens.
	Name string
	// Quota is how many requests, at least 1.
	Quota int
	// Window is a whole number of seconds.
	Window time.Duration
}

// PerMinute is a limit of that many requests a minute.
func PerMinute(name string, quota int) Limit {
	return Limit{Name: name, Quota: quota, Window: time.Minute}
}

// emission is the time in which one request is given back. Stores count in
// microseconds.
func (l Limit) emission() time.Duration {
	return max(time.Microsecond, (l.Window / time.Duration(l.Quota)).Truncate(time.Microsecond))
}

func (l Limit) burst() time.Duration { return l.emission() * time.Duration(l.Quota) }

// Key stands for who is limited, and by which limit.
type Key [16]byte

// Store moves keys ahead of its own clock. It is safe for concurrent use.
type Store interface {
	// Take moves the key emission ahead unless it would then be more than burst
	// ahead of now. ahead is how far ahead the key is afterwards. Both are whole
	// microseconds.
	Take(ctx context.Context, key Key, emission, burst time.Duration) (allowed bool, ahead time.Duration, err error)
}

// Outcome is what became of a request.
type Outcome string

// The outcomes, as metrics name them. The last two are decisions that had to be
// made without the store.
const (
	Allowed      Outcome = "allowed"
	Refused      Outcome = "refused"
	FailedOpen   Outcome = "failed_open"
	FailedClosed Outcome = "failed_closed"
)

// Decision is about one request.
type Decision struct {
	Outcome Outcome
	// Remaining is how many requests would fit now, after this one.
	Remaining int
	// Next is when one more than Remaining would fit; for a refused request, when
	// to try again.
	Next time.Duration
}

// Outage says what becomes of a request that the store could not be asked about.
type Outage bool

// Reads fail open: nothing is changed and the person can go on. Writes fail
// closed: they can be sent again, and cost the most.
const (
	FailOpen   Outage = false
	FailClosed Outage = true
)

// Options are what a limiter needs; Store and Secret are required.
type Options struct {
	Store Store
	// Secret returns the HMAC key under which keys are made, the same in every
	// process. It is asked until it answers once.
	Secret func(ctx context.Context) ([]byte, error)
	// Timeout bounds one decision, so that a store that hangs holds up no request;
	// zero means a second.
	Timeout time.Duration
	// Logger is told when the store fails and when it is back; nil for slog.Default.
	Logger *slog.Logger
	// MeterProvider counts decisions by limit and outcome; nil for the global one.
	MeterProvider metric.MeterProvider
}

// Limiter makes the decisions of one process. It is safe for concurrent use.
type Limiter struct {
	store     Store
	timeout   time.Duration
	log       *slog.Logger
	decisions metric.Int64Counter
	exhausted *exhausted

	ask    func(ctx context.Context) ([]byte, error)
	secret atomic.Pointer[[]byte]
	down   atomic.Bool
}

// New makes a limiter.
func New(o Options) (*Limiter, error) {
	if o.Store == nil || o.Secret == nil {
		return nil, errors.New("ratelimit: a store and a secret are required")
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	decisions, err := o.MeterProvider.Meter("meai/internal/ratelimit").Int64Counter("meai.rate_limit.decisions",
		metric.WithDescription("Decisions of the rate limiter, by limit and outcome."), metric.WithUnit("{decision}"))
	if err != nil {
		return nil, fmt.Errorf("count decisions: %w", err)
	}
	return &Limiter{
		store: o.Store, timeout: o.Timeout, log: o.Logger, decisions: decisions,
		exhausted: newExhausted(time.Now), ask: o.Secret,
	}, nil
}

// Allow counts one request of id against the limit. id is who is limited: bytes
// of any length that leave this process as an HMAC only. A request is counted even
// if its caller hangs up.
func (l *Limiter) Allow(ctx context.Context, id []byte, limit Limit, outage Outage) Decision {
	d := l.decide(context.WithoutCancel(ctx), id, limit, outage)
	l.count(ctx, limit, d.Outcome)
	return d
}

func (l *Limiter) count(ctx context.Context, limit Limit, o Outcome) {
	l.decisions.Add(ctx, 1, metric.WithAttributes(
		attribute.String("limit", limit.Name), attribute.String("outcome", string(o))))
}

func (l *Limiter) decide(ctx context.Context, id []byte, limit Limit, outage Outage) Decision {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	key, err := l.key(ctx, id, limit)
	if err == nil {
		if wait := l.exhausted.wait(key); wait > 0 {
			return Decision{Outcome: Refused, Next: wait}
		}
		var allowed bool
		var ahead time.Duration
		if allowed, ahead, err = l.store.Take(ctx, key, limit.emission(), limit.burst()); err == nil {
			d := decision(limit, allowed, ahead)
			l.exhausted.note(key, d)
			l.recovered(ctx)
			return d
		}
	}
	l.failed(ctx, err)
	if outage == FailClosed {
		return Decision{Outcome: FailedClosed, Next: time.Second}
	}
	return Decision{Outcome: FailedOpen}
}

// decision reads the key's place on the time axis as numbers for the caller.
func decision(limit Limit, allowed bool, ahead time.Duration) Decision {
	free := limit.burst() - ahead
	remaining := max(0, free/limit.emission())
	d := Decision{Outcome: Allowed, Remaining: int(remaining), Next: (remaining+1)*limit.emission() - free}
	if !allowed {
		d.Outcome = Refused
	}
	return d
}

// Exhausted reports whether this process knows that id has used up the limit, and
// for how long; if so, that is a refusal. It asks nobody and uses up nothing.
func (l *Limiter) Exhausted(ctx context.Context, id []byte, limit Limit) (wait time.Duration) {
	secret := l.secret.Load()
	if secret == nil {
		return 0
	}
	if wait = l.exhausted.wait(makeKey(*secret, id, limit)); wait > 0 {
		l.count(ctx, limit, Refused)
	}
	return wait
}

func (l *Limiter) key(ctx context.Context, id []byte, limit Limit) (Key, error) {
	if secret := l.secret.Load(); secret != nil {
		return makeKey(*secret, id, limit), nil
	}
	secret, err := l.ask(ctx)
	if err != nil {
		return Key{}, fmt.Errorf("get the key for rate limits: %w", err)
	}
	l.secret.Store(&secret)
	return makeKey(secret, id, limit), nil
}

func makeKey(secret, id []byte, limit Limit) (key Key) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(limit.Name))
	mac.Write([]byte{0}) // no name holds it, so no two pairs read alike
	mac.Write(id)
	copy(key[:], mac.Sum(nil))
	return key
}

// failed and recovered log the change only: an outage concerns every request.
func (l *Limiter) failed(ctx context.Context, err error) {
	if l.down.CompareAndSwap(false, true) {
		l.log.LogAttrs(ctx, slog.LevelError, "rate limiter fails: reads go through, writes are refused", slog.Any("error", err))
	}
}

func (l *Limiter) recovered(ctx context.Context) {
	if l.down.CompareAndSwap(true, false) {
		l.log.LogAttrs(ctx, slog.LevelInfo, "rate limiter works again")
	}
}

// exhausted remembers refused keys until a request would fit again, so that a
// flood costs no call to the store. No other process can shorten that time.
type exhausted struct {
	now func() time.Time

	mu    sync.Mutex
	until map[Key]time.Time
}

// mostExhausted bounds the memory of [exhausted] to about a megabyte.
const mostExhausted = 10_000

func newExhausted(now func() time.Time) *exhausted {
	return &exhausted{now: now, until: map[Key]time.Time{}}
}

// wait is how long the key stays exhausted, 0 when that is not known.
func (e *exhausted) wait(key Key) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	until, ok := e.until[key]
	if !ok {
		return 0
	}
	wait := until.Sub(e.now())
	if wait <= 0 {
		delete(e.until, key)
	}
	return max(0, wait)
}

// note remembers a refusal. When there is no room it forgets what has passed, or
// does not remember: the store then says it again.
func (e *exhausted) note(key Key, d Decision) {
	if d.Outcome != Refused {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if len(e.until) >= mostExhausted {
		for k, until := range e.until {
			if !until.After(now) {
				delete(e.until, k)
			}
		}
	}
	if len(e.until) < mostExhausted {
		e.until[key] = now.Add(d.Next)
	}
}
