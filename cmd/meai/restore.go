package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/activities/backup/wal"
	"meai/internal/custody"
	"meai/internal/pgserver"
)

type restoreCommand struct {
	Into      string   `arg:"" type:"path" help:"A new or empty folder, on a disk with room for the cluster. The same folder goes on with what was begun in it."`
	From      string   `help:"Bucket of the backups; backup.bucket when left out." placeholder:"URL"`
	To        string   `help:"The moment (RFC 3339) or the position (LSN) to restore to; the newest when left out." placeholder:"TIME|LSN"`
	Backup    string   `help:"The backup to begin with; the newest proven one before the moment when left out." placeholder:"ID"`
	Index     bool     `help:"Restore Weaviate as well."`
	Weaviate  string   `type:"path" help:"Weaviate's server, for --index; backup.weaviate_binary when left out." placeholder:"FILE"`
	Custodian []string `type:"path" help:"Private key of a custodian; two different ones are needed." placeholder:"FILE"`
	Approval  string   `type:"path" help:"The approval, signed by two others ('meai approval')." placeholder:"FILE"`
	Approvers string   `type:"path" help:"Public keys of those who may approve." placeholder:"FILE"`
	Plan      bool     `help:"Show what would be done and what would be lost, and do nothing. Needs no keys."`
	Despite   bool     `name:"despite-damage" help:"Go on although descriptions of other backups or marks in the bucket are damaged."`
	Unsigned  bool     `help:"Do not ask whether this system signed the backups. For when no replica of the keyring is left: then people's words stay unreadable, too."`
}

func (restoreCommand) Help() string {
	return `Restores PostgreSQL, with Temporal in it, and Weaviate on demand, from the bucket alone: neither Temporal nor PostgreSQL need be
there, only this program, PostgreSQL's server binaries of the backup's major version, two custodians' keys, and the keyring. It
never touches what is there. What is done is in the folder's journal: when it was broken off, the same command goes on.

  meai restore /srv/restored --plan                            what would be done, what would be lost
  meai approval request restore --requester ME --parameter backup=ID > request     sign it by two others
  meai restore /srv/restored --custodian anna.key --custodian bo.key --approval signed --approvers approvers

The cluster is checked, and left stopped and quarantined: docs/runbooks/restore.md says how it is taken into use.`
}

