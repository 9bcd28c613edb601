package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"meai/api"
	"meai/internal/cluster"
	"meai/internal/observe"
	"meai/internal/postgres"
	"meai/internal/telemetry"
	"meai/internal/vectors"
	"meai/workers"
)

// answeredWithin is the time after which a message that is not done with is overdue. Answers
// take a second; what takes a minute waits for something.
const answeredWithin = time.Minute

// readiness asks the engines whether they answer, for /readyz and for the metrics alike.
func (p *parts) readiness(temporal client.Client, db *postgres.DB, index *vectors.Index) []api.ReadyCheck {
	return []api.ReadyCheck{
		{Name: "postgresql", Required: true, Check: db.Ping},
		{Name: "temporal", Required: true, Check: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
		{Name: "keyring", Required: true, Check: func(ctx context.Context) error {
			_, err := p.keys.System(ctx)
			return err
		}},
		{Name: "weaviate", Check: index.Ping},
	}
}

// observe measures, until the process ends, what no request tells of.
func (p *parts) observe(ctx context.Context, temporal client.Client, db *postgres.DB, ready []api.ReadyCheck) error {
	namespace := p.config.Temporal.Namespace
	o := &observe.Observer{
		Every:  p.config.Telemetry.Observe,
		Logger: p.telemetry.Logger,
		Backlogs: func(ctx context.Context) ([]cluster.Backlog, error) {
			return cluster.Backlogs(ctx, temporal, namespace, workers.Queues()...)
		},
		Overdue: func(ctx context.Context) (map[string]int64, error) {
			n, err := cluster.Running(ctx, temporal, namespace, "Interaction", time.Now().Add(-answeredWithin))
			if err != nil {
				return nil, err
			}
			return map[string]int64{"Interaction": n}, nil
		},
		Database: db.Statistics,
	}
	for _, r := range ready {
		o.Stores = append(o.Stores, observe.Store{Name: r.Name, Required: r.Required, Check: r.Check})
	}
	ctx, cancel := context.WithCancel(ctx)
	done, err := o.Start(ctx, p.telemetry.Meters)
	if err != nil {
		cancel()
		return fmt.Errorf("observe the engines: %w", err)
	}
	p.closing(func() error { cancel(); <-done; return nil })
	return nil
}

// profiles serves the runtime's profiles until the process ends, where an address is given.
func (p *parts) profiles(ctx context.Context) error {
	if p.config.Telemetry.Profiles == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	done, err := telemetry.Profiles(ctx, p.config.Telemetry.Profiles)
	if err != nil {
		cancel()
		return err
	}
	p.closing(func() error { cancel(); <-done; return nil })
	return nil
}
