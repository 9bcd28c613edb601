// Package ledger keeps, outside the cluster and its backups, the acts that a restore
// must not undo.
//
// It is a chain of write-once objects, each signed and holding the hash of the one
// before, copied to several stores. An act commits here first and to the database
// second ([Committer]); what a crash or a restore leaves out of the database is
// applied when the ledger is replayed.
//
// Entries hold opaque ids, codes, times and signatures only.
package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/internal/failure"
	"meai/internal/signing"
)

// Kind is what an act does. It decides who applies it.
type Kind string

// The kinds of acts.
const (
	ErasureRequested  Kind = "erasure.requested"
	ErasureCancelled  Kind = "erasure.cancelled"
	ErasureCompleted  Kind = "erasure.completed"
	HoldPlaced        Kind = "hold.placed"
	HoldReleased      Kind = "hold.released"
	ConsentWithdrawn  Kind = "consent.withdrawn"
	KeyRevoked        Kind = "key.revoked"
	RestrictionPlaced Kind = "restriction.placed"
	RestrictionLifted Kind = "restriction.lifted"
	ApprovalGiven     Kind = "approval.given"
	ApprovalUsed      Kind = "approval.used"
	EpochBegun        Kind = "epoch.begun"
	AuditCheckpoint   Kind = "audit.checkpoint"
	PepperCustody     Kind = "pepper.custody"
	EscalationTold    Kind = "escalation.told"
	MemoryForgotten   Kind = "memory.forgotten"
)

var kinds = []Kind{
	ErasureRequested, ErasureCancelled, ErasureCompleted, HoldPlaced, HoldReleased, ConsentWithdrawn, KeyRevoked,
	RestrictionPlaced, RestrictionLifted, ApprovalGiven, ApprovalUsed, EpochBegun, AuditCheckpoint, PepperCustody,
	EscalationTold, MemoryForgotten,
}

// Act is one act. Two with the same ID are the same act.
type Act struct {
	Kind Kind
	// ID is opaque, 1 to 128 letters, digits or any of "._:/-".
	ID string
	// Fields are what the applier needs: ids, codes, times, base64. Values have no
	// spaces and no @, so that neither a sentence nor an address fits.
	Fields map[string]string
}

// Hash is the SHA-256 of an entry's object.
type Hash [sha256.Size]byte

// Entry is an act in its place.
type Entry struct {
	// Number counts from 1.
	Number uint64
	// Previous is the hash of the entry before; zero for the first.
	Previous Hash
	// Time is the writer's clock, to the microsecond. It orders nothing.
	Time time.Time
	Act
	// Hash is of this entry's object, signature included.
	Hash Hash

	object []byte
}

var (
	// ErrCorrupt: an object is not an entry, not signed, or not in its place.
	ErrCorrupt = errors.New("ledger: corrupt entry")
	// errPlace: an entry is intact but belongs elsewhere.
	errPlace = fmt.Errorf("%w: not in its place", ErrCorrupt)
	// ErrConflict: the act's ID was used for another act.
	ErrConflict = errors.New("ledger: the act's id was used for another act")
)

const (
	header     = "meai-ledger/1"
	timeFormat = "2006-01-02T15:04:05.000000Z"
	// largest bounds an object; a checkpoint takes about 1 KiB.
	largest = 16 << 10
)