func (r restoreCommand) Run(ctx context.Context, c *cli) (err error) {
	p, repo, err := r.open(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	restorer, err := r.restorer(ctx, p, repo)
	if err != nil {
		return err
	}
	plan, err := r.plan(ctx, restorer)
	if err != nil {
		return err
	}
	showPlan(plan)
	if r.Plan {
		return nil
	}
	if plan.Approval, err = r.approved(plan); err != nil {
		return err
	}
	run, err := restorer.Begin(plan, r.Into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	return r.do(ctx, run)
}

// open reads the configuration, and the keyring unless it is gone.
func (r restoreCommand) open(ctx context.Context, c *cli) (*parts, *repository.Repository, error) {
	if !r.Unsigned {
		if r.From != "" {
			if err := os.Setenv("MEAI_BACKUP_BUCKET", r.From); err != nil {
				return nil, nil, err
			}
		}
		return openBackups(ctx, c)
	}
	p := &parts{}
	var err error
	if p.config, err = c.load(); err != nil {
		return nil, nil, err
	}
	url := r.From
	if url == "" {
		url = p.config.Backup.Bucket
	}
	repo, err := repository.Open(ctx, url, nil)
	if err != nil {
		return nil, nil, err
	}
	p.closing(repo.Close)
	return p, repo, nil
}

func (r restoreCommand) restorer(ctx context.Context, p *parts, repo *repository.Repository) (*restore.Restorer, error) {
	account, err := pgserver.Unprivileged()
	if err != nil {
		return nil, err
	}
	restorer := &restore.Restorer{Repository: repo, Despite: r.Despite, Account: account, Weaviate: r.Weaviate, Database: p.productDatabase(), Temporal: p.config.Backup.Temporal}
	if restorer.Weaviate == "" {
		restorer.Weaviate = p.config.Backup.WeaviateBinary
	}
	if restorer.Second, err = p.second(ctx); err != nil {
		return nil, err
	}
	if r.Plan {
		return restorer, nil
	}
	if len(r.Custodian) < 2 {
		return nil, errors.New("two custodians' keys are needed: --custodian FILE --custodian FILE")
	}
	var custodians []custody.Identity
	for _, path := range r.Custodian {
		identity, err := readIdentity(path)
		if err != nil {
			return nil, err
		}
		custodians = append(custodians, identity)
	}
	restorer.Keys = repo.CustodiansKeys(custodians...)
	return restorer, nil
}

// plan is that of the restore which was begun in the folder, or a new one.
func (r restoreCommand) plan(ctx context.Context, restorer *restore.Restorer) (restore.Plan, error) {
	if plan, ok, err := restore.Resumable(r.Into); ok || err != nil {
		fmt.Println("going on with what was begun in", r.Into)
		return plan, err
	}
	target, err := r.target()
	if err != nil {
		return restore.Plan{}, err
	}
	return restorer.Plan(ctx, target)
}

func (r restoreCommand) target() (restore.Target, error) {
	t := restore.Target{Backup: r.Backup, Index: r.Index}
	if r.To == "" {
		return t, nil
	}
	if strings.Contains(r.To, "/") {
		_, err := wal.ParseLSN(r.To)
		t.LSN = r.To
		return t, err
	}
	at, err := time.Parse(time.RFC3339, r.To)
	if err != nil {
		return t, fmt.Errorf("--to %q is neither a time such as 2026-11-27T05:00:00Z nor a position such as 16/B374D848", r.To)
	}
	t.Time = at
	return t, nil
}

func showPlan(p restore.Plan) {
	fmt.Printf("backup    %s (%s, %s ago)\n", p.Backup, p.State, ago(p.TakenAt))
	if p.IndexBackup != "" {
		fmt.Printf("index     %s\n", p.IndexBackup)
	}
	fmt.Printf("log       %s to %s, %d segments\n", p.From, p.To, p.Segments)
	fmt.Printf("fetches   %s; needs %s of disk\n", size(p.Bytes), size(p.Space))
	for _, note := range p.Notes {
		fmt.Println("note     ", note)
	}
}

// approved verifies the signed document, and answers with the id that it has in records.
func (r restoreCommand) approved(p restore.Plan) (uuid.UUID, error) {
	if r.Approval == "" || r.Approvers == "" {
		return uuid.Nil, fmt.Errorf("a restore takes the approval of two others: 'meai approval request restore --parameter backup=%s', then --approval and --approvers", p.Backup)
	}
	request, err := signedApproval(r.Approval, r.Approvers, approval.Restore, map[string]string{"backup": p.Backup})
	if err != nil {
		return uuid.Nil, err
	}
	return request.ID, nil
}

func (r restoreCommand) do(ctx context.Context, run *restore.Run) error {
	shown := bars{}
	begun := time.Now()
	var problems []string
	for _, step := range restore.Steps() {
		done, err := run.Do(ctx, step, func(done, total int64) {
			// A bar that cannot be drawn is no reason to stop.
			_ = shown.at(step, done, total)
		})
		if err := errors.Join(err, shown.end()); err != nil {
			return err
		}
		fmt.Printf("%-10s  done in %.1f s  %s\n", step, done.Seconds, pairs(done.Found))
		problems = append(problems, done.Problems...)
	}
	fmt.Printf("restored into %s in %s. Measured: RTO %.1f s, RPO %s\n", r.Into, time.Since(begun).Round(time.Second), run.Seconds(), run.Lost())
	return unsound(problems)
}

func pairs(found map[string]string) string { return strings.Trim(fmt.Sprint(found), "map[]") }
