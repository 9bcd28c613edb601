package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/internal/audit"
	"meai/internal/ledger"
)

// revokeCommand is for what its owner cannot or will not end: the API key of
// somebody who has left, a role that was given for a time.
type revokeCommand struct {
	Kind string    `arg:"" enum:"api_key,role_grant" help:"api_key or role_grant."`
	ID   uuid.UUID `arg:"" help:"Its id; a role's is that of the approval that gave it."`
}

func (revokeCommand) Help() string {
	return `For ever, and within five seconds everywhere: the ledger has it first, so that no restore brings it back. Repeating
it changes nothing.`
}

func (r revokeCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-revoke")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	log, committer, err := p.records(ctx, db)
	if err != nil {
		return err
	}
	kind, act := audit.APIKey, audit.APIKeyRevoked
	if r.Kind == "role_grant" {
		kind, act = audit.Role, audit.ElevationEnded
	}
	object, err := log.Object(ctx, kind, r.ID.String())
	if err != nil {
		return err
	}
	if _, err := committer.Commit(ctx, ledger.Revocation(r.Kind, r.ID.String())); err != nil {
		return err
	}
	if _, err := log.Record(ctx, audit.Entry{Actor: "meai-revoke", Role: "operator", Act: act, Kind: kind, Object: object, Outcome: audit.Succeeded}); err != nil {
		return err
	}
	_, err = fmt.Printf("revoked %s %s\n", r.Kind, r.ID)
	return err
}
