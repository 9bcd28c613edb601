package keyring_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"meai/internal/failure"
	"meai/internal/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var words = keyring.Location{Table: "interactions", Column: "words", Row: uuid.MustParse("01a2089d-7e0c-7cd0-9336-613f129642ba")}

// place is a folder that holds a keyring and its KEK.
type place struct{ dir string }

func (p place) bucket() string { return filepath.Join(p.dir, "keyring") }
func (p place) kek() string    { return filepath.Join(p.dir, "kek.key") }

func (p place) object(subject uuid.UUID) string {
	return filepath.Join(p.bucket(), "subjects", subject.String())
}

func (p place) options() keyring.Options {
	return keyring.Options{
		Bucket: "file://" + p.bucket() + "?create_dir=true",
		KEK:    "file://" + p.kek(),
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (p place) open(t testing.TB) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(context.Background(), p.options())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// openAt opens a keyring whose leases follow a hand-turned clock.
func (p place) openAt(t testing.TB, c *clock) *keyring.Keyring {
	t.Helper()
	k, err := keyring.OpenWithClock(context.Background(), p.options(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func newPlace(t testing.TB) place { return place{t.TempDir()} }

// clock is turned by hand.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) NowNano() int64                      { return c.nanoseconds.Load() }
func (c *clock) Tick(time.Duration) <-chan time.Time { return nil }
func (c *clock) turn(by time.Duration)               { c.nanoseconds.Add(int64(by)) }

func newSubject(t testing.TB, k *keyring.Keyring) (uuid.UUID, *keyring.Keys) {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, k.Create(context.Background(), subject))
	return subject, keysOf(t, k, subject)
}

func keysOf(t testing.TB, k *keyring.Keyring, subject uuid.UUID) *keyring.Keys {
	t.Helper()
	keys, err := k.Keys(context.Background(), subject)
	require.NoError(t, err)
	return keys
}

func TestWhatOneProcessSealsAnotherOpens(t *testing.T) {
	p := newPlace(t)
	subject, keys := newSubject(t, p.open(t))
	sealed, err := keys.Seal([]byte("I slept badly"), words)
	require.NoError(t, err)

	again := keysOf(t, p.open(t), subject)
	opened, err := again.Open(sealed, words)
	require.NoError(t, err)
	require.Equal(t, "I slept badly", string(opened))
	require.Equal(t, keys.Version(), again.Version())
	require.Equal(t, subject, again.Subject())
	require.Equal(t, keys.Blind(keyring.EntityName, []byte("anna")), again.Blind(keyring.EntityName, []byte("anna")))
}

func TestCreatingAgainKeepsTheFirstKeys(t *testing.T) {
	k := newPlace(t).open(t)
	subject, first := newSubject(t, k)
	require.NoError(t, k.Create(context.Background(), subject))
	require.Equal(t, first.Version(), keysOf(t, k, subject).Version())
}

func TestSimultaneousCreatorsAgreeOnOneKeySet(t *testing.T) {
	p := newPlace(t)
	subject := uuid.New()
	const creators = 32
	versions := make([]uint32, creators)
	var group sync.WaitGroup
	for i := range creators {
		// A keyring of its own for each stands for a process of its own.
		k := p.open(t)
		group.Go(func() {
			if err := k.Create(context.Background(), subject); err != nil {
				t.Error(err)
				return
			}
			keys, err := k.Keys(context.Background(), subject)
			if err != nil {
				t.Error(err)
				return
			}
			versions[i] = keys.Version()
		})
	}
	group.Wait()
	for _, v := range versions {
		require.Equal(t, versions[0], v)
	}
}

func TestUnknownSubjectHasNoKeys(t *testing.T) {
	k := newPlace(t).open(t)
	_, err := k.Keys(context.Background(), uuid.New())
	require.True(t, failure.Is(err, failure.KeyMissing), "%v", err)
	_, err = k.Keys(context.Background(), uuid.Nil)
	require.True(t, failure.Is(err, failure.KeyMissing), "the zero subject must not reach the system's keys: %v", err)
	require.True(t, failure.Is(k.Create(context.Background(), uuid.Nil), failure.InvalidInput))
}

func TestSystemKeysAreMadeOnceAndBelongToNobody(t *testing.T) {
	p := newPlace(t)
	first, err := p.open(t).System(context.Background())
	require.NoError(t, err)
	second, err := p.open(t).System(context.Background())
	require.NoError(t, err)
	require.Equal(t, first.Version(), second.Version())
	require.Equal(t, uuid.Nil, first.Subject())
}

func TestDestroyedKeysNeverComeBack(t *testing.T) {
	ctx := context.Background()
	p, now := newPlace(t), &clock{}
	k, other := p.openAt(t, now), p.openAt(t, now)
	subject, _ := newSubject(t, k)
	keysOf(t, other, subject)
	replica, err := os.ReadFile(p.object(subject))
	require.NoError(t, err)

	require.NoError(t, k.Destroy(ctx, subject))
	require.NoError(t, k.Destroy(ctx, subject), "a repeat is harmless")

	_, err = k.Keys(ctx, subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	require.True(t, failure.Is(k.Create(ctx, subject), failure.KeyDestroyed))
	require.NoFileExists(t, p.object(subject))

	t.Run("another process follows within the lease", func(t *testing.T) {
		keysOf(t, other, subject)
		now.turn(keyring.Lease + time.Millisecond)
		_, err := other.Keys(ctx, subject)
		require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	})
	t.Run("a returning copy of the object stays dead", func(t *testing.T) {
		require.NoError(t, os.WriteFile(p.object(subject), replica, 0o600))
		_, err := p.open(t).Keys(ctx, subject)
		require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	})
}

func TestAnExpiredLeaseIsNotUsedWhenTheBucketIsGone(t *testing.T) {
	ctx := context.Background()
	p, now := newPlace(t), &clock{}
	k := p.openAt(t, now)
	subject, _ := newSubject(t, k)
	require.NoError(t, os.Rename(p.bucket(), p.bucket()+".away"))

	keysOf(t, k, subject) // the lease holds
	now.turn(keyring.Lease - time.Millisecond)
	keysOf(t, k, subject)
	now.turn(2 * time.Millisecond)
	_, err := k.Keys(ctx, subject)
	require.Error(t, err)
	require.False(t, failure.Is(err, failure.KeyMissing), "an outage is not a loss: %v", err)

	require.NoError(t, os.Rename(p.bucket()+".away", p.bucket()))
	keysOf(t, k, subject)
}

func TestALeaseIsShort(t *testing.T) {
	require.LessOrEqual(t, keyring.Lease, 5*time.Second, "the bound that the erasure of a person relies on")
}

func TestReadingDoesNotProlongALease(t *testing.T) {
	p, now := newPlace(t), &clock{}
	k := p.openAt(t, now)
	subject, _ := newSubject(t, k)
	require.NoError(t, os.Remove(p.object(subject)))
	for range 6 {
		now.turn(keyring.Lease / 6)
		keysOf(t, k, subject)
	}
	now.turn(time.Millisecond)
	_, err := k.Keys(context.Background(), subject)
	require.True(t, failure.Is(err, failure.KeyMissing), "%v", err)
}

func TestACallerWhoGivesUpGetsHisOwnError(t *testing.T) {
	k := newPlace(t).open(t)
	subject := uuid.New()
	require.NoError(t, k.Create(context.Background(), subject))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.Keys(ctx, subject); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	keysOf(t, k, subject) // and leaves no error behind for the next
}

func TestDamageIsToldApartFromAWrongKEK(t *testing.T) {
	damage := map[string]func(object []byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"header only":    func(o []byte) []byte { return o[:8] },
		"truncated":      func(o []byte) []byte { return o[:len(o)-1] },
		"flipped bit":    func(o []byte) []byte { o[len(o)/2] ^= 1; return o },
		"other format":   func(o []byte) []byte { o[0]++; return o },
		"appended bytes": func(o []byte) []byte { return append(o, 0) },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			p, now := newPlace(t), &clock{}
			k := p.openAt(t, now)
			subject, _ := newSubject(t, k)
			object, err := os.ReadFile(p.object(subject))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(p.object(subject), do(object), 0o600))
			now.turn(keyring.Lease + time.Millisecond)
			_, err = k.Keys(context.Background(), subject)
			require.ErrorIs(t, err, keyring.ErrCorrupt)
			require.NotErrorIs(t, err, keyring.ErrWrongKEK)
		})
	}
	t.Run("wrong KEK", func(t *testing.T) {
		p := newPlace(t)
		subject, _ := newSubject(t, p.open(t))
		other := newPlace(t)
		other.open(t)
		text, err := os.ReadFile(other.kek())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.kek(), text, 0o600))
		_, err = p.open(t).Keys(context.Background(), subject)
		require.ErrorIs(t, err, keyring.ErrWrongKEK)
		require.NotErrorIs(t, err, keyring.ErrCorrupt)
	})
}

func TestAnObjectSwappedWithAnotherSubjectsIsRefused(t *testing.T) {
	p, now := newPlace(t), &clock{}
	k := p.openAt(t, now)
	alice, _ := newSubject(t, k)
	bob, _ := newSubject(t, k)
	object, err := os.ReadFile(p.object(bob))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(p.object(alice), object, 0o600))
	now.turn(keyring.Lease + time.Millisecond)
	_, err = k.Keys(context.Background(), alice)
	require.ErrorIs(t, err, keyring.ErrCorrupt)
}

func TestErrorsNameNoKeyMaterial(t *testing.T) {
	p := newPlace(t)
	require.NoError(t, os.WriteFile(p.kek(), []byte("c2VjcmV0LWtleS1tYXRlcmlhbA==secret"), 0o600))
	_, err := keyring.Open(context.Background(), p.options())
	require.Error(t, err)
	require.NotContains(t, strings.ToLower(err.Error()), "c2vjcmv0")

	o := newPlace(t).options()
	o.KEK = "base64key://c2VjcmV0LWtleS1tYXRlcmlhbA=="
	_, err = keyring.Open(context.Background(), o)
	require.Error(t, err)
	require.NotContains(t, strings.ToLower(err.Error()), "c2vjcmv0")
}
