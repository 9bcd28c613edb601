// Package keyring holds one set of keys for each person.
//
// A set is a Tink AEAD keyset, which seals the person's data, and a MAC root,
// from which look-up values are derived. Each set is one object in a bucket of
// its own, wrapped by a key-encryption key (KEK). Destroying that object is how
// a person's data is erased everywhere at once, so the bucket is never part of
// a backup and its objects are never versioned.
//
// The bucket may have replicas. Objects are written once: a change of the keys,
// or of the KEK that wraps them, is a new generation of the object, and the
// older ones are removed once every replica holds it. Destroyed keys leave a
// tombstone, which outweighs every object that returns later.
// docs/decisions/0008-keyring-replicas.md tells why it is built this way.
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
	"github.com/maypok86/otter/v2/stats"

	"meai/internal/failure"
	"meai/internal/objects"
)

// Lease is how long a loaded key set may be used without asking the bucket
// again. It bounds how long a process can go on after keys were destroyed: 5 s,
// of which one is left for an operation that has begun when the lease ends.
const Lease = 4 * time.Second

const (
	// cachedSets bounds the memory of the lease cache (about 2 KiB a set).
	cachedSets = 20_000
	// loadTimeout bounds one shared load, which outlives the caller that began it.
	// Most of a lease, which begins with the load, must be left after it.
	loadTimeout = 3 * time.Second
)

// Options say where the keys live.
type Options struct {
	// Bucket is the URL of the keyring's bucket. "file://" names a local folder
	// ("file:///abs/keyring?create_dir=true"); any other scheme is opened by
	// gocloud.dev/blob.
	Bucket string
	// Region is where Bucket is.
	Region string
	// Replicas are further buckets that hold the same; three in all, one of them
	// in another region, survive the loss of any one. Bucket stays the first: it
	// decides between those who change a subject's keys at the same time.
	Replicas []Replica
	// KEK is the URL of the key-encryption key. "file://" names a local file,
	// made on first use; any other scheme is opened by gocloud.dev/secrets.
	KEK string
	// Epoch names the KEK; empty for [FirstEpoch]. Another KEK is another epoch.
	Epoch string
	// OtherKEKs open what is wrapped under other epochs, by epoch.
	OtherKEKs map[string]string
	// Logger receives warnings; nil for slog.Default.
	Logger *slog.Logger

	// clock and wrapStore replace the leases' clock and the stores in tests.
	clock     otter.Clock
	wrapStore func(replica int, s objects.Erasable) objects.Erasable
}

// Keyring loads and creates key sets. It is safe for concurrent use.
type Keyring struct {
	replicas replicas
	keks     *keks
	cache    *otter.Cache[uuid.UUID, *Keys]
	clock    otter.Clock
}

// steady is a clock that a change of the system's time does not move: a lease
// that an administrator's clock prolonged would be none.
type steady struct{ since time.Time }

func (s steady) NowNano() int64                      { return int64(time.Since(s.since)) }
func (steady) Tick(d time.Duration) <-chan time.Time { return time.Tick(d) }

// system is the cache key and subject of the key set that belongs to nobody.
var system = uuid.Nil

// Open opens the bucket and the KEK. It fails when a local KEK file is absent
// although the bucket already holds keys, because a new KEK could not open them.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.clock == nil {
		o.clock = steady{time.Now()}
	}
	rs, err := openReplicas(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	ks, err := openKEKs(ctx, o, rs)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open key-encryption key: %w", err), rs.close())
	}
	k := &Keyring{replicas: rs, keks: ks, clock: o.clock}
	k.cache, err = otter.New(&otter.Options[uuid.UUID, *Keys]{
		MaximumSize:   cachedSets,
		StatsRecorder: stats.NewCounter(),
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[uuid.UUID, *Keys]) time.Duration {
			return time.Duration(max(e.Value.until-k.clock.NowNano(), 1))
		}),
		Clock: o.clock,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make lease cache: %w", err), ks.close(), rs.close())
	}
	return k, nil
}

// Lookups is how often keys were found in memory, and how often they had to be loaded.
func (k *Keyring) Lookups() (hits, loads uint64) {
	s := k.cache.Stats()
	return s.Hits, s.LoadSuccesses + s.LoadFailures
}

// Close drops the leases and releases bucket and KEK.
func (k *Keyring) Close() error {
	k.cache.InvalidateAll()
	k.cache.StopAllGoroutines()
	return errors.Join(k.keks.close(), k.replicas.close())
}

// Create makes the key set of a subject. It is idempotent and the first writer
// wins, across processes too. It fails with [failure.KeyDestroyed] for a
// subject whose keys were destroyed: they never come back.
func (k *Keyring) Create(ctx context.Context, subject uuid.UUID) error {
	if subject == system {
		return failure.New(failure.InvalidInput, "keyring: the zero subject has no keys", nil)
	}
	return k.createOnce(ctx, subject)
}

// Keys returns the subject's key set, at most [Lease] old. Use it for one
// operation and ask again for the next; a set that is kept outlives its lease.
// Errors: [failure.KeyMissing], [failure.KeyDestroyed], [ErrWrongKEK],
// [ErrCorrupt], [ErrBelowQuorum], or a passing failure of bucket or KMS.
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
	if err := k.createOnce(ctx, system); err != nil {
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
	// The lease runs from before the look for a tombstone: one that is written
	// just after it must be obeyed within a lease, however slow the rest was.
	began := k.clock.NowNano()
	generation, object, err := k.replicas.survey(ctx, subject, readable).keys()
	if err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", describe(subject), err)
	}
	c, err := readObject(ctx, k.keks, subject, generation, object)
	if err != nil {
		return nil, fmt.Errorf("open keys of %s: %w", describe(subject), err)
	}
	keys, err := newKeys(c)
	if err != nil {
		return nil, fmt.Errorf("open keys of %s: %w", describe(subject), err)
	}
	keys.until = began + int64(Lease)
	keys.renew = func() error {
		_, err := k.lease(context.Background(), subject)
		return err
	}
	if k.clock.NowNano() >= keys.until {
		return nil, fmt.Errorf("reading the keys of %s took longer than a lease", describe(subject))
	}
	return keys, nil
}

func describe(subject uuid.UUID) string {
	if subject == system {
		return "the system"
	}
	return "subject " + subject.String()
}
