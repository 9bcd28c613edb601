package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/backup/people"
	"meai/activities/privacy/export"
	"meai/internal/audit"
	"meai/internal/postgres/queries"
)

type backupPeopleCommand struct {
	List   backupPeopleListCommand   `cmd:"" help:"List a person's archives."`
	Check  backupPeopleCheckCommand  `cmd:"" help:"Read an archive to its end, and say what it holds, without showing it."`
	Export backupPeopleExportCommand `cmd:"" help:"Write an archive for the person it is of, encrypted to them."`
}

func (backupPeopleCommand) Help() string {
	return `An archive is all that was stored of one person at one moment, under their own key, for seven years (backup.archive). These
commands need that bucket and the keyring, and neither PostgreSQL nor Temporal: an archive is for when those are gone.`
}

// archived is a person's archive.
type archived struct {
	Subject uuid.UUID `arg:"" help:"The person's id."`
	Name    string    `arg:"" optional:"" help:"The archive, as 'list' names it; the newest without."`
}

// openArchives opens the bucket of people's archives, and nothing else.
func openArchives(ctx context.Context, c *cli) (*parts, *people.Archives, error) {
	p, err := open(ctx, c, "meai-backup")
	if err != nil {
		return nil, nil, err
	}
	of, err := p.peopleArchives(ctx, nil)
	if err == nil && of == nil {
		err = errors.New("backup.archive is not set: there are no archives of people")
	}
	if err != nil {
		p.close(&err)
		return nil, nil, err
	}
	return p, of, nil
}

// find is the archive's name, which must be one of the person's.
func (a archived) find(ctx context.Context, of *people.Archives) (string, error) {
	all, err := of.List(ctx, a.Subject)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errors.New("there is no archive of this person")
	case a.Name == "":
		return all[len(all)-1].Name, nil
	case !slices.ContainsFunc(all, func(k people.Kept) bool { return k.Name == a.Name }):
		return "", errors.New("this person has no archive of that name: 'meai backup people list' names them")
	}
	return a.Name, nil
}

type backupPeopleListCommand struct {
	Subject uuid.UUID `arg:"" help:"The person's id."`
}

func (l backupPeopleListCommand) Run(ctx context.Context, c *cli) (err error) {
	p, of, err := openArchives(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	all, err := of.List(ctx, l.Subject)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	lines := []error{line(w, "as of\tkept until\tarchive")}
	for _, k := range all {
		lines = append(lines, line(w, "%s\t%s\t%s", k.Begun.UTC().Format(time.DateTime), people.ExpiresAt(k.Name).UTC().Format(time.DateOnly), k.Name))
	}
	return errors.Join(append(lines, w.Flush())...)
}

type backupPeopleCheckCommand struct{ archived }

func (backupPeopleCheckCommand) Help() string {
	return `Opens the archive with the person's key, reads every row and compares the sum at its end. It shows names of tables and counts.`
}

func (k backupPeopleCheckCommand) Run(ctx context.Context, c *cli) (err error) {
	p, of, err := openArchives(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	name, err := k.find(ctx, of)
	if err != nil {
		return err
	}
	header, err := of.Check(ctx, k.Subject, name)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsound, err)
	}
	fmt.Printf("archive   %s\nas of     %s\nwhole     %d rows\n", name, header.Begun.UTC().Format(time.DateTime), header.Rows())
	for _, table := range slices.Sorted(maps.Keys(header.Tables)) {
		if n := header.Tables[table].Rows; n > 0 {
			fmt.Printf("          %-24s %d\n", table, n)
		}
	}
	return nil
}

type backupPeopleExportCommand struct {
	archived
	To         string `required:"" type:"path" placeholder:"FILE" help:"Where to write it. There must be no such file."`
	Recipient  string `placeholder:"KEY" help:"The person's public key, as age-keygen prints it. Without one a passphrase is asked for, or read from standard input."`
	Approval   string `required:"" type:"existingfile" placeholder:"FILE" help:"The approval of two others ('meai approval')."`
	Approvers  string `required:"" type:"existingfile" placeholder:"FILE" help:"Public keys of those who may approve, one on each line."`
	Minutes    int    `default:"60" help:"For how many minutes the approval was asked."`
	Unrecorded bool   `help:"Do not write to the audit log, because PostgreSQL is gone. Keep the approval instead."`
}

func (backupPeopleExportCommand) Help() string {
	return `What the archive holds is opened on its way and encrypted to the person at once; nothing of it is written in the clear. The file is
lines of JSON: first what it is, then a row each. Reading somebody's words takes the approval of two others for exactly this person:

  meai approval request decrypt --requester ME --parameter subject=ID --parameter minutes=60 > request     sign it by two others
  meai backup people export ID --to ann.age --recipient age1… --approval signed --approvers approvers

It is noted in the audit log before anything is read.`
}

func (e backupPeopleExportCommand) Run(ctx context.Context, c *cli) (err error) {
	lock := export.Lock{Recipient: e.Recipient}
	if e.Recipient == "" {
		if lock.Passphrase, err = readPassphrase(); err != nil {
			return err
		}
		if wrong := export.CheckPassphrase(lock.Passphrase); wrong != "" {
			return errors.New("the passphrase " + wrong)
		}
	} else if !export.CheckRecipient(e.Recipient) {
		return errors.New("--recipient is no public key as age-keygen prints it")
	}
	request, err := signedApproval(e.Approval, e.Approvers, approval.Decrypt,
		map[string]string{"subject": e.Subject.String(), "minutes": strconv.Itoa(e.Minutes)})
	if err != nil {
		return err
	}
	p, of, err := openArchives(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	name, err := e.find(ctx, of)
	if err != nil {
		return err
	}
	if !e.Unrecorded {
		if err := p.noteOpened(ctx, e.Subject, request); err != nil {
			return fmt.Errorf("note in the audit log who reads: %w", err)
		}
	}
	if err := e.write(ctx, of, name, lock); err != nil {
		return err
	}
	fmt.Printf("archive   %s\nwritten   %s\n", name, e.To)
	return nil
}

// noteOpened writes down that a person's archive is read, and who asked for it.
func (p *parts) noteOpened(ctx context.Context, subject uuid.UUID, request approval.Request) error {
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	log, _, err := p.records(ctx, db)
	if err != nil {
		return err
	}
	object, err := log.Object(ctx, audit.Subject, subject.String())
	if err != nil {
		return err
	}
	requester, err := log.Person(ctx, request.Requester)
	if err != nil {
		return err
	}
	return db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		_, err := audit.Append(ctx, q, audit.Entry{
			Actor: requester, Role: "operator", Act: audit.BackupOpened, Kind: audit.Subject, Object: object,
			Outcome: audit.Succeeded, Reason: string(request.Act), Approval: request.ID.String(),
		})
		return err
	})
}

// write leaves a whole file, or none.
func (e backupPeopleExportCommand) write(ctx context.Context, of *people.Archives, name string, lock export.Lock) (err error) {
	file, err := os.OpenFile(e.To, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(e.To))
		}
	}()
	sealing, err := lock.Encrypt(ctx, file)
	if err != nil {
		return err
	}
	if err := of.Export(ctx, e.Subject, name, sealing); err != nil {
		return err // without its end the file does not open
	}
	if err := sealing.Close(); err != nil {
		return fmt.Errorf("end the file: %w", err)
	}
	return file.Sync()
}
