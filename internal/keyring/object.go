package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// ErrCorrupt: a stored key set is damaged, truncated, or another subject's.
var ErrCorrupt = errors.New("keyring: stored keys are corrupt")

// ErrWrongKEK: a stored key set is intact but this KEK does not open it.
var ErrWrongKEK = errors.New("keyring: the key-encryption key does not open the stored keys")

// An object is magic, SHA-256 of the wrapped part, wrapped part. The checksum
// guards nothing against an attacker (the wrapping does); it tells damage apart
// from a wrong KEK, which call for different repairs.
var magic = []byte("MeAiKey1")

const (
	headerSize  = 8 + sha256.Size
	macRootSize = 32
)

// contents is what an object holds inside the wrapping.
type contents struct {
	Subject uuid.UUID `json:"subject"`
	Keyset  []byte    `json:"aead_keyset"`
	MACRoot []byte    `json:"mac_root"`
}

// newObject makes fresh keys for the subject and wraps them.
func newObject(ctx context.Context, k *kek, subject uuid.UUID) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate keyset: %w", err)
	}
	var clear bytes.Buffer
	// Cleartext for this moment only: the KEK wraps it together with the MAC
	// root and the subject, which Tink's own wrapped format has no room for.
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&clear)); err != nil {
		return nil, fmt.Errorf("serialise keyset: %w", err)
	}
	root := make([]byte, macRootSize)
	if _, err := rand.Read(root); err != nil {
		return nil, fmt.Errorf("generate MAC root: %w", err)
	}
	inner, err := json.Marshal(contents{Subject: subject, Keyset: clear.Bytes(), MACRoot: root})
	if err != nil {
		return nil, fmt.Errorf("serialise keys: %w", err)
	}
	wrapped, err := k.wrap(ctx, inner)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(wrapped)
	return bytes.Join([][]byte{magic, sum[:], wrapped}, nil), nil
}

// openObject unwraps and checks what newObject made.
func openObject(ctx context.Context, k *kek, subject uuid.UUID, object []byte) (*Keys, error) {
	if len(object) < headerSize || !bytes.HasPrefix(object, magic) {
		return nil, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	wrapped := object[headerSize:]
	if sum := sha256.Sum256(wrapped); !bytes.Equal(sum[:], object[len(magic):headerSize]) {
		return nil, fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	inner, err := k.unwrap(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	var c contents
	if err := json.Unmarshal(inner, &c); err != nil {
		return nil, fmt.Errorf("%w: contents cannot be read", ErrCorrupt)
	}
	if c.Subject != subject {
		return nil, fmt.Errorf("%w: the object holds another subject's keys", ErrCorrupt)
	}
	if len(c.MACRoot) != macRootSize {
		return nil, fmt.Errorf("%w: MAC root of %d bytes", ErrCorrupt, len(c.MACRoot))
	}
	return newKeys(c)
}

func newKeys(c contents) (*Keys, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(c.Keyset)))
	if err != nil {
		return nil, fmt.Errorf("%w: keyset cannot be read", ErrCorrupt)
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
	}, nil
}
