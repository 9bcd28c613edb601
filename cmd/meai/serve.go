package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/backup/catalogue"
	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/memory"
	"meai/activities/privacy/export"
	"meai/activities/privacy/requests"
	"meai/activities/synthesis"
	"meai/api"
	"meai/internal/audit"
	"meai/internal/codec"
	"meai/internal/embedding"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/workers"
	"meai/workflows"
)

type upCommand struct {
	Queue []string `help:"Serve only these task queues besides the API (repeatable)." placeholder:"NAME"`
}

func (u upCommand) Run(ctx context.Context, c *cli) error {
	return serve(ctx, c, "meai", true, &u.Queue)
}

type apiCommand struct{}

func (apiCommand) Run(ctx context.Context, c *cli) error { return serve(ctx, c, "meai-api", true, nil) }

type workerCommand struct {
	Queue []string `help:"Task queue to serve (repeatable); all that have work when left out." placeholder:"NAME"`
}

func (w workerCommand) Run(ctx context.Context, c *cli) error {
	return serve(ctx, c, "meai-worker", false, &w.Queue)
}

// serve runs the API, workers, or both until a signal or a failure; queues is nil
// for no workers and points to an empty list for all.
func serve(ctx context.Context, c *cli, service string, withAPI bool, queues *[]string) (err error) {
	p, err := open(ctx, c, service)
	if err != nil {
		return err
	}
	defer p.close(&err)
	if err = p.profiles(ctx); err != nil {
		return err
	}
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	var embedder embedding.Embedder
	var library *bridge.Library
	if queues == nil {
		err = p.admitted(ctx, db, false)
	} else if embedder, library, err = p.models(ctx); err == nil {
		// With all models in memory: where the other region serves, the moment in which this
		// one does is one in which people wait.
		err = p.inTurn(ctx, db)
	}
	if err != nil {
		return err
	}
	log, committer, err := p.records(ctx, db)
	if err != nil {
		return err
	}
	if err := p.openSwitches(ctx, db, log); err != nil {
		return err
	}
	if overdue := bridge.OverdueEntries(time.Now()); len(overdue) > 0 {
		p.telemetry.Logger.Warn("resources are due for review; see docs/runbooks/library.md", "entries", strings.Join(overdue, ", "))
	}
	var fatal <-chan error // nil without workers
	settings := []fixed{theKeyring(p.keys), historyShards(temporal)}
	if queues != nil {
		settings = append(settings, embeddingModel(embedder.Model()))
		caps, err := p.capabilities(ctx, temporal, db, log, committer, embedder, library)
		if err != nil {
			return err
		}
		caps.Approval = &approval.Activities{Store: p.approvals(db, log), Ledger: committer}
		caps.Keys.Audit, caps.Keys.Ledger = log, committer
		if err := p.duties(temporal, db, committer, &caps); err != nil {
			return err
		}
		if err := p.erasing(ctx, temporal, db, log, committer, &caps); err != nil {
			return err
		}
		exports, err := p.exports(ctx, db, log)
		if err != nil {
			return err
		}
		caps.Exports = &export.Activities{Exports: exports}
		served := p.queues(*queues)
		settings = append(settings, placesOfPeople(p.config.Backup, slices.Contains(served, workflows.QueuePrivacy))...)
		if err := p.backups(ctx, db, log, served, &caps); err != nil {
			return err
		}
		if err := p.retention(db, log, &caps); err != nil {
			return err
		}
		if err := p.caughtUp(ctx, db, committer); err != nil {
			return err
		}
		group, err := workers.Start(temporal, p.declaration, served, caps, p.telemetry.Logger)
		if err != nil {
			return err
		}
		p.closing(func() error { group.Stop(); return nil })
		fatal = group.Fatal()
	}
	server, err := p.httpServer(ctx, withAPI, temporal, db, log, committer)
	if err != nil {
		return err
	}
	broken, held := p.hold(ctx, db, settings...)
	p.keepRecords(ctx, log, committer, held)
	return p.run(ctx, server, firstOf(ctx, fatal, broken, p.watch(ctx, db)))
}

