// Package keyring holds one set of keys for each person.
//
// A set is a Tink AEAD keyset, which seals the person's data, and a MAC root,
// from which look-up values are derived. Each set is one object in a bucket of
// its own, wrapped by a key-encryption key (KEK). Destroying that object is how
// a person's data is erased everywhere at once, so the bucket is never part of
// a backup and its objects are never versioned.
package keyring

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"meai/internal/failure"
)

// Lease is how long a loaded key set may be used without asking the bucket
// again. It bounds how long a process can go on after keys were destroyed.
const Lease = 5 * time.Second

const (
	// cachedSets bounds the memory of the lease cache (about 2 KiB a set).
	cachedSets = 20_000
	// loadTimeout bounds one shared load, which outlives the caller that began it.
	loadTimeout = 10 * time.Second
)

// Options say where the keys live.
type Options struct {
	// Bucket is the URL of the keyring's bucket. "file://" names a local folder
	// ("file:///abs/keyring?create_dir=true"); any other scheme is opened by
	// gocloud.dev/blob.
	Bucket string
	// KEK is the URL of the key-encryption key. "file://" names a local file,
	// made on first use; any other scheme is opened by gocloud.dev/secrets.
	KEK string
	// Logger receives warnings; nil for slog.Default.
	Logger *slog.Logger

	// clock replaces the lease cache's clock in tests.
	clock otter.Clock
}

// Keyring loads and creates key sets. It is safe for concurrent use.
type Keyring struct {
	store store
	kek   *kek
	cache *otter.Cache[uuid.UUID, *Keys]
}

// system is the cache key and subject of the key set that belongs to nobody.
var system = uuid.Nil

// Open opens the bucket and the KEK. It fails when a local KEK file is absent
// although the bucket already holds keys, because a new KEK could not open them.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	st, err := openStore(ctx, o.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open keyring bucket: %w", err)
	}
	k, err := openKEK(ctx, o.KEK, st, o.Logger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open key-encryption key: %w", err), st.close())
	}
	cache, err := otter.New(&otter.Options[uuid.UUID, *Keys]{
		MaximumSize:      cachedSets,
		ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, *Keys](Lease),
		Clock:            o.clock,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make lease cache: %w", err), k.close(), st.close())
	}
	return &Keyring{store: st, kek: k, cache: cache}, nil
}

// Close drops the leases and releases bucket and KEK.
func (k *Keyring) Close() error {
	k.cache.InvalidateAll()
	k.cache.StopAllGoroutines()
	return errors.Join(k.kek.close(), k.store.close())
}

// Create makes the key set of a subject. It is idempotent and the first writer
// wins, across processes too. It fails with [failure.KeyDestroyed] for a
// subject whose keys were destroyed: they never come back.
func (k *Keyring) Create(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return failure.New(failure.InvalidInput, "keyring: the zero subject has no keys", nil)
	}
	return k.create(ctx, subject)
}

// Keys returns the subject's key set, at most [Lease] old. Use it for one
// operation and ask again for the next; a set that is kept outlives its lease.
// Errors: [failure.KeyMissing], [failure.KeyDestroyed], [ErrWrongKEK],
// [ErrCorrupt], or a passing failure of bucket or KMS.
func (k *Keyring) Keys(ctx context.Context, subject uuid.UUID) (*Keys, error) {
	if subject == system {
		return nil, failure.New(failure.KeyMissing, "keyring: the zero subject has no keys", nil)
	}
	return k.lease(ctx, subject)
}

// System returns the key set of work that belongs to no person, made on first use.
func (k *Keyring) System(ctx context.Context) (*Keys, error) {
	keys, err := k.lease(ctx, system)
	if !failure.Is(err, failure.KeyMissing) {
		return keys, err
	}
	if err := k.create(ctx, system); err != nil {
		return nil, err
	}
	return k.lease(ctx, system)
}

