package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/keyring"
	"meai/internal/signing"
)

type backupCommand struct {
	Status    backupStatusCommand    `cmd:"" help:"Is there a proven backup, how old, and how far behind is the archive?"`
	List      backupListCommand      `cmd:"" help:"List the backups in the bucket."`
	Show      backupShowCommand      `cmd:"" help:"Print what is known of one backup."`
	Take      backupTakeCommand      `cmd:"" help:"Take a backup and prove it by restoring it."`
	Prove     backupProveCommand     `cmd:"" help:"Prove a backup once more."`
	Mark      backupMarkCommand      `cmd:"" help:"Mark what the database holds: a point to restore to and compare with."`
	Check     backupCheckCommand     `cmd:"" help:"Look whether everything in the bucket is there and as it was written."`
	Hold      backupHoldCommand      `cmd:"" help:"Keep a backup from expiring."`
	Release   backupReleaseCommand   `cmd:"" help:"Let a held backup expire again."`
	Keep      backupKeepCommand      `cmd:"" help:"Delete what is older than it has to be kept, where later ones are proven."`
	People    backupPeopleCommand    `cmd:"" help:"List, check and export the archives of one person."`
	Archive   backupArchiveCommand   `cmd:"" help:"Bring the write-ahead log to the bucket, for as long as this runs."`
	Push      backupPushCommand      `cmd:"" help:"Bring one piece of write-ahead log to the bucket (PostgreSQL's archive_command)."`
	Drill     backupDrillCommand     `cmd:"" help:"Plant what can go wrong on a small cluster of its own, and look whether all of it is detected."`
	Upload    backupUploadCommand    `cmd:"" name:"drill-upload" hidden:"" help:"Upload until a drill kills it."`
	Custodian backupCustodianCommand `cmd:"" help:"Make the key pair of a custodian, or of the prover."`
}

// errUnsound: something is wrong with what is in the bucket.
var errUnsound = errors.New("something is wrong with the backups")

// backupSigner names the key that signs descriptions of backups.
const (
	backupSigner  = "meai-backups"
	backupPurpose = keyring.Purpose("backup-descriptions")
)

// repository opens the bucket of the backups.
func (p *parts) repository(ctx context.Context) (*repository.Repository, error) {
	if p.config.Backup.Bucket == "" {
		return nil, errors.New("backup.bucket is not set: there are no backups")
	}
	signer, err := signing.Derive(ctx, p.keys, backupSigner, backupPurpose)
	if err != nil {
		return nil, err
	}
	r, err := repository.Open(ctx, p.config.Backup.Bucket, signer)
	if err != nil {
		return nil, err
	}
	p.closing(r.Close)
	return r, nil
}

func (p *parts) recipients() (custody.Recipients, error) {
	r, err := custody.ParseRecipients(p.config.Backup.Custodians, p.config.Backup.Prover)
	if err != nil {
		return custody.Recipients{}, fmt.Errorf("backup.custodians: %w", err)
	}
	return r, nil
}

// openBackups opens what looking at the bucket needs: neither Temporal nor PostgreSQL.
func openBackups(ctx context.Context, c *cli) (*parts, *repository.Repository, error) {
	p, err := open(ctx, c, "meai-backup")
	if err != nil {
		return nil, nil, err
	}
	r, err := p.repository(ctx)
	if err != nil {
		p.close(&err)
		return nil, nil, err
	}
	return p, r, nil
}

type backupListCommand struct {
	JSON bool `help:"Print JSON."`
	All  bool `help:"Those that have expired as well."`
}

func (backupListCommand) Help() string {
	return `Reads the bucket alone. A backup is "taken" when all its parts are there, "verified" when each was read again, opened and
compared, "proven" when it was restored and what came back was compared with what there was, "failed" when something is wrong
with it ('meai backup show' says what), "expired" when its parts were deleted.`
}

func (l backupListCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	entries, err := r.Catalogue(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsound, err)
	}
	if l.JSON {
		return json.NewEncoder(os.Stdout).Encode(entries)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	lines := []error{line(w, "backup\tstate\ttaken\tsize\tproven\theld")}
	for _, e := range entries {
		if e.State() == repository.Expired && !l.All {
			continue
		}
		lines = append(lines, line(w, "%s\t%s\t%s ago\t%s\t%s\t%s", e.ID, e.State(), ago(e.EndedAt), size(e.Size()), since(e.Reported(repository.Proven)), yes(e.Held())))
	}
	return errors.Join(append(lines, w.Flush())...)
}

func line(w *tabwriter.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format+"\n", args...)
	return err
}

func ago(t time.Time) string {
	passed := time.Since(t)
	if passed < 48*time.Hour {
		return passed.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(passed.Hours()/24))
}

func since(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return ago(t) + " ago"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	default:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
}

type backupShowCommand struct {
	Backup string `arg:"" help:"The backup's id."`
}

func (s backupShowCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	entry, err := r.Entry(ctx, s.Backup)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(entry)
}

type backupCustodianCommand struct {
	Name    string `arg:"" help:"Of the custodian, in small letters; 'prover' for the prover."`
	Private string `required:"" type:"path" help:"File for the private key (made with mode 0600, never replaced)." placeholder:"FILE"`
}

func (backupCustodianCommand) Help() string {
	return `Prints what belongs into backup.custodians (or backup.prover). Every backup is sealed so that any two custodians together can
open it, and none alone: each makes their own key, on their own machine, and keeps it where the others cannot reach it.
Nobody can bring back a backup when all but one of these keys are lost.`
}

func (k backupCustodianCommand) Run() error {
	private, public, err := custody.NewIdentity()
	if err != nil {
		return err
	}
	if err := writeNew(k.Private, fmt.Sprintf("# MeAi, custodian %s, made %s\n%s\n", k.Name, time.Now().UTC().Format(time.DateOnly), private)); err != nil {
		return err
	}
	if k.Name == "prover" {
		_, err = fmt.Println(public)
		return err
	}
	_, err = fmt.Printf("%s=%s\n", k.Name, public)
	return err
}

// writeNew writes a private file that did not exist.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the key's file: %w", err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	return nil
}

func readIdentity(path string) (custody.Identity, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return custody.Identity{}, fmt.Errorf("read a private key: %w", err)
	}
	identity, err := custody.ParseIdentity(string(text))
	if err != nil {
		return custody.Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return identity, nil
}