// httpServer is the API, or for a lone worker just its metrics and health; nil
// when nothing is to be served.
func (p *parts) httpServer(ctx context.Context, withAPI bool, temporal client.Client, db *postgres.DB, log *audit.Log, committer *ledger.Committer) (*http.Server, error) {
	if !withAPI {
		return p.metricsServer(), nil
	}
	index, err := p.vectors(ctx)
	if err != nil {
		return nil, err
	}
	callers, err := p.callers(ctx, db, log, committer)
	if err != nil {
		return nil, err
	}
	limits, err := p.limits(ctx)
	if err != nil {
		return nil, err
	}
	// Single resources need neither model nor index, so the API shows them by itself.
	library, err := bridge.NewLibrary(nil)
	if err != nil {
		return nil, fmt.Errorf("load the resource library: %w", err)
	}
	told, err := p.feedback(ctx, db, log)
	if err != nil {
		return nil, err
	}
	consents := p.consents(db, log)
	consents.Ledger, consents.Register = committer, metAtOnce(requests.NewStore(db, p.keys))
	erasures, err := p.erasures(ctx, temporal, db, log, committer)
	if err != nil {
		return nil, err
	}
	exports, err := p.exports(ctx, db, log)
	if err != nil {
		return nil, err
	}
	kept, err := p.retentionOn(ctx, db)
	if err != nil {
		return nil, err
	}
	memories := memory.NewStore(db, p.keys)
	memories.Ledger = committer
	ready := p.readiness(temporal, db, index)
	if err := p.observe(ctx, temporal, db, ready); err != nil {
		return nil, err
	}
	options := api.Options{
		Store:           synthesis.NewStore(db, p.keys),
		Engine:          &workflows.Starter{Client: temporal, Active: db.CheckActive, Converter: codec.DataConverter(p.keys)},
		Backups:         &catalogue.Store{DB: db},
		Auth:            callers.auth,
		APIKeys:         callers.directory,
		Approvals:       p.approvals(db, log),
		Escalations:     escalation.NewStore(db, p.keys),
		Resources:       &bridge.Catalogue{Library: library, Links: bridge.NewLinks(db)},
		Feedback:        told,
		Memories:        memories,
		Graph:           memory.NewGraph(db, p.keys),
		Vault:           &memory.Vaults{DB: db, Keys: p.keys, Audit: log, Ledger: committer},
		Retention:       kept,
		Requests:        requests.NewStore(db, p.keys),
		Consents:        consents,
		Without:         p.without,
		Erasures:        erasures,
		Exports:         exports,
		Development:     callers.development,
		Audit:           log,
		Logger:          p.telemetry.Logger,
		TracerProvider:  p.telemetry.Tracers,
		MeterProvider:   p.telemetry.Meters,
		MetricsHandler:  p.telemetry.Metrics,
		SessionLifetime: p.config.Session.Lifetime,
		Region:          p.config.Session.Region,
		WorkflowLink:    p.config.Temporal.WorkflowLink,
		Version:         version,
		Limits:          limits,
		Streams:         api.StreamLimits{Process: p.config.Limits.Streams, Person: p.config.Limits.StreamsOfPerson},
		TrustedProxies:  prefixes(p.config.API.TrustedProxies),
		CORSOrigins:     p.config.API.CORSOrigins,
		Ready:           ready,
	}
	failovers, err := p.operations(ctx)
	if err != nil {
		return nil, err
	}
	if failovers != nil {
		options.Regions, options.Failovers = failovers.Journal, failovers
	}
	server, err := api.New(options)
	if err != nil {
		return nil, fmt.Errorf("set up the API: %w", err)
	}
	return server.HTTP(p.config.API.Listen), nil
}

// listen speaks TLS alone where the process has a certificate.
func listen(server *http.Server, listener net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(listener, "", "")
	}
	return server.Serve(listener)
}

// run serves until a signal or a fatal error, then lets running requests finish.
// Workers drain afterwards: a request that waits for its answer needs them.
func (p *parts) run(ctx context.Context, server *http.Server, broken <-chan error) error {
	failed := make(chan error, 1)
	if server != nil {
		listener, err := net.Listen("tcp", server.Addr)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		server.TLSConfig = p.tls.Server()
		p.telemetry.Logger.Info("serving", "address", listener.Addr().String(), "tls", server.TLSConfig != nil)
		go func() { failed <- listen(server, listener) }()
	}
	var cause error
	select {
	case <-ctx.Done():
		p.telemetry.Logger.Info("stopping")
	case cause = <-broken:
	case cause = <-failed:
	}
	if server == nil {
		return cause
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.API.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(finish); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		cause = errors.Join(cause, fmt.Errorf("stop the HTTP server: %w", err))
	}
	return cause
}
