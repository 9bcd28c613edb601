// Package repository keeps backups in a bucket, described so that the bucket and the
// custodians' keys suffice to restore them:
//
//	keys/<key>.json                     data keys, wrapped (package custody)
//	backups/<backup>/<part>             sealed parts
//	backups/<backup>/manifest.json      what the backup is, and every part; written last
//	backups/<backup>/<state>-<n>.json   what was found out about it since
//	wal/<system>/<timeline>/<segment>   sealed write-ahead log
//	marks/<time>-<system>.json          what the database held, and when
//
// Nothing is ever changed: a backup's state is the reports that lie beside it, and a
// catalogue in PostgreSQL is only a copy of what is found here.
package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"meai/internal/custody"
	"meai/internal/objects"
	"meai/internal/signing"
)

var (
	// ErrMissing: an object that should be there is not.
	ErrMissing = errors.New("an object is missing")
	// ErrAltered: an object is not as it was written, or not whole.
	ErrAltered = errors.New("an object was altered or cut off")
	// ErrKey: the keys at hand do not open what the object was sealed with.
	ErrKey = errors.New("the keys do not open the object")
	// ErrForged: a description is not signed by this system.
	ErrForged = errors.New("a description was not signed by this system")
)

// Repository is a bucket of backups. It is safe for concurrent use.
type Repository struct {
	store objects.Erasable
	// Signer signs the descriptions that are written. Sealing needs public keys alone, so
	// only a signature tells a backup from one that somebody else put there.
	signer *signing.Key
	// verifier has descriptions refused that it did not sign; nil accepts all.
	verifier *signing.Public
}

// Open opens the repository at the URL of a bucket (file, s3, gs, azblob). With a signer
// every description is signed and must be; without one none is, and signatures are not
// looked at: that is for a restore for which no keyring is left.
func Open(ctx context.Context, url string, signer *signing.Key) (*Repository, error) {
	store, err := objects.OpenErasable(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of backups: %w", err)
	}
	return New(store, signer), nil
}

// New is a repository on an open store, which it closes.
func New(store objects.Erasable, signer *signing.Key) *Repository {
	r := &Repository{store: store, signer: signer}
	if signer != nil {
		r.verifier = &signer.Public
	}
	return r
}

// Close closes the bucket.
func (r *Repository) Close() error { return r.store.Close() }

// Store is the bucket itself.
func (r *Repository) Store() objects.Erasable { return r.store }

// NewKey makes a data key; it is durable, wrapped, before anything is sealed with it.
func (r *Repository) NewKey(ctx context.Context, to custody.Recipients) (custody.Key, error) {
	key, wrapped, err := to.NewKey(time.Now())
	if err != nil {
		return custody.Key{}, err
	}
	if err := r.put(ctx, keyName(key.ID), wrapped); err != nil {
		return custody.Key{}, fmt.Errorf("keep a wrapped key: %w", err)
	}
	return key, nil
}

func keyName(id uuid.UUID) string { return "keys/" + id.String() + ".json" }

// Keys opens data keys, each once. It is safe for concurrent use.
type Keys struct {
	repository *Repository
	open       func(custody.Wrapped) (custody.Key, error)

	mu     sync.Mutex
	opened map[uuid.UUID]custody.Key
}

// ProverKeys opens keys as the prover.
func (r *Repository) ProverKeys(prover custody.Identity) *Keys {
	return r.keys(func(w custody.Wrapped) (custody.Key, error) { return w.OpenAsProver(prover) })
}

// CustodiansKeys opens keys as two custodians together.
func (r *Repository) CustodiansKeys(custodians ...custody.Identity) *Keys {
	return r.keys(func(w custody.Wrapped) (custody.Key, error) { return w.Open(custodians...) })
}

func (r *Repository) keys(open func(custody.Wrapped) (custody.Key, error)) *Keys {
	return &Keys{repository: r, open: open, opened: map[uuid.UUID]custody.Key{}}
}

// Key opens one data key. It fails with [ErrMissing] or [ErrKey].
func (k *Keys) Key(ctx context.Context, id uuid.UUID) (custody.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.opened[id]; ok {
		return key, nil
	}
	var wrapped custody.Wrapped
	if err := k.repository.get(ctx, keyName(id), &wrapped); err != nil {
		return custody.Key{}, err
	}
	if wrapped.ID != id {
		return custody.Key{}, fmt.Errorf("%s: %w", keyName(id), ErrAltered)
	}
	key, err := k.open(wrapped)
	if err != nil {
		return custody.Key{}, fmt.Errorf("%s: %w: %w", keyName(id), ErrKey, err)
	}
	k.opened[id] = key
	return key, nil
}

// description is a JSON file of the repository: what it says, the SHA-256 of that
// without white space, and a signed note of that sum.
type description struct {
	Says      json.RawMessage `json:"says"`
	SHA256    string          `json:"sha256"`
	Signature string          `json:"signature,omitempty"`
}

// noted is the text that is signed. It names the file: one description does not pass
// for another.
func (d description) noted(name string) string {
	return "meai-backup/1\n" + name + "\n" + d.SHA256 + "\n"
}

