package flags

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/open-feature/go-sdk/openfeature"

	"meai/internal/language"
)

// every is how often a process looks at the flags: a change is everywhere after that, and the time of a query.
const every = 2 * time.Second

// Provider answers OpenFeature from the rows in PostgreSQL, as they were when it looked last. While it
// cannot look, everything stays as it was.
type Provider struct {
	openfeature.NoopProvider // strings and numbers: there are none

	store   *Store
	log     *slog.Logger
	current atomic.Pointer[map[string]bool]
}

// NewProvider makes a provider that has not looked yet: all flags are on.
func NewProvider(store *Store, log *slog.Logger) *Provider {
	p := &Provider{store: store, log: log}
	p.current.Store(&map[string]bool{})
	return p
}

// Metadata implements [openfeature.FeatureProvider].
func (p *Provider) Metadata() openfeature.Metadata {
	return openfeature.Metadata{Name: "meai-postgresql"}
}

// BooleanEvaluation implements [openfeature.FeatureProvider].
func (p *Provider) BooleanEvaluation(_ context.Context, flag string, byDefault bool, _ openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	if !Known(Flag(flag)) {
		return openfeature.BoolResolutionDetail{Value: byDefault, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{
			ResolutionError: openfeature.NewFlagNotFoundResolutionError(fmt.Sprintf("there is no flag %q", flag)), Reason: openfeature.ErrorReason,
		}}
	}
	on, switched := (*p.current.Load())[flag]
	if !switched {
		return openfeature.BoolResolutionDetail{Value: byDefault, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{Reason: openfeature.DefaultReason}}
	}
	return openfeature.BoolResolutionDetail{Value: on, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{Reason: openfeature.CachedReason}}
}

// Look reads the flags once.
func (p *Provider) Look(ctx context.Context) error {
	list, err := p.store.Current(ctx)
	if err != nil {
		return err
	}
	now := map[string]bool{}
	for _, c := range list {
		now[string(c.Flag)] = c.On
	}
	if before := *p.current.Load(); !maps.Equal(before, now) {
		p.current.Store(&now)
		for flag, on := range now {
			if was, switched := before[flag]; (switched && was != on) || (!switched && !on) {
				message := "a feature is switched off"
				if on {
					message = "a feature is switched on again"
				}
				p.log.LogAttrs(ctx, slog.LevelWarn, message, slog.String("flag", flag))
			}
		}
	}
	return nil
}

// watch looks until ctx ends.
func (p *Provider) watch(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, 5*every)
		err := p.Look(look)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "feature flags cannot be read and stay as they were", slog.Any("error", err))
		}
		failing = err != nil
	}
}

// Switches says what is on. A nil one has everything on.
type Switches struct{ client *openfeature.Client }

// Open looks at the flags and goes on doing so until stop is called. Where they cannot be read at once,
// all are on until they can.
func Open(ctx context.Context, store *Store, log *slog.Logger) (_ *Switches, stop func(), err error) {
	p := NewProvider(store, log)
	first, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	if err := p.Look(first); err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "feature flags cannot be read yet: everything is on", slog.Any("error", err))
	}
	// Providers are registered for the whole process; each database has one of its own.
	domain := "meai/" + uuid.NewString()
	if err := openfeature.SetNamedProviderAndWait(domain, p); err != nil {
		return nil, nil, fmt.Errorf("register the provider of feature flags: %w", err)
	}
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); p.watch(watching) }()
	return &Switches{client: openfeature.NewClient(domain)}, func() { end(); <-ended }, nil
}

// On reports whether a flag is on now. It asks nobody outside this process.
func (s *Switches) On(ctx context.Context, f Flag) bool {
	if s == nil {
		return true
	}
	on, err := s.client.BooleanValue(ctx, string(f), true, openfeature.EvaluationContext{})
	return on || err != nil
}

// Model is a language model while a flag is on. While it is off there is none.
func (s *Switches) Model(f Flag, m language.Model) language.Model { return switched{s, f, m} }

type switched struct {
	switches *Switches
	flag     Flag
	model    language.Model
}

// Complete implements [language.Model].
func (s switched) Complete(ctx context.Context, r language.Request) (language.Response, error) {
	if !s.switches.On(ctx, s.flag) {
		return language.Response{}, language.ErrNotConfigured
	}
	return s.model.Complete(ctx, r)
}
