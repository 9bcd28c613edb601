package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
)

// approvalCommand works with files alone: it needs neither configuration nor any
// engine. Approvals of a running system go through the API (docs/api.md).
type approvalCommand struct {
	Keygen  approvalKeygenCommand  `cmd:"" help:"Make an approver's key pair."`
	Request approvalRequestCommand `cmd:"" help:"Write a request for others to sign."`
	Sign    approvalSignCommand    `cmd:"" help:"Sign a request with one's own key."`
	Verify  approvalVerifyCommand  `cmd:"" help:"Check that a document approves an act."`
}

type approvalKeygenCommand struct {
	Principal uuid.UUID `arg:"" help:"The approver's id, as GET /v1/me shows it."`
	Private   string    `required:"" type:"path" help:"File for the private key (made with mode 0600, never replaced)." placeholder:"FILE"`
}

func (approvalKeygenCommand) Help() string {
	return `Prints the public key: add it to the file of approvers that 'meai approval verify' is given, on every machine
that may have to act when Temporal and PostgreSQL are gone.`
}

func (k approvalKeygenCommand) Run() error {
	private, public, err := approval.NewApproverKey(k.Principal)
	if err != nil {
		return err
	}
	if err := writeNew(k.Private, private+"\n"); err != nil {
		return err
	}
	_, err = fmt.Println(public)
	return err
}

type approvalRequestCommand struct {
	Act       string            `arg:"" enum:"elevate,decrypt,restore,early_delete,override_failover,hold,release_hold" help:"elevate, decrypt, restore, early_delete, override_failover, hold or release_hold."`
	Requester uuid.UUID         `required:"" help:"Your id, as GET /v1/me shows it."`
	Parameter map[string]string `help:"What exactly (repeatable), such as region=north." placeholder:"NAME=VALUE"`
	For       time.Duration     `default:"24h" help:"How long it holds."`
}

func (r approvalRequestCommand) Run() error {
	document, err := approval.NewDocument(approval.Act(r.Act), r.Parameter, r.Requester, time.Now().Add(r.For))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}

type approvalSignCommand struct {
	Document string `arg:"" type:"existingfile" help:"The request, signed by others or not yet."`
	Private  string `required:"" type:"existingfile" help:"Your private key." placeholder:"FILE"`
}

func (approvalSignCommand) Help() string {
	return `Read the request before you sign it: its text says all there is. The document with your signature is printed.`
}

func (s approvalSignCommand) Run() error {
	document, err := readDocument(s.Document)
	if err != nil {
		return err
	}
	private, err := os.ReadFile(s.Private)
	if err != nil {
		return fmt.Errorf("read the private key: %w", err)
	}
	signed, err := approval.SignDocument(document, string(private))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(signed)
	return err
}

type approvalVerifyCommand struct {
	Document  string            `arg:"" type:"existingfile" help:"The signed document."`
	Approvers string            `required:"" type:"existingfile" help:"Public keys of those who may approve, one on each line." placeholder:"FILE"`
	Act       string            `required:"" help:"The act that is to be approved."`
	Parameter map[string]string `help:"What exactly (repeatable)." placeholder:"NAME=VALUE"`
}

func (approvalVerifyCommand) Help() string { return `Exit status: 0 approved, 1 not.` }

func (v approvalVerifyCommand) Run() error {
	r, err := signedApproval(v.Document, v.Approvers, approval.Act(v.Act), v.Parameter)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("approved  %s %s\nuntil     %s\ndigest    %s\n", r.Act, strings.Trim(fmt.Sprint(r.Parameters), "map[]"), r.ExpiresAt.Format(time.RFC3339), r.Digest())
	return err
}

// signedApproval reads a document and the keys of those who may approve, and verifies that it
// approves an act, now.
func signedApproval(document, approvers string, act approval.Act, parameters map[string]string) (approval.Request, error) {
	text, err := readDocument(document)
	if err != nil {
		return approval.Request{}, err
	}
	keys, err := os.ReadFile(approvers)
	if err != nil {
		return approval.Request{}, fmt.Errorf("read the approvers' keys: %w", err)
	}
	return approval.VerifyDocument(text, string(keys), act, parameters, time.Now())
}

func readDocument(path string) (document []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the document: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return approval.ReadDocument(file)
}