func sumOf(says json.RawMessage) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, says); err != nil {
		return "", err
	}
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// put writes a description, indented for people.
func (r *Repository) put(ctx context.Context, name string, says any) error {
	text, err := r.describe(name, says)
	if err != nil {
		return fmt.Errorf("describe %s: %w", name, err)
	}
	if err := r.store.Create(ctx, name, text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (r *Repository) describe(name string, says any) (_ []byte, err error) {
	var d description
	if d.Says, err = json.Marshal(says); err != nil {
		return nil, err
	}
	if d.SHA256, err = sumOf(d.Says); err != nil {
		return nil, err
	}
	if r.signer != nil {
		signed, err := r.signer.Sign(d.noted(name))
		if err != nil {
			return nil, err
		}
		d.Signature = string(signed)
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

// get reads a description. It fails with [ErrMissing], [ErrAltered] or [ErrForged].
func (r *Repository) get(ctx context.Context, name string, says any) error {
	text, err := r.store.Read(ctx, name)
	if errors.Is(err, objects.ErrAbsent) {
		return fmt.Errorf("%s: %w", name, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrAltered, err)
	}
	if sum, err := sumOf(d.Says); err != nil || sum != d.SHA256 {
		return fmt.Errorf("%s: %w: its checksum is another", name, ErrAltered)
	}
	if r.verifier != nil {
		if noted, err := r.verifier.Open([]byte(d.Signature)); err != nil || noted != d.noted(name) {
			return fmt.Errorf("%s: %w", name, ErrForged)
		}
	}
	if err := json.Unmarshal(d.Says, says); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrAltered, err)
	}
	return nil
}

// Names lists the objects whose names begin with prefix, in order.
func (r *Repository) Names(ctx context.Context, prefix string) ([]string, error) {
	return objects.Names(ctx, r.store, prefix)
}

// Remove deletes objects; those that are absent are no error.
func (r *Repository) Remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := r.store.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

// Object is one sealed object.
type Object struct {
	Name string `json:"name"`
	// Size is in bytes, sealed.
	Size int64 `json:"size"`
	// SHA256 is of the whole object as it lies in the bucket, in hex.
	SHA256 string `json:"sha256"`
	// Contents is the size of what it holds, in bytes.
	Contents int64     `json:"contents"`
	Key      uuid.UUID `json:"key"`
}

// Write seals what fill writes into a new object.
func (r *Repository) Write(ctx context.Context, name string, key custody.Key, fill func(io.Writer) error) (Object, error) {
	sealed := Object{Name: name, Key: key.ID}
	err := r.store.Write(ctx, name, func(w io.Writer) error {
		s, err := newSealer(w, name, key)
		if err != nil {
			return err
		}
		if err := fill(s); err != nil {
			return err // and the object never exists
		}
		if err := s.end(); err != nil {
			return err
		}
		sealed.Size, sealed.SHA256, sealed.Contents = s.size, s.sum(), s.contents
		return nil
	})
	if err != nil {
		return Object{}, fmt.Errorf("write %s: %w", name, err)
	}
	return sealed, nil
}

// Open reads what an object holds. Only [io.EOF] says that it was whole and unaltered;
// until then do nothing with the contents that could not be undone. Open and the reader
// fail with [ErrMissing], [ErrAltered] or [ErrKey], or as the bucket does.
func (r *Repository) Open(ctx context.Context, name string, keys *Keys) (io.ReadCloser, error) {
	object, err := r.raw(ctx, name)
	if err != nil {
		return nil, err
	}
	opened, err := newOpener(ctx, object, name, keys)
	if err != nil {
		return nil, errors.Join(err, object.Close())
	}
	return opened, nil
}

// Check reads a whole object and compares it with what is recorded of it; it needs no
// keys. It fails with [ErrMissing] or [ErrAltered], or as the bucket does.
func (r *Repository) Check(ctx context.Context, o Object) (err error) {
	size, sum, err := r.Sum(ctx, o.Name)
	if err != nil {
		return err
	}
	if size != o.Size || sum != o.SHA256 {
		return fmt.Errorf("%s: %w: %d bytes of SHA-256 %s, recorded are %d of %s", o.Name, ErrAltered, size, sum, o.Size, o.SHA256)
	}
	return nil
}

// Present looks whether an object is there and has its size, without reading it. It fails
// as [Repository.Check] does.
func (r *Repository) Present(ctx context.Context, o Object) error {
	info, err := r.store.Stat(ctx, o.Name)
	if errors.Is(err, objects.ErrAbsent) {
		return fmt.Errorf("%s: %w", o.Name, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", o.Name, err)
	}
	if info.Size != o.Size {
		return fmt.Errorf("%s: %w: %d bytes, recorded are %d", o.Name, ErrAltered, info.Size, o.Size)
	}
	return nil
}

// Sum reads a whole object and compares it with the checksum at its end, which every
// sealed object has. It needs no keys, and fails as [Repository.Check] does.
func (r *Repository) Sum(ctx context.Context, name string) (size int64, sum string, err error) {
	object, err := r.raw(ctx, name)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	size, sum, err = summed(object)
	if err != nil {
		return 0, "", fmt.Errorf("%s: %w", name, err)
	}
	return size, sum, nil
}

func (r *Repository) raw(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := r.store.Open(ctx, name)
	if errors.Is(err, objects.ErrAbsent) {
		return nil, fmt.Errorf("%s: %w", name, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return object, nil
}
