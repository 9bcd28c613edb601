package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/backup/quarantine"
	"meai/activities/escalation"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/signing"
)

// errTampered ends a verification with exit status 2, apart from the 1 of one that
// could not be done.
var errTampered = errors.New("not as it was written")

type auditCommand struct {
	Verify     auditVerifyCommand     `cmd:"" help:"Compute the log anew and hold it against every signed checkpoint."`
	Export     auditExportCommand     `cmd:"" help:"Write the log and its checkpoints to a file that can be verified offline."`
	Checkpoint auditCheckpointCommand `cmd:"" help:"Sign the log as it is now and commit that to the ledger."`
	Key        auditKeyCommand        `cmd:"" help:"Print the public key that checkpoints are signed with."`
	Object     auditObjectCommand     `cmd:"" help:"Print what stands in entries for a person, a role, an approval or another object."`
}

type auditVerifyCommand struct {
	Export string `help:"Verify this export instead of the database." type:"existingfile" placeholder:"FILE"`
	Key    string `help:"Public key, as 'meai audit key' printed it earlier. With --export, neither configuration nor keyring is needed then." placeholder:"KEY"`
}

func (auditVerifyCommand) Help() string {
	return `Reads only; uses postgres.reader_url where it is set. Every hash is computed from the entries and compared with
the stored ones and with the checkpoints in the database and in the ledger.

Exit status: 0 intact, 2 tampered with, 1 could not be verified.`
}

func (v auditVerifyCommand) Run(ctx context.Context, c *cli) (err error) {
	if v.Export != "" && v.Key != "" {
		key, err := signing.ParsePublic(v.Key)
		if err != nil {
			return err
		}
		return verifyExport(key, v.Export)
	}
	p, err := open(ctx, c, "meai-audit")
	if err != nil {
		return err
	}
	defer p.close(&err)
	key, err := v.key(ctx, p)
	if err != nil {
		return err
	}
	if v.Export != "" {
		return verifyExport(key, v.Export)
	}
	stored, err := p.auditCopy(ctx)
	if err != nil {
		return err
	}
	return verifyAudit(key, stored)
}

// key is the one that was given or the keyring's. A key that was noted down earlier
// shows also that the keyring was exchanged.
func (v auditVerifyCommand) key(ctx context.Context, p *parts) (*signing.Public, error) {
	if v.Key != "" {
		return signing.ParsePublic(v.Key)
	}
	key, err := audit.New(audit.Options{Keys: p.keys}).Key(ctx)
	if err != nil {
		return nil, err
	}
	return &key.Public, nil
}

func verifyExport(key *signing.Public, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the export: %w", err)
	}
	defer file.Close()
	stored, err := audit.InExport(file)
	if err != nil {
		return err
	}
	return verifyAudit(key, stored)
}

func verifyAudit(key *signing.Public, stored audit.Copy) error {
	report, err := audit.Verify(key, stored.Records, stored.Statements)
	if err != nil {
		return err
	}
	fmt.Printf("key          %s\nentries      %d\nroot         %s\n", key, report.Entries, report.Root)
	fmt.Printf("checkpoints  %d in the database and %d in the ledger agree; the newest covers %d entries\n",
		report.Checkpoints["database"], report.Checkpoints["ledger"], report.Signed)
	if newer := report.Entries - report.Signed; newer > 0 && report.Intact() {
		fmt.Printf("note: %d entries have no checkpoint yet; the database alone answers for their being all\n", newer)
	}
	for _, lost := range report.Lost {
		fmt.Println("lost:", lost)
	}
	for _, note := range report.Notes {
		fmt.Println("note:", note)
	}
	if report.Intact() {
		fmt.Println("intact")
		return nil
	}
	for _, finding := range report.Findings {
		fmt.Println(finding)
	}
	return fmt.Errorf("the audit log is %w: %d findings", errTampered, len(report.Findings))
}

// auditCopy is the log in the database with the checkpoints of database and ledger.
func (p *parts) auditCopy(ctx context.Context) (audit.Copy, error) {
	acts, err := p.ledger(ctx)
	if err != nil {
		return audit.Copy{}, err
	}
	inLedger, err := audit.InLedger(ctx, acts)
	if err != nil {
		return audit.Copy{}, err
	}
	db, err := p.reader(ctx)
	if err != nil {
		return audit.Copy{}, err
	}
	stored, err := audit.InDatabase(ctx, db)
	stored.Statements = slices.Concat(stored.Statements, inLedger)
	return stored, err
}

type auditExportCommand struct {
	File string `arg:"" help:"File to make; it must not exist." type:"path"`
}

func (e auditExportCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-audit")
	if err != nil {
		return err
	}
	defer p.close(&err)
	stored, err := p.auditCopy(ctx)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(e.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the export: %w", err)
	}
	entries, err := audit.Export(file, stored)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	fmt.Printf("%d entries and %d checkpoints written.\n", entries, len(stored.Statements))
	return nil
}

type auditCheckpointCommand struct{}

func (auditCheckpointCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-audit")
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
	checkpoint, err := log.Checkpoint(ctx, committer)
	if err != nil {
		return err
	}
	fmt.Print(checkpoint.Note)
	return nil
}

type auditKeyCommand struct{}

