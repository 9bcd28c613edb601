package main

import (
	"context"
	"fmt"
	"net/netip"

	"meai/api"
	"meai/internal/identity"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/ratelimit"
)

// limiterConns is the pool of the rate limiter alone. A decision takes a fraction
// of a millisecond, so few are enough; those of the product may all be busy.
const limiterConns = 3

// rateLimits is what the keys of the rate limiter are derived for.
const rateLimits keyring.Purpose = "rate-limits"

// limits are the rates that the API holds its callers to.
func (p *parts) limits(ctx context.Context) (*api.Limits, error) {
	store, err := p.limiterStore(ctx)
	if err != nil {
		return nil, err
	}
	c := p.config.Limits
	limiter, err := ratelimit.New(ratelimit.Options{
		Store: store, Timeout: c.Timeout, Logger: p.telemetry.Logger, MeterProvider: p.telemetry.Meters,
		Secret: func(ctx context.Context) ([]byte, error) {
			keys, err := p.keys.System(ctx)
			if err != nil {
				return nil, err
			}
			return keys.Blind(rateLimits, nil), nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the rate limiter: %w", err)
	}
	return &api.Limits{
		Limiter: limiter,
		Rates: []ratelimit.Limit{
			ratelimit.PerMinute("synthesis", c.Synthesis), ratelimit.PerMinute("memory", c.Memory),
			ratelimit.PerMinute("bridge", c.Bridge), ratelimit.PerMinute("mirror", c.Mirror),
			ratelimit.PerMinute("truthfilter", c.TruthFilter),
			ratelimit.PerMinute("reading", c.Reading), ratelimit.PerMinute("account", c.Account),
		},
		Counts:  countsOf(ratelimit.PerMinute("api-key", c.APIKey)),
		Guesses: ratelimit.PerMinute("failed-logins", c.FailedLogins),
	}, nil
}

// countsOf counts a request for whoever acts, and for the API key that they use.
func countsOf(perKey ratelimit.Limit) func(identity.Caller, ratelimit.Limit) []api.Count {
	return func(who identity.Caller, limit ratelimit.Limit) []api.Count {
		counts := []api.Count{{ID: who.Principal[:], Limit: limit}}
		if who.Method == identity.APIKey {
			counts = append(counts, api.Count{ID: who.Key[:], Limit: perKey})
		}
		return counts
	}
}

func (p *parts) limiterStore(ctx context.Context) (ratelimit.Store, error) {
	if url := p.config.Limits.RedisURL; url != "" {
		store, err := ratelimit.NewRedis(url)
		if err != nil {
			return nil, fmt.Errorf("set up the rate limiter: %w", err)
		}
		p.closing(func() error { store.Close(); return nil })
		return store, nil
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: p.config.Postgres.URL, MaxConns: limiterConns, TLS: p.postgresTLS(),
		Logger: p.telemetry.Logger, TracerProvider: p.telemetry.Tracers,
	})
	if err != nil {
		return nil, fmt.Errorf("open the rate limiter's database pool: %w", err)
	}
	p.closing(func() error { db.Close(); return nil })
	go p.warm(ctx, db.Ping) // to connect may take longer than a decision may
	store := ratelimit.NewPostgres(db, p.telemetry.Logger)
	p.closing(func() error { store.Close(); return nil })
	return store, nil
}

// prefixes reads networks that the configuration has validated.
func prefixes(networks []string) []netip.Prefix {
	list := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		list[i] = netip.MustParsePrefix(n)
	}
	return list
}
