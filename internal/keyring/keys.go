package keyring

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrSealed: sealed bytes cannot be opened. They were altered, or belong to
// another place or person.
var ErrSealed = errors.New("keyring: sealed value cannot be opened")

// ErrUnknownVersion: bytes were sealed under a key version that the set does not
// hold: one that was retired too early, or one that is so new that this lease
// does not know it. Rotation must therefore publish a version one [Lease] before
// it becomes the one that seals.
var ErrUnknownVersion = errors.New("keyring: unknown key version")

// prefixSize is the length of Tink's output prefix: a format byte and the
// big-endian id of the key, which is the key version.
const prefixSize = 5

// tinkPrefix is the format byte of Tink's own output prefix.
const tinkPrefix = 1

// Location is where a sealed value is kept. Together with the subject it is the
// associated data, so a value moved to another row, column or person does not open.
type Location struct {
	Table, Column string
	Row           uuid.UUID
}

// Purpose separates the look-up values of one person from each other.
type Purpose string

// The purposes in use. Changing the text of one is a re-index of what it blinds.
const (
	WorkflowID  Purpose = "workflow-id"
	Idempotency Purpose = "idempotency"
	EntityName  Purpose = "entity-name"
	FactSlot    Purpose = "fact-slot"
	SearchTerm  Purpose = "search-term"
	Body        Purpose = "body"
	Fingerprint Purpose = "fingerprint"
	Account     Purpose = "account"
	APIKey      Purpose = "api-key"
	DevIdentity Purpose = "development-identity"
)

// Keys is the key set of one subject. It is safe for concurrent use.
type Keys struct {
	subject  uuid.UUID
	aead     tink.AEAD
	version  uint32
	versions map[uint32]bool
	macRoot  []byte
	// until is when the lease ends, by the keyring's clock.
	until int64
	// renew fails when the subject's keys may not be used any more.
	renew func() error
	// derived holds one HMAC key for each [Purpose]; HKDF costs more than the MAC.
	derived sync.Map
}

// Subject is whose keys these are; the zero UUID for the system.
func (k *Keys) Subject() uuid.UUID { return k.subject }

// Version identifies the key that [Keys.Seal] uses. It is the id of Tink's
// primary key: random, so two versions can be told apart but not ordered.
func (k *Keys) Version() uint32 { return k.version }

// Seal encrypts plaintext for one place. The result starts with the key
// version (see [Version]); sealing twice gives different bytes.
func (k *Keys) Seal(plaintext []byte, at Location) ([]byte, error) {
	return k.seal(plaintext, ofValue, at)
}

func (k *Keys) seal(plaintext []byte, of kind, at Location) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plaintext, k.associatedData(of, at))
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", at.Table, at.Column, err)
	}
	return sealed, nil
}

// Open decrypts what [Keys.Seal] made for the same subject and place, under any
// version that the set holds. Otherwise it fails with [ErrSealed] or
// [ErrUnknownVersion].
func (k *Keys) Open(sealed []byte, at Location) ([]byte, error) {
	return k.open(sealed, ofValue, at)
}

func (k *Keys) open(sealed []byte, of kind, at Location) ([]byte, error) {
	version, err := Version(sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", at.Table, at.Column, err)
	}
	if !k.versions[version] {
		return nil, fmt.Errorf("open %s.%s: version %08x: %w", at.Table, at.Column, version, ErrUnknownVersion)
	}
	plaintext, err := k.aead.Decrypt(sealed, k.associatedData(of, at))
	if err != nil {
		// Tink's error says nothing more than that authentication failed.
		return nil, fmt.Errorf("open %s.%s: %w", at.Table, at.Column, ErrSealed)
	}
	return plaintext, nil
}

// Version reads the key version of a sealed value without opening it.
func Version(sealed []byte) (uint32, error) {
	if len(sealed) < prefixSize || sealed[0] != tinkPrefix {
		return 0, fmt.Errorf("no key version: %w", ErrSealed)
	}
	return binary.BigEndian.Uint32(sealed[1:prefixSize]), nil
}

// Prefix is what everything sealed under a version begins with.
func Prefix(version uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{tinkPrefix}, version)
}

// Blind returns 32 bytes that stand for data in indexes and look-ups:
// HMAC-SHA-256 under HKDF-SHA-256(MAC root, purpose). Equal data gives equal
// bytes for the same person and purpose, for as long as the subject exists:
// the MAC root does not rotate with the AEAD key.
func (k *Keys) Blind(p Purpose, data []byte) []byte {
	mac := hmac.New(sha256.New, k.purposeKey(p))
	mac.Write(data)
	return mac.Sum(nil)
}

func (k *Keys) purposeKey(p Purpose) []byte {
	if key, ok := k.derived.Load(p); ok {
		return key.([]byte)
	}
	key, err := hkdf.Key(sha256.New, k.macRoot, nil, "meai/blind/1/"+string(p), sha256.Size)
	if err != nil {
		// Only a key length beyond 255 hashes can fail, and the length is a constant.
		panic(fmt.Sprintf("keyring: derive %s key: %v", p, err))
	}
	k.derived.Store(p, key)
	return key
}

// kind is what was sealed for a place. What is of one kind does not open as
// another: a value of 32 bytes that somebody chose must not become a data key.
type kind string

// The kinds. None begins another.
const (
	ofValue   kind = "meai/sealed/1"
	ofDataKey kind = "meai/data-key/1"
	ofStream  kind = "meai/stream/1"
)

// associatedData encodes kind, subject and place so that no two places read alike:
// the parts of variable length carry their lengths.
func (k *Keys) associatedData(of kind, at Location) []byte {
	ad := make([]byte, 0, 64+len(at.Table)+len(at.Column))
	ad = append(ad, of...)
	ad = append(ad, k.subject[:]...)
	ad = append(ad, at.Row[:]...)
	for _, part := range []string{at.Table, at.Column} {
		ad = binary.BigEndian.AppendUint32(ad, uint32(len(part)))
		ad = append(ad, part...)
	}
	return ad
}
