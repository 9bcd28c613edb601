// Package custody wraps the data keys of backups twice: so that any two of several
// custodians can open them together and none alone, and so that the prover can, which
// restores backups into a scratch server by itself to prove them.
//
// Wrapping needs public keys only: a process that takes backups cannot open them. The
// wrapping is that of age (https://age-encryption.org/v1), X25519. For each pair of
// custodians the key is sealed to the one and then to the other; that takes n(n-1)/2
// wrappings of about half a KiB, and no arithmetic of shares.
package custody

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
)

// KeySize is the length of a data key in bytes.
const KeySize = 32

// Most is how many custodians there can be.
const Most = 9

var (
	// ErrNotYours: none of the identities can open the key.
	ErrNotYours = errors.New("custody: the identities do not open this key")
	// ErrBroken: what is wrapped is not what its place says.
	ErrBroken = errors.New("custody: the wrapped key is damaged or belongs elsewhere")
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Key is a data key.
type Key struct {
	ID     uuid.UUID
	Secret []byte // of KeySize
}

// Recipients are those for whom keys are wrapped.
type Recipients struct {
	custodians map[string]*age.X25519Recipient
	prover     *age.X25519Recipient // nil for none
}

// ParseRecipients reads custodians as "name=age1…" separated by spaces, two to nine of
// them, and the prover's public key, which may be empty: then backups cannot be proven
// without the custodians.
func ParseRecipients(custodians, prover string) (Recipients, error) {
	r := Recipients{custodians: map[string]*age.X25519Recipient{}}
	seen := map[string]string{}
	for _, field := range strings.Fields(custodians) {
		name, text, _ := strings.Cut(field, "=")
		if !nameForm.MatchString(name) {
			return Recipients{}, fmt.Errorf("custodian %q: a name is a letter and up to 31 more of a-z, 0-9 and dash, before an equals sign", name)
		}
		key, err := age.ParseX25519Recipient(text)
		if err != nil {
			return Recipients{}, fmt.Errorf("custodian %s: not a public key as 'meai backup custodian' prints it", name)
		}
		if other, ok := seen[text]; ok {
			return Recipients{}, fmt.Errorf("custodians %s and %s have the same key: one person is not two", other, name)
		}
		if r.custodians[name] != nil {
			return Recipients{}, fmt.Errorf("custodian %s is named twice", name)
		}
		r.custodians[name], seen[text] = key, name
	}
	if n := len(r.custodians); n < 2 || n > Most {
		return Recipients{}, fmt.Errorf("there are %d custodians; two to %d are needed", n, Most)
	}
	if prover == "" {
		return r, nil
	}
	key, err := age.ParseX25519Recipient(prover)
	if err != nil {
		return Recipients{}, errors.New("the prover's public key is not one as 'meai backup custodian' prints it")
	}
	if name, ok := seen[prover]; ok {
		return Recipients{}, fmt.Errorf("custodian %s has the prover's key: alone it would open everything", name)
	}
	r.prover = key
	return r, nil
}

// Wrapped is a data key as it lies beside what it seals. It is JSON; byte slices are
// base64.
type Wrapped struct {
	ID        uuid.UUID `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	// Custodians are the public keys by name, for people who look for theirs.
	Custodians map[string]string `json:"custodians"`
	Pairs      []Pair            `json:"pairs"`
	Prover     []byte            `json:"prover,omitempty"`
}

// Pair is the key for two custodians: sealed to the inner one, then to the outer.
type Pair struct {
	Outer  string `json:"outer"`
	Inner  string `json:"inner"`
	Sealed []byte `json:"sealed"`
}

// NewKey makes a data key and wraps it.
func (r Recipients) NewKey(now time.Time) (Key, Wrapped, error) {
	key := Key{ID: uuid.New(), Secret: make([]byte, KeySize)}
	if _, err := rand.Read(key.Secret); err != nil {
		return Key{}, Wrapped{}, fmt.Errorf("make a data key: %w", err)
	}
	w := Wrapped{ID: key.ID, CreatedAt: now.UTC(), Custodians: map[string]string{}}
	names := slices.Sorted(maps.Keys(r.custodians))
	for i, outer := range names {
		w.Custodians[outer] = r.custodians[outer].String()
		for _, inner := range names[i+1:] {
			sealed, err := sealTo(r.custodians[inner], key.contents())
			if err == nil {
				sealed, err = sealTo(r.custodians[outer], sealed)
			}
			if err != nil {
				return Key{}, Wrapped{}, fmt.Errorf("wrap a data key: %w", err)
			}
			w.Pairs = append(w.Pairs, Pair{Outer: outer, Inner: inner, Sealed: sealed})
		}
	}
	if r.prover != nil {
		var err error
		if w.Prover, err = sealTo(r.prover, key.contents()); err != nil {
			return Key{}, Wrapped{}, fmt.Errorf("wrap a data key: %w", err)
		}
	}
	return key, w, nil
}

// contents are what is wrapped: the key with its id, so that one key cannot be put in
// another's place.
func (k Key) contents() []byte { return append(k.ID[:], k.Secret...) }

// Identity is a private key.
type Identity struct{ key *age.X25519Identity }

// NewIdentity makes a key pair, as text.
func NewIdentity() (private, public string, err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make a key pair: %w", err)
	}
	return key.String(), key.Recipient().String(), nil
}

// ParseIdentity reads a private key as [NewIdentity] makes it; lines that begin with #
// are comments. The error does not quote it.
func ParseIdentity(text string) (Identity, error) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := age.ParseX25519Identity(line)
		if err != nil {
			break
		}
		return Identity{key}, nil
	}
	return Identity{}, errors.New("this is no private key as 'meai backup custodian' writes it")
}

// Public is the public key of the identity.
func (i Identity) Public() string { return i.key.Recipient().String() }

// OpenAsProver opens the key with the prover's identity, or fails with [ErrNotYours].
func (w Wrapped) OpenAsProver(prover Identity) (Key, error) {
	if w.Prover == nil {
		return Key{}, ErrNotYours
	}
	contents, err := openWith(prover, w.Prover)
	if err != nil {
		return Key{}, err
	}
	return w.key(contents)
}

// Open opens the key with the identities of two custodians (or more), in any order, or
// fails with [ErrNotYours].
func (w Wrapped) Open(custodians ...Identity) (Key, error) {
	for _, pair := range w.Pairs {
		inner, err := openWithAny(custodians, pair.Sealed)
		if errors.Is(err, ErrNotYours) {
			continue
		}
		if err != nil {
			return Key{}, err
		}
		contents, err := openWithAny(custodians, inner)
		if errors.Is(err, ErrNotYours) {
			continue
		}
		if err != nil {
			return Key{}, err
		}
		return w.key(contents)
	}
	return Key{}, ErrNotYours
}

func (w Wrapped) key(contents []byte) (Key, error) {
	if len(contents) != len(w.ID)+KeySize || !bytes.Equal(contents[:len(w.ID)], w.ID[:]) {
		return Key{}, ErrBroken
	}
	return Key{ID: w.ID, Secret: contents[len(w.ID):]}, nil
}

func openWithAny(identities []Identity, sealed []byte) ([]byte, error) {
	for _, identity := range identities {
		contents, err := openWith(identity, sealed)
		if !errors.Is(err, ErrNotYours) {
			return contents, err
		}
	}
	return nil, ErrNotYours
}

func sealTo(recipient age.Recipient, contents []byte) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(contents); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

func openWith(identity Identity, sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identity.key)
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		return nil, ErrNotYours
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	contents, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return contents, nil
}
