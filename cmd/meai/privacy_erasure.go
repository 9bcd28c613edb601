package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/copies"
	"meai/activities/privacy/datamap"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/signing"
	"meai/workers"
	"meai/workflows"
)

// erasures are the erasures of one database.
func (p *parts) erasures(ctx context.Context, temporal client.Client, db *postgres.DB, log *audit.Log, acts *ledger.Committer) (*erasure.Store, error) {
	index, err := p.vectors(ctx)
	if err != nil {
		return nil, err
	}
	places, err := p.stores(ctx, temporal, db, log, index)
	if err != nil {
		return nil, err
	}
	inventory, err := datamap.Load()
	if err != nil {
		return nil, err
	}
	s := &erasure.Store{
		DB: db, Keys: p.keys, Audit: log, Ledger: acts, CoolingOff: p.config.Privacy.CoolingOff, Open: places,
		Retained: erasure.RetainedBy(inventory), Register: erasure.RegisterIn(requests.NewStore(db, p.keys)),
		Approve: (&approval.Activities{Store: p.approvals(db, log), Ledger: acts}).Use,
	}
	if p.config.Backup.Bucket != "" {
		s.Retained.Backups = p.config.Backup.Keep
		if p.config.Backup.Second != "" {
			s.Retained.Backups += copies.KeptFor
		}
	}
	return s, nil
}

// erasing puts the steps of erasures together.
func (p *parts) erasing(ctx context.Context, temporal client.Client, db *postgres.DB, log *audit.Log, acts *ledger.Committer, caps *workers.Capabilities) error {
	store, err := p.erasures(ctx, temporal, db, log, acts)
	if err != nil {
		return err
	}
	metrics, err := erasure.NewMetrics(p.telemetry.Meters)
	if err != nil {
		return err
	}
	index, err := p.vectors(ctx)
	if err != nil {
		return err
	}
	starter := &workflows.Starter{Client: temporal}
	caps.Erasure = &erasure.Activities{
		Store: store, Keys: caps.Keys, Metrics: metrics, Log: p.telemetry.Logger, Backups: erasure.BackupsIn(&catalogue.Store{DB: db}, p.config.Backup.Second != ""),
		Held: heldBy(requests.NewHolds(p.keys)), Residue: p.residue(index),
		Begin: func(ctx context.Context, id uuid.UUID) error {
			_, err := starter.StartErasure(ctx, workflows.ErasureInput{Erasure: id})
			return err
		},
	}
	return nil
}

// office is what commands about erasures work with.
type office struct {
	*parts
	temporal client.Client
	store    *erasure.Store
}

func openOffice(ctx context.Context, c *cli) (_ *office, err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return nil, err
	}
	o := &office{parts: p}
	defer func() {
		if err != nil {
			p.close(&err)
		}
	}()
	if o.temporal, err = p.temporal(ctx); err != nil {
		return nil, err
	}
	db, err := p.database(ctx)
	if err != nil {
		return nil, err
	}
	log, acts, err := p.records(ctx, db)
	if err != nil {
		return nil, err
	}
	o.store, err = p.erasures(ctx, o.temporal, db, log, acts)
	return o, err
}

type privacyEraseCommand struct {
	Subject  uuid.UUID   `arg:"" help:"The person's id."`
	Approval uuid.UUID   `help:"The approval of two others; there is no way back. Needed but for --dry-run." placeholder:"UUID"`
	Law      erasure.Law `enum:"gdpr,ccpa" default:"gdpr" help:"What sets the time within which it must be done: gdpr or ccpa."`
	NoWait   bool        `help:"Start it, print its id and return."`
	DryRun   bool        `help:"Count what would go and say what would stay. Nothing happens."`
}

func (privacyEraseCommand) Help() string {
	return `Starts the workflow Erasure on queue privacy, without cooling-off, or joins the erasure of this person that is under way.

A privacy officer or operator asks for the approval (POST /v1/approvals, act early_delete, parameter subject), and two others
agree. It is spent on this one erasure; running this again, after whatever stopped it, is the same use. A legal hold keeps the
erasure waiting all the same.

The person is frozen, everything that is kept of them is counted, and their workflows are ended on the server. When none is left
the keys are destroyed: within 5 s no process can read anything of the person, in any row, payload or backup. Then every store
is emptied and searched until nothing is found, and the certificate is printed. Stopping this command does not stop it. By hand,
for one that was requested already:

  temporal workflow start --task-queue privacy --type Erasure --workflow-id privacy/erasure/ID --input '{"erasure":"ID"}'`
}