var (
	kindForm  = regexp.MustCompile(`^[a-z][a-z_.]{0,63}$`)
	idForm    = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,128}$`)
	nameForm  = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)
	valueForm = regexp.MustCompile(`^[A-Za-z0-9+/=._:-]+$`)
)

// validate never quotes a value: what does not belong there may be words.
func (a Act) validate() error {
	switch {
	case !kindForm.MatchString(string(a.Kind)):
		return errors.New("the kind is malformed")
	case !idForm.MatchString(a.ID):
		return errors.New("the id is malformed")
	case len(a.Fields) > 32:
		return errors.New("there are more than 32 fields")
	}
	size := 0
	for name, value := range a.Fields {
		if !nameForm.MatchString(name) || !valueForm.MatchString(value) {
			return errors.New("a field holds other characters than ids and codes have")
		}
		size += len(name) + len(value)
	}
	if size > largest/2 {
		return errors.New("the fields are too large")
	}
	return nil
}

func (a Act) same(b Act) bool {
	return a.Kind == b.Kind && a.ID == b.ID && maps.Equal(a.Fields, b.Fields)
}

// text is the one spelling of an entry, a line for each part.
func (e *Entry) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nnumber %d\nprevious %s\ntime %s\nkind %s\nact %s\n", header, e.Number,
		base64.StdEncoding.EncodeToString(e.Previous[:]), e.Time.UTC().Format(timeFormat), e.Kind, e.ID)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "field %s %s\n", name, e.Fields[name])
	}
	return b.String()
}

func (e *Entry) sign(key *signing.Key) error {
	if err := e.validate(); err != nil {
		return failure.New(failure.InvalidInput, "ledger act: "+err.Error(), nil)
	}
	object, err := key.Sign(e.text())
	if err != nil {
		return err
	}
	e.object, e.Hash = object, sha256.Sum256(object)
	return nil
}

// decode reads an object and checks its signature. Exactly what sign writes is
// accepted. Unknown kinds are: a newer process may have written them.
func decode(key *signing.Public, object []byte) (Entry, error) {
	if len(object) > largest {
		return Entry{}, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(object))
	}
	text, err := key.Open(object)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	e, err := parse(text)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	e.object, e.Hash = object, sha256.Sum256(object)
	return e, nil
}

func parse(text string) (e Entry, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 6 || lines[0] != header {
		return e, errors.New("it is no entry of a known version")
	}
	var values [5]string
	for i, name := range []string{"number", "previous", "time", "kind", "act"} {
		value, found := strings.CutPrefix(lines[1+i], name+" ")
		if !found {
			return e, fmt.Errorf("line %d is not the %s", 2+i, name)
		}
		values[i] = value
	}
	if e.Number, err = strconv.ParseUint(values[0], 10, 63); err != nil || e.Number == 0 {
		return e, errors.New("the number is malformed")
	}
	previous, err := base64.StdEncoding.DecodeString(values[1])
	if err != nil || len(previous) != len(e.Previous) {
		return e, errors.New("the hash before is malformed")
	}
	e.Previous = Hash(previous)
	if e.Time, err = time.Parse(timeFormat, values[2]); err != nil {
		return e, errors.New("the time is malformed")
	}
	e.Act = Act{Kind: Kind(values[3]), ID: values[4]}
	for _, line := range lines[6:] {
		rest, _ := strings.CutPrefix(line, "field ")
		name, value, _ := strings.Cut(rest, " ")
		if e.Fields == nil {
			e.Fields = map[string]string{}
		}
		e.Fields[name] = value
	}
	if err := e.validate(); err != nil {
		return e, err
	}
	if e.text() != text {
		return e, errors.New("it is not in the form that it is written in")
	}
	return e, nil
}

// follows reports whether e is the entry after before; before is the zero entry for
// the first.
func (e *Entry) follows(before Entry) error {
	if e.Number != before.Number+1 {
		return fmt.Errorf("%w: it is numbered %d in the place of %d", errPlace, e.Number, before.Number+1)
	}
	if e.Previous != before.Hash {
		return fmt.Errorf("%w: it does not continue entry %d", errPlace, before.Number)
	}
	return nil
}

// Twenty digits hold any number and sort as numbers do.
func entryName(number uint64) string { return fmt.Sprintf("entries/%020d", number) }

func voteName(number uint64, round int) string { return fmt.Sprintf("votes/%020d/%d", number, round) }

// pointerName is where the number of an act is kept.
func pointerName(id string) string {
	hash := sha256.Sum256([]byte(id))
	return "acts/" + hex.EncodeToString(hash[:])
}