// Fingerprint identifies the keyring without revealing anything of it: a hash
// under the system's key, as 32 hexadecimal digits. It never changes.
func (k *Keyring) Fingerprint(ctx context.Context) (string, error) {
	keys, err := k.System(ctx)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(keys.Blind(Fingerprint, nil)[:16]), nil
}

// Destroy makes everything sealed under the subject's keys unreadable for ever.
// The tombstone is written before the keys are deleted and is never removed, so
// a copy of the keys that returns later stays dead. Other processes follow
// within [Lease]. It is idempotent.
func (k *Keyring) Destroy(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return failure.New(failure.InvalidInput, "keyring: the system keys cannot be destroyed", nil)
	}
	at := []byte(time.Now().UTC().Format(time.RFC3339))
	if err := k.store.create(ctx, tombstoneName(subject), at); err != nil && !errors.Is(err, errExists) {
		return fmt.Errorf("write tombstone of %s: %w", subject, err)
	}
	k.cache.Invalidate(subject)
	if err := k.store.remove(ctx, objectName(subject)); err != nil {
		return fmt.Errorf("delete keys of %s: %w", subject, err)
	}
	return nil
}

func (k *Keyring) create(ctx context.Context, subject uuid.UUID) error {
	if err := k.checkTombstone(ctx, subject); err != nil {
		return err
	}
	object, err := newObject(ctx, k.kek, subject)
	if err != nil {
		return fmt.Errorf("make keys of %s: %w", describe(subject), err)
	}
	err = k.store.create(ctx, objectName(subject), object)
	if err != nil && !errors.Is(err, errExists) {
		return fmt.Errorf("store keys of %s: %w", describe(subject), err)
	}
	return nil
}

// lease answers from the cache or loads once for all who ask at the same time.
// Failures are not cached and an expired lease is never used: fail closed.
func (k *Keyring) lease(ctx context.Context, subject uuid.UUID) (*Keys, error) {
	if keys, ok := k.cache.GetIfPresent(subject); ok {
		return keys, nil
	}
	type result struct {
		keys *Keys
		err  error
	}
	// Apart from the caller, who may give up before a slow bucket answers.
	loaded := make(chan result, 1)
	go func() {
		keys, err := k.cache.Get(ctx, subject, otter.LoaderFunc[uuid.UUID, *Keys](k.load))
		loaded <- result{keys, err}
	}()
	select {
	case r := <-loaded:
		return r.keys, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the keys of %s: %w", describe(subject), ctx.Err())
	}
}

func (k *Keyring) load(ctx context.Context, subject uuid.UUID) (*Keys, error) {
	// The load is shared: a caller who gives up must not fail the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	if err := k.checkTombstone(ctx, subject); err != nil {
		return nil, err
	}
	object, err := k.store.read(ctx, objectName(subject))
	if errors.Is(err, errAbsent) {
		return nil, failure.New(failure.KeyMissing, "no keys for "+describe(subject), err)
	}
	if err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", describe(subject), err)
	}
	keys, err := openObject(ctx, k.kek, subject, object)
	if err != nil {
		return nil, fmt.Errorf("open keys of %s: %w", describe(subject), err)
	}
	return keys, nil
}

func (k *Keyring) checkTombstone(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return nil
	}
	_, err := k.store.read(ctx, tombstoneName(subject))
	switch {
	case errors.Is(err, errAbsent):
		return nil
	case err != nil:
		return fmt.Errorf("look for tombstone of %s: %w", subject, err)
	default:
		return failure.New(failure.KeyDestroyed, "the keys of "+describe(subject)+" were destroyed", nil)
	}
}

func objectName(subject uuid.UUID) string {
	if subject == system {
		return "system"
	}
	return "subjects/" + subject.String()
}

func tombstoneName(subject uuid.UUID) string { return "tombstones/" + subject.String() }

func describe(subject uuid.UUID) string {
	if subject == system {
		return "the system"
	}
	return "subject " + subject.String()
}