func (e privacyEraseCommand) Run(ctx context.Context, c *cli) (err error) {
	o, err := openOffice(ctx, c)
	if err != nil {
		return err
	}
	defer o.close(&err)
	if e.DryRun {
		preview, err := o.store.Preview(ctx, e.Subject)
		if err != nil {
			return err
		}
		return printPreview(os.Stdout, preview)
	}
	if e.Approval == uuid.Nil {
		return errors.New("--approval is needed: two others agree to an erasure (or --dry-run)")
	}
	asked, err := o.store.Request(ctx, erasure.New{Subject: e.Subject, Law: e.Law, Approval: e.Approval})
	if err != nil {
		return err
	}
	starter := &workflows.Starter{Client: o.temporal}
	run, err := starter.StartErasure(ctx, workflows.ErasureInput{Erasure: asked.ID})
	if err != nil {
		return err
	}
	if err := starter.NudgeErasure(ctx, asked.ID); err != nil { // one that was waiting for its cooling-off
		return err
	}
	fmt.Println("erasure", asked.ID)
	if err := follow[workflows.ErasureProgress](ctx, o.temporal, run, e.NoWait); err != nil || e.NoWait {
		return err
	}
	return o.printCertificates(ctx, asked.ID)
}

func (o *office) printCertificates(ctx context.Context, id uuid.UUID) error {
	state, issued, err := o.store.Certificates(ctx, id)
	if err != nil {
		return err
	}
	if len(issued) == 0 {
		_, err = fmt.Println("it is", state, "and has no certificate")
		return err
	}
	for _, i := range issued {
		fmt.Printf("\n%s", i.Note)
	}
	return nil
}

type privacyErasureCommand struct {
	ID    uuid.UUID `arg:"" help:"The erasure's id."`
	Watch bool      `help:"Go on until it is done."`
}

func (privacyErasureCommand) Help() string {
	return `Prints the erasure's row as JSON, what its workflow says of itself, and its certificates. Nothing of it names the person.`
}

func (e privacyErasureCommand) Run(ctx context.Context, c *cli) (err error) {
	o, err := openOffice(ctx, c)
	if err != nil {
		return err
	}
	defer o.close(&err)
	found, err := o.store.Erasure(ctx, e.ID)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(found); err != nil {
		return err
	}
	if found.EndedAt.IsZero() {
		run := o.temporal.GetWorkflow(ctx, erasure.WorkflowID(e.ID), "")
		if e.Watch {
			if err := follow[workflows.ErasureProgress](ctx, o.temporal, run, false); err != nil {
				return err
			}
		} else if value, err := o.temporal.QueryWorkflow(ctx, run.GetID(), "", workflows.ProgressQuery); err == nil {
			var now workflows.ErasureProgress
			if err := value.Get(&now); err != nil {
				return err
			}
			if err := printJSON("so far", now); err != nil {
				return err
			}
		}
	}
	return o.printCertificates(ctx, e.ID)
}

type privacyCertificateCommand struct {
	Verify privacyCertificateVerifyCommand `cmd:"" help:"Check the signature of certificates."`
	Key    privacyCertificateKeyCommand    `cmd:"" help:"Print the public key that certificates are verified with."`
}

type privacyCertificateKeyCommand struct{}

func (privacyCertificateKeyCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer p.close(&err)
	key, err := erasure.Key(ctx, p.keys)
	if err != nil {
		return err
	}
	_, err = fmt.Println(key)
	return err
}

type privacyCertificateVerifyCommand struct {
	File string `arg:"" type:"existingfile" help:"One certificate, as GET /v1/privacy/certificates/ID?format=text or the field note has it."`
	Key  string `help:"The public key, as 'meai privacy certificate key' prints it: then neither configuration nor keyring is needed." placeholder:"KEY"`
}

func (privacyCertificateVerifyCommand) Help() string {
	return `Prints what the certificate says, as JSON. Exit status: 0 it is signed by this system, 1 it is not.`
}

func (v privacyCertificateVerifyCommand) Run(ctx context.Context, c *cli) error {
	note, err := os.ReadFile(v.File)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	key, err := v.key(ctx, c)
	if err != nil {
		return err
	}
	found, err := erasure.OpenCertificate(key, note)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(found)
}

func (v privacyCertificateVerifyCommand) key(ctx context.Context, c *cli) (_ *signing.Public, err error) {
	if v.Key != "" {
		return signing.ParsePublic(v.Key)
	}
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return nil, err
	}
	defer p.close(&err)
	key, err := erasure.Key(ctx, p.keys)
	if err != nil {
		return nil, err
	}
	return &key.Public, nil
}
