package main

import (
	"cmp"
	"fmt"
	"strings"

	"go.temporal.io/sdk/client"

	"meai/activities/escalation"
	"meai/internal/config"
	"meai/internal/ledger"
	"meai/internal/notify"
	"meai/internal/postgres"
	"meai/workers"
	"meai/workflows"
)

// duties puts together what tells people on duty, and carries out what they have agreed to.
func (p *parts) duties(temporal client.Client, db *postgres.DB, acts *ledger.Committer, caps *workers.Capabilities) (err error) {
	if caps.Escalation, err = p.escalations(temporal, db, acts); err != nil {
		return err
	}
	caps.Requests, err = p.requests(temporal, db, acts, caps.Approval)
	return err
}

// escalations puts together what tells people on call. A wrong address ends the start:
// it must not be found out in the night when it is needed.
func (p *parts) escalations(temporal client.Client, db *postgres.DB, acts *ledger.Committer) (*escalation.Activities, error) {
	c := p.config.Escalation
	ladder := escalation.Ladder{Repeat: c.Repeat, GiveUp: c.GiveUp}
	for i, l := range []config.EscalationLevel{c.L1, c.L2, c.L3} {
		targets, err := notify.Parse(l.Notify)
		if err != nil {
			return nil, fmt.Errorf("escalation.l%d.notify: %w", i+1, err)
		}
		ladder.Levels = append(ladder.Levels, escalation.Level{Targets: targets, Wait: l.Wait, Reminders: l.Reminders})
	}
	starter := &workflows.Starter{Client: temporal}
	return &escalation.Activities{
		Store: escalation.NewStore(db, p.keys), Ledger: acts, Ladder: ladder, Begin: starter.StartEscalation, Log: p.telemetry.Logger,
		Link: cmp.Or(c.Link, strings.TrimSuffix(p.config.API.Public(), "/")+"/v1/escalations/"),
	}, nil
}
