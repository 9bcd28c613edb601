package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/backup/quarantine"
	"meai/activities/privacy/erasure"
	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/workflows"
)

type quarantineCommand struct {
	Status  quarantineStatusCommand  `cmd:"" help:"Say whether the database may be worked with, and why not."`
	Release quarantineReleaseCommand `cmd:"" help:"Bring a restored or failed-over database into service."`
}

type quarantineStatusCommand struct {
	JSON bool `help:"Print JSON."`
}

func (quarantineStatusCommand) Help() string {
	return `Reads only. Exit status: 0 it serves, 3 it is in quarantine, 1 it could not be asked.`
}

// errInQuarantine ends 'meai quarantine status' with exit status 3.
var errInQuarantine = errors.New("in quarantine")

func (s quarantineStatusCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-quarantine")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.openDatabase(ctx, true)
	if err != nil {
		return err
	}
	state, err := db.State(ctx)
	if err != nil {
		return err
	}
	if s.JSON {
		err = printState(state)
	} else {
		err = describeState(state)
	}
	if err == nil && state.Quarantined {
		err = errInQuarantine
	}
	return err
}

func printState(s postgres.State) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}

func describeState(s postgres.State) error {
	text := s.String() + "\n"
	line := func(name, value string) {
		if value != "" {
			text += fmt.Sprintf("%-12s %s\n", name, value)
		}
	}
	if s.Quarantined {
		line("epoch", fmt.Sprint(s.Epoch))
	}
	line("restore", s.Restore)
	line("lsn", s.LSN)
	if !s.Time.IsZero() {
		line("restored to", s.Time.UTC().Format(time.RFC3339))
	}
	if s.Approval != uuid.Nil {
		line("approval", s.Approval.String())
	}
	_, err := fmt.Print(text)
	return err
}

type quarantineReleaseCommand struct {
	Approval        uuid.UUID `help:"The approval of the restore, when the restore has named none." placeholder:"UUID"`
	ResumeSchedules bool      `help:"Let the schedules run that were not paused before; 'meai apply' does so later."`
	TakeOver        bool      `help:"Release a database that was left behind by another one's epoch; only when that one is gone for good."`
}

func (quarantineReleaseCommand) Help() string {
	return `Needs postgres.owner_url, Temporal on the restored cluster, and the ledger. In this order:

  schedules  every schedule is paused
  runs       open runs of the queues privacy, operations and batch are ended; people's conversations are not
  ledger     what happened since is applied: erasures, revocations, approvals that were given and used
  erased     what came back of people who are erased is deleted again
  epoch      a new write epoch is begun, in the ledger first
  audit      the restore is recorded, and the audit log is signed again from where it goes on
  serving    the database serves; start the processes

It can be stopped and repeated at any point. Schedules stay paused until 'meai apply', or with --resume-schedules. Calls for
help that were open go on then, from what was not told yet: look at GET /v1/escalations first.`
}

func (r quarantineReleaseCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-quarantine")
	if err != nil {
		return err
	}
	defer p.close(&err)
	if p.config.Postgres.OwnerURL == "" {
		return errors.New("postgres.owner_url must be set to end a quarantine")
	}
	db, err := p.openDatabase(ctx, true)
	if err != nil {
		return err
	}
	log, committer, err := p.records(ctx, db)
	if err != nil {
		return err
	}
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	erasures, err := p.erasures(ctx, temporal, db, log, committer)
	if err != nil {
		return err
	}
	release := quarantine.Release{
		DB: db, OwnerURL: p.config.Postgres.OwnerURL, OwnerTLS: p.postgresTLS(),
		Temporal: temporal, Namespace: p.config.Temporal.Namespace, Ledger: committer, Audit: log,
		Queues:     []string{workflows.QueuePrivacy, workflows.QueueOperations, workflows.QueueBatch},
		Approved:   approvedRestore(p.approvals(db, log)),
		Report:     func(s quarantine.Progress) { fmt.Printf("%-10s %s\n", s.Step, s.Detail) },
		EraseAgain: (&erasure.Activities{Store: erasures, Log: p.telemetry.Logger}).EraseAgain,
		Approval:   r.Approval, TakeOver: r.TakeOver, ResumeSchedules: r.ResumeSchedules,
	}
	state, err := release.Run(ctx)
	if err != nil {
		return err
	}
	return describeState(state)
}

// approvedRestore looks whether two others have allowed the restore. An approval that is
// a signed document is in no database; whoever restored has verified it.
func approvedRestore(approvals *approval.Store) func(context.Context, uuid.UUID) error {
	return func(ctx context.Context, id uuid.UUID) error {
		found, err := approvals.Approval(ctx, id)
		switch {
		case failure.Is(err, failure.NotFound):
			fmt.Printf("%-10s %s is not among this system's: a signed document, verified by who restored\n", "approval", id)
			return nil
		case err != nil:
			return err
		case found.Act != approval.Restore && found.Act != approval.OverrideFailover:
			return fmt.Errorf("approval %s is for another act, %s", id, found.Act)
		case found.State != approval.Approved:
			return fmt.Errorf("approval %s is %s", id, found.State)
		default:
			return nil
		}
	}
}
