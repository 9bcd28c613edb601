package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/internal/audit"
	"meai/internal/authorization"
	"meai/internal/codecserver"
	"meai/internal/identity"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

type codecCommand struct{}

func (codecCommand) Help() string {
	return `Opens what Temporal's histories hold for the Temporal UI and CLI: the system's payloads for operators, auditors and
admins, a person's for a privacy officer who has just signed in with several factors and whom two others allow to, by an
approval of the act decrypt (docs/api.md). Every access is audited.
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
	if err := p.admitted(ctx, db, false); err != nil {
		return err
	}
	log := audit.New(audit.Options{DB: db, Keys: p.keys, Logger: p.telemetry.Logger})
	// Nothing is given out here, so nothing goes to the ledger.
	callers, err := p.bearer(db, log, nil)
	if err != nil {
		return err
	}
	policies, err := authorization.Load()
	if err != nil {
		return fmt.Errorf("load the policies: %w", err)
	}
	server, err := codecserver.New(codecserver.Options{
		Keys: p.keys, Auth: callers.auth, Policies: policies,
		Audit:     accessLog{db: db, log: log},
		Approvals: decryptions{p.approvals(db, log)},
		Origins:   strings.Fields(p.config.Codec.Origins),
		Logger:    p.telemetry.Logger,
	})
	if err != nil {
		return fmt.Errorf("set up the codec server: %w", err)
	}
	broken, _ := p.hold(ctx, db, theKeyring(p.keys))
	return p.run(ctx, server.HTTP(p.config.Codec.Listen), firstOf(ctx, broken, p.watch(ctx, db)))
}

// decryptions asks whether two others allow a caller to read a person's payloads.
type decryptions struct{ store *approval.Store }

// Approved implements [codecserver.Approvals].
func (d decryptions) Approved(ctx context.Context, who identity.Caller, subject uuid.UUID) (string, bool, error) {
	id, ok, err := d.store.Decryption(ctx, who.Principal, subject)
	if err != nil || !ok {
		return "", false, err
	}
	return id.String(), true, nil
}

// accessLog keeps in the audit log who looked at whose payloads.
type accessLog struct {
	db  *postgres.DB
	log *audit.Log
}

// Record implements [codecserver.Audit], in one transaction.
func (a accessLog) Record(ctx context.Context, accesses []codecserver.Access) error {
	entries := make([]audit.Entry, len(accesses))
	for i, x := range accesses {
		roles := make([]string, len(x.Caller.Roles))
		for n, role := range x.Caller.Roles {
			roles[n] = string(role)
		}
		actor, err := a.log.Person(ctx, x.Caller.Principal)
		if err != nil {
			return err
		}
		entries[i] = audit.Entry{
			Actor: actor, Role: strings.Join(roles, "+"), Act: audit.PayloadDecoded,
			Outcome: outcomes[x.Outcome], Reason: fmt.Sprintf("%s.%s:%d", x.Act, x.Outcome, x.Payloads), Approval: x.Approval,
		}
		if x.Act == codecserver.EncodeSystem {
			entries[i].Act = audit.PayloadEncoded
		}
		if x.Subject == uuid.Nil {
			continue
		}
		object, err := a.log.Object(ctx, audit.Subject, x.Subject.String())
		if err != nil {
			return err
		}
		entries[i].Kind, entries[i].Object = audit.Subject, object
	}
	return a.db.Alone(ctx, func(ctx context.Context, q *queries.Queries) error {
		for _, entry := range entries {
			if _, err := audit.Append(ctx, q, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

var outcomes = map[codecserver.Outcome]audit.Outcome{
	codecserver.Done: audit.Succeeded, codecserver.Denied: audit.Denied,
	codecserver.Erased: audit.Failed, codecserver.Unreadable: audit.Failed,
}
