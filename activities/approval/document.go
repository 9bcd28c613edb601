package approval

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
)

// A document is an approval that needs neither Temporal nor PostgreSQL: for the
// hour in which both are gone. It is a signed note (golang.org/x/mod/sumdb/note):
// the canonical text of the request, an empty line, and one line for each
// signature. Each approver has an Ed25519 key of their own; who verifies has a
// list of their public keys.

// ErrDocument: a document does not approve the act. The text says why.
var ErrDocument = errors.New("approval: the document does not count")

// maxDocument bounds what is parsed.
const maxDocument = 64 << 10

// keyName is how an approver's key is named: after the opaque id that the API
// knows them by, so that an approver cannot be the requester under another name.
var keyName = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// NewDocument is a request that nobody has signed yet.
func NewDocument(act Act, parameters map[string]string, requester uuid.UUID, expires time.Time) ([]byte, error) {
	if faults := Check(act, parameters); len(faults) > 0 {
		return nil, fmt.Errorf("%s: parameter %s %s", act, faults[0].Parameter, faults[0].Reason)
	}
	if requester == uuid.Nil {
		return nil, errors.New("the requester is missing")
	}
	r := Request{
		ID: uuid.New(), Act: act, Parameters: parameters, Requester: requester,
		Required: Required(act), ExpiresAt: expires.UTC().Truncate(time.Second),
	}
	return []byte(r.canonical()), nil
}

// NewApproverKey makes the key pair of an approver; the private one is theirs alone.
func NewApproverKey(approver uuid.UUID) (private, public string, err error) {
	private, public, err = note.GenerateKey(rand.Reader, approver.String())
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return private, public, nil
}

// SignDocument adds the signature of a private key to a document, signed or not.
// It shows no more trust in the signatures that are there than to keep them.
func SignDocument(document []byte, private string) ([]byte, error) {
	signer, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	text, rest := split(document)
	if _, err := parse(text); err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	_, line := split(signed)
	if bytes.Contains(rest, line) {
		return document, nil // Ed25519 signs the same text the same way
	}
	return slices.Concat([]byte(text), []byte("\n"), rest, line), nil
}

// split takes a document apart into its text and its signature lines.
func split(document []byte) (text string, signatures []byte) {
	before, after, found := bytes.Cut(document, []byte("\n\n"))
	if !found {
		return string(document), nil
	}
	return string(before) + "\n", after
}

// VerifyDocument checks that a document approves an act, now, by the public keys
// of those who may approve (one on each line). It returns what was asked for.
func VerifyDocument(document []byte, approvers string, act Act, parameters map[string]string, now time.Time) (Request, error) {
	if len(document) > maxDocument {
		return Request{}, fmt.Errorf("%w: it is too long", ErrDocument)
	}
	var verifiers []note.Verifier
	for line := range strings.Lines(approvers) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return Request{}, fmt.Errorf("read the approvers' keys: %w", err)
		}
		if !keyName.MatchString(v.Name()) {
			return Request{}, errors.New("read the approvers' keys: a key is named after its owner's id")
		}
		verifiers = append(verifiers, v)
	}
	opened, err := note.Open(document, note.VerifierList(verifiers...))
	if err != nil {
		return Request{}, fmt.Errorf("%w: no approver has signed this text", ErrDocument)
	}
	r, err := parse(opened.Text)
	if err != nil {
		return Request{}, err
	}
	signers := map[string]bool{}
	for _, s := range opened.Sigs {
		if s.Name != r.Requester.String() {
			signers[s.Name] = true
		}
	}
	switch {
	case r.Required < Required(r.Act) || Required(r.Act) == 0:
		return r, fmt.Errorf("%w: it asks for fewer approvers than the act needs", ErrDocument)
	case len(signers) < r.Required:
		return r, fmt.Errorf("%w: %d of %d approvers have signed, the requester not counted", ErrDocument, len(signers), r.Required)
	case !now.Before(r.ExpiresAt):
		return r, fmt.Errorf("%w: it has expired", ErrDocument)
	case r.ExpiresAt.Sub(now) > MaxLifetime:
		return r, fmt.Errorf("%w: it would hold for longer than %s", ErrDocument, MaxLifetime)
	case !r.Covers(act, parameters):
		return r, fmt.Errorf("%w: it is for another act", ErrDocument)
	}
	return r, nil
}

// parse reads what canonical wrote, and nothing that it would not write.
func parse(text string) (Request, error) {
	r := Request{Parameters: map[string]string{}}
	var err error
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "id":
			r.ID, err = uuid.Parse(value)
		case "act":
			r.Act = Act(value)
		case "requester":
			r.Requester, err = uuid.Parse(value)
		case "required":
			r.Required, err = strconv.Atoi(value)
		case "expires":
			r.ExpiresAt, err = time.Parse(time.RFC3339, value)
		case "parameter":
			name, v, _ := strings.Cut(value, " ")
			r.Parameters[name] = v
		}
		if err != nil {
			break
		}
	}
	if err != nil || r.canonical() != text || len(Check(r.Act, r.Parameters)) > 0 {
		return Request{}, fmt.Errorf("%w: its text is not a request", ErrDocument)
	}
	return r, nil
}

// ReadDocument reads a document with a bound on its length.
func ReadDocument(from io.Reader) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(from, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	return document, nil
}