func (auditKeyCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-audit")
	if err != nil {
		return err
	}
	defer p.close(&err)
	key, err := audit.New(audit.Options{Keys: p.keys}).Key(ctx)
	if err != nil {
		return err
	}
	fmt.Println(key)
	return nil
}

// actorKind asks for what stands in entries for who acted.
const actorKind audit.Kind = "actor"

type auditObjectCommand struct {
	Kind string `arg:"" help:"Such as subject, role (the id of the approval that gave it), api_key, approval, workflow or route; actor for who acted."`
	ID   string `arg:"" help:"Its id."`
}

func (auditObjectCommand) Help() string {
	return `Entries name objects by an HMAC, so that the log alone tells nobody who they are about. With it the API answers what was done to
one: GET /v1/audit/entries?object=HMAC. Who acted stands in an entry under an alias, which is an HMAC too: with the kind "actor" this
prints that of an id. Needs the keyring; reads neither log nor database.`
}

func (o auditObjectCommand) Run(ctx context.Context, c *cli) (err error) {
	kind := audit.Kind(o.Kind)
	if kinds := audit.Kinds(); !slices.Contains(kinds, kind) && kind != actorKind {
		return fmt.Errorf("there is no kind %q; there are %q and %q", kind, kinds, actorKind)
	}
	p, err := open(ctx, c, "meai-audit")
	if err != nil {
		return err
	}
	defer p.close(&err)
	log := audit.New(audit.Options{Keys: p.keys})
	if kind == actorKind {
		id, err := uuid.Parse(o.ID)
		if err != nil {
			return fmt.Errorf("read the id: %w", err)
		}
		actor, err := log.Person(ctx, id)
		if err != nil {
			return err
		}
		fmt.Println(actor)
		return nil
	}
	object, err := log.Object(ctx, kind, o.ID)
	if err != nil {
		return err
	}
	fmt.Println(object)
	return nil
}

// ledger opens the stores of the ledger.
func (p *parts) ledger(ctx context.Context) (*ledger.Ledger, error) {
	l, err := ledger.Open(ctx, ledger.Options{
		Buckets: ledger.Buckets(p.config.Ledger.Buckets), Key: ledger.KeyOf(p.keys), Logger: p.telemetry.Logger,
	})
	if err != nil {
		return nil, err
	}
	p.closing(l.Close)
	return l, nil
}

// records are the audit log and the committer of acts on one database.
func (p *parts) records(ctx context.Context, db *postgres.DB) (*audit.Log, *ledger.Committer, error) {
	l, err := p.ledger(ctx)
	if err != nil {
		return nil, nil, err
	}
	log := audit.New(audit.Options{
		DB: db, Keys: p.keys, Logger: p.telemetry.Logger,
		Interval: p.config.Audit.Interval, Entries: p.config.Audit.Entries,
	})
	approvals, consents := p.approvals(db, log), p.consents(db, log)
	return log, ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{
		ledger.AuditCheckpoint:   log.ApplyCheckpoint,
		ledger.ApprovalGiven:     approvals.ApplyGiven,
		ledger.ApprovalUsed:      approvals.ApplyUsed,
		ledger.ErasureCompleted:  keys.ApplyErased(log, p.keys),
		ledger.EpochBegun:        quarantine.ApplyEpoch(log),
		ledger.EscalationTold:    escalation.ApplyTold,
		ledger.HoldPlaced:        requests.ApplyPlaced(log),
		ledger.HoldReleased:      requests.ApplyReleased(log),
		ledger.ConsentWithdrawn:  consents.ApplyWithdrawn,
		ledger.RestrictionPlaced: consents.ApplyRestricted,
		ledger.RestrictionLifted: consents.ApplyLifted,
		ledger.ErasureRequested:  erasure.ApplyRequested(p.keys, log),
		ledger.ErasureCancelled:  erasure.ApplyCancelled(log),
		ledger.MemoryForgotten:   memory.ApplyForgotten(p.keys),
	}), nil
}

// approvals are the approvals of one database.
func (p *parts) approvals(db *postgres.DB, log *audit.Log) *approval.Store {
	return &approval.Store{DB: db, Keys: p.keys, Audit: log}
}

// keepRecords applies the ledger to the database and makes checkpoints, in the
// background until the process ends. It begins once held is closed: a process with
// another system's keyring must not sign anything.
func (p *parts) keepRecords(ctx context.Context, log *audit.Log, committer *ledger.Committer, held <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, keep := range []func(){
		func() { committer.Keep(ctx, p.config.Ledger.Replay) },
		func() { log.KeepCheckpoints(ctx, committer) },
	} {
		running.Go(func() {
			select {
			case <-held:
				keep()
			case <-ctx.Done():
			}
		})
	}
	p.closing(func() error { cancel(); running.Wait(); return nil })
}

// reader is the database as who only reads, in quarantine as well.
func (p *parts) reader(ctx context.Context) (*postgres.DB, error) {
	if p.config.Postgres.ReaderURL == "" {
		return p.openDatabase(ctx, true)
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: p.config.Postgres.ReaderURL, TLS: p.postgresTLS(), Quarantine: true, Logger: p.telemetry.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	p.closing(func() error { db.Close(); return nil })
	return db, nil
}
