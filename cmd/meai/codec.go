package main

import (
	"context"
	"fmt"
	"strings"

	"meai/internal/authorization"
	"meai/internal/codecserver"
)

type codecCommand struct{}

func (codecCommand) Help() string {
	return `Opens what Temporal's histories hold for the Temporal UI and CLI: the system's payloads for operators, auditors and
admins, a person's for privacy officers who have just signed in with several factors. Every access is audited.
docs/runbooks/codec.md tells how to point the UI and the CLI at it.`
}

func (codecCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-codec")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	callers, err := p.bearer(db)
	if err != nil {
		return err
	}
	policies, err := authorization.Load()
	if err != nil {
		return fmt.Errorf("load the policies: %w", err)
	}
	server, err := codecserver.New(codecserver.Options{
		Keys: p.keys, Auth: callers.auth, Policies: policies,
		Audit:   codecserver.LogAudit{Keys: p.keys, Log: p.telemetry.Logger},
		Origins: strings.Fields(p.config.Codec.Origins),
		Logger:  p.telemetry.Logger,
	})
	if err != nil {
		return fmt.Errorf("set up the codec server: %w", err)
	}
	return p.run(ctx, server.HTTP(p.config.Codec.Listen), nil, p.hold(ctx, db, theKeyring(p.keys)))
}
