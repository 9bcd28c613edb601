package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/term"

	"meai/activities/privacy/export"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/signing"
)

// exports opens the bucket of exports.
func (p *parts) exports(ctx context.Context, db *postgres.DB, log *audit.Log) (*export.Exports, error) {
	store, err := objects.OpenErasable(ctx, p.config.Privacy.Exports)
	if err != nil {
		return nil, fmt.Errorf("privacy.exports: %w", err)
	}
	p.closing(store.Close)
	return &export.Exports{Store: store, DB: db, Keyring: p.keys, Audit: log, Register: access{requests.NewStore(db, p.keys)}, Lifetime: p.config.Privacy.ExportLifetime, Version: version}, nil
}

// exportFile is an export that a person has fetched, and what opens it.
type exportFile struct {
	File     string `arg:"" type:"existingfile" help:"The export, encrypted as it was fetched, or the zip in it."`
	Identity string `type:"existingfile" placeholder:"FILE" help:"File with the private key that it is encrypted to, as age-keygen writes it. Without it the passphrase is asked for, or read from standard input."`
	Key      string `placeholder:"KEY" help:"Public key of the system that it should be from, as GET /v1/privacy/exports shows it (signing_key)."`
}

const exportFileHelp = `Without --key it is shown that the archive is in one piece, and which key has signed it; that the key is MeAi's
only the key itself can show. Needs no configuration, no keyring and no network.

Exit status: 0 as it was written, 2 not, 1 could not be read.`

// opened is an archive whose manifest was verified.
type openedExport struct {
	*export.Archive
	content io.ReaderAt
	size    int64
	file    *os.File
}

// open decrypts and opens the archive; errors of what was changed are errTampered.
func (f exportFile) open() (_ *openedExport, err error) {
	var key *signing.Public
	if f.Key != "" {
		if key, err = signing.ParsePublic(f.Key); err != nil {
			return nil, err
		}
	}
	file, err := os.Open(f.File)
	if err != nil {
		return nil, fmt.Errorf("open the export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	o := &openedExport{file: file}
	if o.content, o.size, err = f.decrypt(file); err != nil {
		return nil, err
	}
	if o.Archive, err = export.Open(o.content, o.size, key); err != nil {
		return nil, tampered(err)
	}
	return o, nil
}

func tampered(err error) error {
	if errors.Is(err, export.ErrForged) || errors.Is(err, export.ErrAltered) {
		return fmt.Errorf("%w: %w", errTampered, err)
	}
	return err
}

// decrypt reads a file that is encrypted wherever it is asked to, so that nothing of it
// is written to disk in the clear.
func (f exportFile) decrypt(file *os.File) (io.ReaderAt, int64, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("look at the export: %w", err)
	}
	start := make([]byte, 4)
	if _, err := file.ReadAt(start, 0); err != nil && err != io.EOF {
		return nil, 0, fmt.Errorf("read the export: %w", err)
	}
	if string(start) == "PK\x03\x04" {
		return file, info.Size(), nil
	}
	identities, err := f.identities()
	if err != nil {
		return nil, 0, err
	}
	content, size, err := age.DecryptReaderAt(file, info.Size(), identities...)
	if err != nil {
		return nil, 0, fmt.Errorf("decrypt the export: %w", err)
	}
	return content, size, nil
}

func (f exportFile) identities() ([]age.Identity, error) {
	if f.Identity != "" {
		text, err := os.Open(f.Identity)
		if err != nil {
			return nil, fmt.Errorf("read the private key: %w", err)
		}
		identities, err := age.ParseIdentities(text)
		if err := errors.Join(err, text.Close()); err != nil {
			return nil, fmt.Errorf("%s holds no private key as age-keygen writes it", f.Identity)
		}
		return identities, nil
	}
	passphrase, err := readPassphrase()
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("use the passphrase: %w", err)
	}
	identity.SetMaxWorkFactor(export.WorkFactor)
	return []age.Identity{identity}, nil
}

// readPassphrase asks for it without showing it, or reads a line of standard input.
func readPassphrase() (string, error) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Fprint(os.Stderr, "Passphrase: ")
		text, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return "", fmt.Errorf("read the passphrase: %w", err)
		}
		return string(text), nil
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (o *openedExport) close(err *error) { *err = errors.Join(*err, o.file.Close()) }

// check reads all of it.
func (o *openedExport) check(ctx context.Context) error { return tampered(o.Check(ctx, nil)) }

// describe prints what it is.
func (o *openedExport) describe(given bool) {
	m := o.Manifest
	fmt.Printf("export     %s\nof         %s\ntaken      %s by %s %s\nfiles      %d, %d bytes\nrecords    %d\nsigned by  %s\n",
		m.Export, m.Subject, m.TakenAt.Format(time.RFC3339), m.Product, m.Version, len(m.Files), m.Bytes(), m.Rows(), o.Key)
	if !given {
		fmt.Println("note: the key is the archive's own; compare it with signing_key of GET /v1/privacy/exports, or give it as --key")
	}
}

type privacyVerifyExportCommand struct {
	exportFile `embed:""`
}

func (privacyVerifyExportCommand) Help() string { return exportFileHelp }

// Run verifies an export.
func (v privacyVerifyExportCommand) Run(ctx context.Context) (err error) {
	o, err := v.open()
	if err != nil {
		return err
	}
	defer o.close(&err)
	o.describe(v.Key != "")
	if err := o.check(ctx); err != nil {
		return err
	}
	fmt.Println("intact")
	return nil
}

type privacyOpenExportCommand struct {
	exportFile `embed:""`
	Out        string `required:"" placeholder:"FILE" help:"The zip to write, readable by you alone. It must not exist."`
}

func (privacyOpenExportCommand) Help() string {
	return "Decrypts an export into the zip that is in it, after it was verified.\n\n" + exportFileHelp
}

// Run decrypts an export. The file appears under its name once it is whole.
func (c privacyOpenExportCommand) Run(ctx context.Context) (err error) {
	o, err := c.open()
	if err != nil {
		return err
	}
	defer o.close(&err)
	o.describe(c.Key != "")
	if err := o.check(ctx); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(c.Out), ".export-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the zip: %w", err)
	}
	defer func() {
		if removed := os.Remove(out.Name()); removed != nil {
			err = errors.Join(err, fmt.Errorf("remove a temporary file: %w", removed))
		}
	}()
	_, err = io.Copy(out, io.NewSectionReader(o.content, 0, o.size))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("write the zip: %w", err)
	}
	if err := os.Link(out.Name(), c.Out); err != nil { // fails when the name is taken
		return fmt.Errorf("name the zip: %w", err)
	}
	fmt.Println("written to", c.Out)
	return nil
}
