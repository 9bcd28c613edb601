package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// ErrCorrupt: a stored key set is damaged, truncated, or another subject's.
var ErrCorrupt = errors.New("keyring: stored keys are corrupt")

// ErrWrongKEK: a stored key set is intact but no configured KEK opens it.
var ErrWrongKEK = errors.New("keyring: the key-encryption key does not open the stored keys")

// An object is a magic, the SHA-256 of what follows, the name of the KEK epoch
// behind its length, and the wrapped contents. The checksum guards nothing
// against an attacker (the wrapping does); it tells damage apart from a wrong
// KEK, which call for different repairs.
//
// The first format had no epoch. Its objects are of [FirstEpoch].
var (
	magic      = []byte("MeAiKey2")
	magicFirst = []byte("MeAiKey1")
)

// KeysStart is how many bytes of an object [HoldsKeys] needs.
const KeysStart = 8

// HoldsKeys reports whether bytes are the beginning of a set of keys as the keyring's
// bucket holds it: something that no copy and no backup may take along.
func HoldsKeys(start []byte) bool {
	return bytes.HasPrefix(start, magic) || bytes.HasPrefix(start, magicFirst)
}

const (
	headerSize  = 8 + sha256.Size
	macRootSize = 32
	// maxObjectSize bounds what is decoded: a set of a dozen versions takes 2 KiB.
	maxObjectSize = 1 << 20
)

// contents is what an object holds inside the wrapping.
type contents struct {
	Subject uuid.UUID `json:"subject"`
	Keyset  []byte    `json:"aead_keyset"`
	MACRoot []byte    `json:"mac_root"`
	// Generation binds the object to its name, so that an older one copied over a
	// newer one is noticed. The first format knew only the first.
	Generation uint64        `json:"generation,omitzero"`
	Versions   []versionTime `json:"versions,omitempty"`
}

// versionTime says when a key version was made and when it sealed; by the clock
// of the process that did it. What the first format made has no times.
type versionTime struct {
	ID         uint32    `json:"id"`
	Created    time.Time `json:"created,omitzero"`
	Promoted   time.Time `json:"promoted,omitzero"`
	Superseded time.Time `json:"superseded,omitzero"`
}

// envelope is an object whose header was read and whose checksum holds.
type envelope struct {
	epoch   string
	wrapped []byte
}

// readEnvelope checks an object without opening it; [ErrCorrupt].
func readEnvelope(object []byte) (envelope, error) {
	if len(object) < headerSize || len(object) > maxObjectSize {
		return envelope{}, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	body := object[headerSize:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], object[len(magic):headerSize]) {
		return envelope{}, fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	switch {
	case bytes.HasPrefix(object, magicFirst):
		return envelope{FirstEpoch, body}, nil
	case bytes.HasPrefix(object, magic) && len(body) > 0 && len(body) > int(body[0]):
		end := 1 + int(body[0])
		return envelope{string(body[1:end]), body[end:]}, nil
	default:
		return envelope{}, fmt.Errorf("%w: unknown format", ErrCorrupt)
	}
}

// writeObject wraps contents under the KEK that is in use.
func writeObject(ctx context.Context, k *keks, c contents) ([]byte, error) {
	inner, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("serialise keys: %w", err)
	}
	wrapped, err := k.wrap(ctx, inner)
	if err != nil {
		return nil, err
	}
	body := slices.Concat([]byte{byte(len(k.current))}, []byte(k.current), wrapped)
	sum := sha256.Sum256(body)
	return slices.Concat(magic, sum[:], body), nil
}

// readObject unwraps and checks what writeObject made. Errors: [ErrCorrupt],
// [ErrWrongKEK], or a passing failure of the KMS.
func readObject(ctx context.Context, k *keks, subject uuid.UUID, generation uint64, object []byte) (contents, error) {
	e, err := readEnvelope(object)
	if err != nil {
		return contents{}, err
	}
	inner, err := k.unwrap(ctx, e)
	if err != nil {
		return contents{}, err
	}
	return readContents(subject, generation, inner)
}

func readContents(subject uuid.UUID, generation uint64, inner []byte) (contents, error) {
	var c contents
	if err := json.Unmarshal(inner, &c); err != nil {
		return contents{}, fmt.Errorf("%w: contents cannot be read", ErrCorrupt)
	}
	if c.Subject != subject {
		return contents{}, fmt.Errorf("%w: the object holds another subject's keys", ErrCorrupt)
	}
	if max(c.Generation, 1) != generation {
		return contents{}, fmt.Errorf("%w: the object is of another generation", ErrCorrupt)
	}
	if len(c.MACRoot) != macRootSize {
		return contents{}, fmt.Errorf("%w: MAC root of %d bytes", ErrCorrupt, len(c.MACRoot))
	}
	return c, nil
}

// newContents makes fresh keys for a subject.
func newContents(subject uuid.UUID, now time.Time) (contents, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return contents{}, fmt.Errorf("generate keyset: %w", err)
	}
	root := make([]byte, macRootSize)
	if _, err := rand.Read(root); err != nil {
		return contents{}, fmt.Errorf("generate MAC root: %w", err)
	}
	c := contents{Subject: subject, MACRoot: root, Generation: 1}
	if err := c.setHandle(handle); err != nil {
		return contents{}, err
	}
	c.Versions = []versionTime{{ID: handle.KeysetInfo().GetPrimaryKeyId(), Created: now, Promoted: now}}
	return c, nil
}

func (c *contents) setHandle(handle *keyset.Handle) error {
	var clear bytes.Buffer
	// Cleartext for this moment only: the KEK wraps it together with the MAC
	// root and the subject, which Tink's own wrapped format has no room for.
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&clear)); err != nil {
		return fmt.Errorf("serialise keyset: %w", err)
	}
	c.Keyset = clear.Bytes()
	return nil
}

func (c *contents) handle() (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(c.Keyset)))
	if err != nil {
		return nil, fmt.Errorf("%w: keyset cannot be read", ErrCorrupt)
	}
	return handle, nil
}

// times returns the entry of a version, a new one for what the first format made.
func (c *contents) times(id uint32) *versionTime {
	for i := range c.Versions {
		if c.Versions[i].ID == id {
			return &c.Versions[i]
		}
	}
	c.Versions = append(c.Versions, versionTime{ID: id})
	return &c.Versions[len(c.Versions)-1]
}

func newKeys(c contents) (*Keys, error) {
	handle, err := c.handle()
	if err != nil {
		return nil, err
	}
	primitive, err := newAEAD(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: keyset is not usable", ErrCorrupt)
	}
	info := handle.KeysetInfo()
	versions := make(map[uint32]bool, len(info.GetKeyInfo()))
	for _, key := range info.GetKeyInfo() {
		versions[key.GetKeyId()] = true
	}
	return &Keys{
		subject:  c.Subject,
		aead:     primitive,
		version:  info.GetPrimaryKeyId(),
		versions: versions,
		macRoot:  c.MACRoot,
		renew:    func() error { return nil },
	}, nil
}
