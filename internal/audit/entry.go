// Package audit keeps an append-only log of who did what to which object.
//
// The log is a Merkle tree (RFC 6962, golang.org/x/mod/sumdb/tlog) in PostgreSQL. An
// entry is written in the transaction of the act, so that there is neither an act
// without its entry nor an entry without its act. Signed checkpoints of the tree go
// to the ledger, outside the cluster: who owns the database can rewrite the log, but
// not so that [Verify] agrees.
//
// Entries hold ids, codes and HMACs. A person's words, names and addresses never get
// in: every text field is limited to letters, digits and a few signs, and free text
// such as a reason is kept elsewhere, sealed; only its HMAC is here.
package audit

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
)

// HMAC stands for a value that is not shown here; zero for none.
type HMAC [32]byte

// String is the value in hexadecimal digits, or "" for none.
func (h HMAC) String() string {
	if h == (HMAC{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// ParseHMAC reads what [HMAC.String] writes.
func ParseHMAC(s string) (HMAC, error) {
	var h HMAC
	if len(s) != 2*len(h) {
		return h, errors.New("audit: an HMAC has 64 hexadecimal digits")
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err
}

// Entry is one act. Index and Time are the log's to give.
type Entry struct {
	Index int64
	Time  time.Time

	// Actor is who acted: a person by their alias ([Log.Person]), a service by its name.
	Actor string
	// Role is in which role.
	Role string
	Act  Act
	// Kind and Object say to what; see [Log.Object].
	Kind    Kind
	Object  HMAC
	Outcome Outcome
	// Reason is a code, such as "own_request". Words go elsewhere, sealed.
	Reason string
	// Note is the HMAC of words that are kept elsewhere; see [Log.Note].
	Note HMAC
	// Request is the id of the request, trace or workflow.
	Request string
	// Approval is the id of the approval that allowed it.
	Approval string
}

// The encoding of a leaf: index and time in microseconds since 1970 (8 bytes each,
// network order, written by the database), the version below, object and note (32
// bytes each), then the texts in the order of [Entry.texts], each after its length
// in one byte. There is one encoding for each entry.
const (
	version     = 1
	stampSize   = 16
	fixedSize   = stampSize + 1 + 32 + 32
	longestText = 100
)

// plain is what a text may consist of: no spaces and no @, so that neither a
// sentence nor an address fits.
var plain = regexp.MustCompile(`^[A-Za-z0-9._:/=+-]*$`)

// ErrMalformed: bytes are not a leaf of a known version.
var ErrMalformed = errors.New("audit: malformed leaf")

func (e *Entry) texts() []string {
	return []string{e.Actor, e.Role, string(e.Act), string(e.Kind), string(e.Outcome), e.Reason, e.Request, e.Approval}
}

// encode is the leaf without index and time, which the database puts before it.
func (e *Entry) encode() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, failure.New(failure.InvalidInput, "audit entry: "+err.Error(), nil)
	}
	return e.body(), nil
}

func (e *Entry) body() []byte {
	b := append([]byte{version}, e.Object[:]...)
	b = append(b, e.Note[:]...)
	for _, text := range e.texts() {
		b = append(append(b, byte(len(text))), text...)
	}
	return b
}

// validate never quotes a field: what does not belong there may be words.
func (e *Entry) validate() error {
	switch {
	case !slices.Contains(acts, e.Act):
		return errors.New("the act is not in the vocabulary")
	case !slices.Contains(kinds, e.Kind):
		return errors.New("the kind of the object is not in the vocabulary")
	case !slices.Contains(outcomes, e.Outcome):
		return errors.New("the outcome is not in the vocabulary")
	case e.Actor == "" || e.Role == "":
		return errors.New("actor and role are required")
	case uuid.Validate(e.Actor) == nil:
		return errors.New("the actor is an id, which must not be kept for good; see Log.Person")
	case strings.Contains(e.Request, "person/"):
		return errors.New("the request names a person")
	case (e.Kind == None) != (e.Object == HMAC{}):
		return errors.New("kind and object belong together")
	}
	for i, text := range e.texts() {
		if len(text) > longestText || !plain.MatchString(text) {
			return fmt.Errorf("text %d has more than %d or other characters than ids and codes have", i, longestText)
		}
	}
	return nil
}

// Decode reads a leaf. It accepts acts that it does not know: a newer process may
// have written them.
func Decode(leaf []byte) (Entry, error) {
	var e Entry
	if len(leaf) < fixedSize {
		return e, fmt.Errorf("%w: %d bytes", ErrMalformed, len(leaf))
	}
	if leaf[stampSize] != version {
		return e, fmt.Errorf("%w: version %d", ErrMalformed, leaf[stampSize])
	}
	e.Index = int64(binary.BigEndian.Uint64(leaf))
	e.Time = time.UnixMicro(int64(binary.BigEndian.Uint64(leaf[8:]))).UTC()
	copy(e.Object[:], leaf[stampSize+1:])
	copy(e.Note[:], leaf[stampSize+1+32:])
	texts, err := decodeTexts(leaf[fixedSize:])
	if err != nil {
		return e, err
	}
	e.Actor, e.Role, e.Act, e.Kind = texts[0], texts[1], Act(texts[2]), Kind(texts[3])
	e.Outcome, e.Reason, e.Request, e.Approval = Outcome(texts[4]), texts[5], texts[6], texts[7]
	return e, nil
}

func decodeTexts(b []byte) (texts [8]string, err error) {
	for i := range texts {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return texts, fmt.Errorf("%w: it ends within text %d", ErrMalformed, i)
		}
		text := string(b[1 : 1+b[0]])
		if len(text) > longestText || !plain.MatchString(text) {
			return texts, fmt.Errorf("%w: text %d is no id or code", ErrMalformed, i)
		}
		texts[i], b = text, b[1+len(text):]
	}
	if len(b) > 0 {
		return texts, fmt.Errorf("%w: %d bytes after its end", ErrMalformed, len(b))
	}
	return texts, nil
}
