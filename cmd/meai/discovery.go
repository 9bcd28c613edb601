package main

import (
	"context"
	"fmt"

	"meai/activities/bridge"
	"meai/activities/privacy/consent"
	"meai/internal/flags"
)

// discovery asks outside for resources; nil when no file names whom.
func (p *parts) discovery(ctx context.Context, library *bridge.Library) (*bridge.Discovery, error) {
	path := p.config.Bridge.Discovery
	if path == "" {
		return nil, nil
	}
	file, err := bridge.ReadDiscovery(path)
	if err != nil {
		return nil, fmt.Errorf("bridge.discovery: %w", err)
	}
	d, err := bridge.NewDiscovery(file, library.Resources(), bridge.DiscoveryOptions{
		Permitted: func(ctx context.Context) bool {
			return consent.Allowed(ctx, consent.Discovery) && p.switches.On(ctx, flags.Discovery)
		},
		Logger: p.telemetry.Logger, Meters: p.telemetry.Meters,
	})
	if err != nil {
		return nil, fmt.Errorf("set up discovery: %w", err)
	}
	p.closing(func() error { d.Close(); return nil })
	go func() { _ = d.Connect(ctx) }() // who cannot be reached is logged, and tried again by a search
	return d, nil
}
