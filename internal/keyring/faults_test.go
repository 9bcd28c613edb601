package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob"
	"pgregory.net/rapid"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
)

// kekURL is a KEK for tests; its last digit tells epochs apart.
func kekURL(epoch string) string {
	return "base64key://" + strings.Repeat(epoch, 1) + "mGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="
}

// errCrash is what every call of a store answers after the process "died".
var errCrash = errors.New("crashed here")

// trio is three buckets in two regions whose calls can fail.
type trio struct {
	stores [3]*memory

	mu    sync.Mutex
	down  [3]bool
	calls int
	// crashAt is the call at which the process dies; 0 for never. Whether that
	// call still takes effect is its parity.
	crashAt int
	took    bool
	// slow happens in each call; meanwhile comes before each, with the stores free.
	slow      func()
	meanwhile func()
}

func newTrio() *trio { return &trio{stores: [3]*memory{newMemory(), newMemory(), newMemory()}} }

func (tr *trio) open(epoch string, others ...string) *keyring.Keyring {
	return tr.openAt(&clock{}, epoch, others...)
}

func (tr *trio) openAt(now *clock, epoch string, others ...string) *keyring.Keyring {
	o := keyring.Options{
		Bucket: "mem://", Region: "here", KEK: kekURL(epoch), Epoch: epoch, OtherKEKs: map[string]string{},
		Replicas: []keyring.Replica{{Region: "here", URL: "mem://"}, {Region: "far", URL: "mem://"}},
		Logger:   slog.New(slog.DiscardHandler),
	}
	for _, other := range others {
		o.OtherKEKs[other] = kekURL(other)
	}
	k, err := keyring.OpenOn(context.Background(), o, now, tr.faulty)
	if err != nil {
		panic(err)
	}
	return k
}

func (tr *trio) faulty(i int, s objects.Erasable) objects.Erasable { return &faulty{s, tr, i} }

// crash lets the process die at its n-th call from now on; took says whether that
// call reaches the store before.
func (tr *trio) crash(n int, took bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.calls, tr.crashAt, tr.took = 0, n, took
}

// faulty is one store of a trio.
type faulty struct {
	objects.Erasable // to be closed
	trio             *trio
	index            int
}

func (f *faulty) do(change func()) error {
	f.trio.mu.Lock()
	meanwhile := f.trio.meanwhile
	f.trio.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	f.trio.mu.Lock()
	defer f.trio.mu.Unlock()
	if f.trio.down[f.index] {
		return errors.New("the store is down")
	}
	if f.trio.slow != nil {
		f.trio.slow()
	}
	f.trio.calls++
	if f.trio.crashAt > 0 && f.trio.calls >= f.trio.crashAt {
		if f.trio.calls == f.trio.crashAt && f.trio.took {
			change()
		}
		return errCrash
	}
	change()
	return nil
}

func (f *faulty) Create(_ context.Context, name string, data []byte) (err error) {
	return errors.Join(f.do(func() { err = f.store().create(name, data) }), err)
}

func (f *faulty) Read(_ context.Context, name string) (data []byte, err error) {
	failed := f.do(func() { data, err = f.store().read(name) })
	return data, errors.Join(failed, err)
}

func (f *faulty) Remove(_ context.Context, name string) error {
	return f.do(func() { f.store().remove(name) })
}

func (f *faulty) List(_ context.Context, prefix string, token []byte, limit int) (names []string, next []byte, err error) {
	err = f.do(func() { names, next = f.store().list(prefix, token, limit) })
	return names, next, err
}

func (f *faulty) store() *memory { return f.trio.stores[f.index] }

// memory is a bucket in memory.
type memory struct{ objects map[string][]byte }

func newMemory() *memory { return &memory{map[string][]byte{}} }

func (m *memory) create(name string, data []byte) error {
	if _, taken := m.objects[name]; taken {
		return objects.ErrExists
	}
	m.objects[name] = slices.Clone(data)
	return nil
}

func (m *memory) read(name string) ([]byte, error) {
	data, ok := m.objects[name]
	if !ok {
		return nil, objects.ErrAbsent
	}
	return slices.Clone(data), nil
}

func (m *memory) remove(name string) { delete(m.objects, name) }

func (m *memory) list(prefix string, token []byte, limit int) (names []string, next []byte) {
	for name := range m.objects {
		if strings.HasPrefix(name, prefix) && name > string(token) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > limit {
		return names[:limit], []byte(names[limit-1])
	}
	return names, nil
}

// holding lists the names that concern a subject in one store.
func (m *memory) holding(subject uuid.UUID) []string {
	var names []string
	for name := range m.objects {
		if strings.Contains(name, subject.String()) {
			names = append(names, name)
		}
	}
	return names
}

// operations are what can be interrupted, each with what must be true once it
// was repeated to its end.
var operations = map[string]struct {
	before func(t require.TestingT, tr *trio, subject uuid.UUID)
	run    func(ctx context.Context, k *keyring.Keyring, subject uuid.UUID) error
}{
	"create": {
		before: func(require.TestingT, *trio, uuid.UUID) {},
		run:    func(ctx context.Context, k *keyring.Keyring, s uuid.UUID) error { return k.Create(ctx, s) },
	},
	"rekey": {
		before: created,
		run: func(ctx context.Context, k *keyring.Keyring, s uuid.UUID) error {
			if _, err := k.Publish(ctx, s, rotation); err != nil {
				return err
			}
			return k.Promote(ctx, s)
		},
	},
	"rewrap": {
		before: created,
		run: func(ctx context.Context, k *keyring.Keyring, s uuid.UUID) error {
			_, complete, err := k.Rewrap(ctx, s)
			if err == nil && !complete {
				err = errors.New("not complete")
			}
			return err
		},
	},
	"destroy": {
		before: created,
		run:    func(ctx context.Context, k *keyring.Keyring, s uuid.UUID) error { return k.Destroy(ctx, s) },
	},
}

// rotation is later than everything that the tests create before it.
var rotation = time.Now().Add(time.Hour)

func created(t require.TestingT, tr *trio, subject uuid.UUID) {
	require.NoError(t, tr.open("s").Create(context.Background(), subject))
}

// TestEveryOperationCanDieAnywhereAndBeResumed kills each operation at each of
// its calls to a store, once before and once after the call took effect.
func TestEveryOperationCanDieAnywhereAndBeResumed(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			for _, took := range []bool{false, true} {
				points := 0
				for crashAt := 1; ; crashAt++ {
					if !killAndResume(t, op.before, op.run, name == "destroy", crashAt, took) {
						break
					}
					points++
				}
				require.Greater(t, points, 5, "it was killed at so many places")
			}
		})
	}
}

func killAndResume(t *testing.T, before func(require.TestingT, *trio, uuid.UUID), run func(context.Context, *keyring.Keyring, uuid.UUID) error, destroys bool, crashAt int, took bool) (killed bool) {
	ctx := context.Background()
	tr, subject := newTrio(), uuid.New()
	before(t, tr, subject)
	seals := newLedger(tr, subject)
	seals.seal(t)

	seals.dying = destroys
	tr.crash(crashAt, took)
	err := run(ctx, tr.open("t", "s"), subject)
	tr.mu.Lock()
	killed = tr.calls >= crashAt
	tr.mu.Unlock()
	tr.crash(0, false)
	if err == nil {
		return killed && crashAt < 200
	}
	seals.check(t)
	if !destroys {
		seals.seal(t)
	}
	for try := 1; ; try++ {
		err := run(ctx, tr.open("t", "s"), subject)
		if err == nil {
			break
		}
		require.Less(t, try, 5, "crash at call %d: %v", crashAt, err)
	}
	seals.dead = destroys
	seals.seal(t)
	seals.check(t)
	if destroys {
		for _, st := range tr.stores {
			require.Empty(t, st.holding(subject))
		}
	}
	return killed
}

// TestADestructionInTheMiddleOfAChangeLeavesNothing destroys the keys, by another
// process, before each call that a change makes to a store.
func TestADestructionInTheMiddleOfAChangeLeavesNothing(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			for at, met := int64(1), true; met; at++ {
				ctx := context.Background()
				tr, subject := newTrio(), uuid.New()
				op.before(t, tr, subject)
				var calls, destroyed atomic.Int64
				k, other := tr.open("t", "s"), tr.open("t", "s")
				tr.meanwhile = func() {
					if calls.Add(1) == at {
						tr.mu.Lock()
						tr.meanwhile = nil
						tr.mu.Unlock()
						// Others may write at this moment: its workflow repeats it.
						for other.Destroy(ctx, subject) != nil {
							time.Sleep(time.Millisecond)
						}
						destroyed.Store(1)
					}
				}
				err := op.run(ctx, k, subject)
				tr.mu.Lock()
				tr.meanwhile = nil
				tr.mu.Unlock()
				if met = destroyed.Load() == 1; !met {
					break
				}
				for i, st := range tr.stores {
					require.Empty(t, st.holding(subject), "replica %d, destroyed before call %d: %v", i, at, err)
				}
				_, err = tr.open("t", "s").Keys(ctx, subject)
				require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
			}
		})
	}
}

// ledger notes what was sealed, and holds the keyring to it.
type ledger struct {
	trio    *trio
	subject uuid.UUID
	sealed  [][]byte
	blinded []byte
	// dying: their destruction was begun; dead: it was confirmed. In between some
	// majority may still find no tombstone.
	dying, dead bool
}

func newLedger(tr *trio, subject uuid.UUID) *ledger { return &ledger{trio: tr, subject: subject} }

// seal seals something with what a new process loads, when there is anything.
func (l *ledger) seal(t require.TestingT) {
	keys, err := l.trio.open("t", "s").Keys(context.Background(), l.subject)
	if err != nil {
		return
	}
	require.False(t, l.dead, "destroyed keys are usable")
	sealed, err := keys.Seal([]byte(fmt.Sprint(len(l.sealed))), words)
	require.NoError(t, err)
	l.sealed = append(l.sealed, sealed)
	blinded := keys.Blind(keyring.EntityName, []byte("anna"))
	if l.blinded != nil {
		require.Equal(t, l.blinded, blinded, "the MAC root changed: there were two live key sets")
	}
	l.blinded = blinded
}

// check opens everything that was ever sealed, as a new process, through every
// majority of the replicas.
func (l *ledger) check(t require.TestingT) {
	for away := -1; away < 3; away++ {
		if away >= 0 {
			l.trio.down[away] = true
		}
		keys, err := l.trio.open("t", "s").Keys(context.Background(), l.subject)
		if away >= 0 {
			l.trio.down[away] = false
		}
		switch {
		case failure.Is(err, failure.KeyDestroyed):
			require.True(t, l.dying, "destroyed by nobody")
		case err == nil:
			require.False(t, l.dead, "destroyed keys are usable")
			for i, sealed := range l.sealed {
				opened, err := keys.Open(sealed, words)
				require.NoError(t, err, "replica %d away", away)
				require.Equal(t, fmt.Sprint(i), string(opened))
			}
		default:
			// A store away while another lacks its copy fails closed; with all there it must not.
			require.True(t, errors.Is(err, keyring.ErrBelowQuorum) || failure.Is(err, failure.KeyMissing), "%v", err)
			require.True(t, away >= 0 || len(l.sealed) == 0, "keys that sealed something are gone: %v", err)
		}
	}
}

// TestTheKeyringKeepsItsWordWhateverHappens is a state machine: operations,
// outages, crashes and lost buckets in any order.
func TestTheKeyringKeepsItsWordWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		tr, subject := newTrio(), uuid.New()
		seals := newLedger(tr, subject)
		attempt := func(name string) func(*rapid.T) {
			return func(t *rapid.T) {
				if rapid.Bool().Draw(t, "crashes") {
					tr.crash(rapid.IntRange(1, 40).Draw(t, "at call"), rapid.Bool().Draw(t, "took effect"))
				}
				epoch, other := "s", "t"
				if name == "rewrap" {
					epoch, other = rapid.SampledFrom([][2]string{{"s", "t"}, {"t", "s"}}).Draw(t, "epoch")[0], "s"
					if epoch == "s" {
						other = "t"
					}
				}
				err := operations[name].run(ctx, tr.open(epoch, other), subject)
				tr.crash(0, false)
				if name == "destroy" {
					seals.dying, seals.dead = true, seals.dead || err == nil
				}
			}
		}
		toggle := func(t *rapid.T) {
			i := rapid.IntRange(0, 2).Draw(t, "replica")
			tr.down[i] = !tr.down[i]
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": attempt("create"), "rekey": attempt("rekey"), "rewrap": attempt("rewrap"), "destroy": attempt("destroy"),
			"outage": toggle,
			"seal":   func(t *rapid.T) { seals.seal(t) },
			"": func(t *rapid.T) {
				down := tr.down
				tr.down = [3]bool{}
				seals.check(t)
				tr.down = down
			},
		})
		// Whatever happened, with all stores back everything comes to rest.
		tr.down = [3]bool{}
		k := tr.open("t", "s")
		if seals.dead || len(seals.sealed) > 0 {
			_, _, err := k.Rewrap(ctx, subject)
			for range 3 {
				_, _, err = k.Rewrap(ctx, subject)
			}
			require.NoError(t, err)
		}
		for _, st := range tr.stores {
			if seals.dying {
				if seals.dead {
					require.Empty(t, st.holding(subject), "keys outlived their destruction")
				}
			} else if len(seals.sealed) > 0 {
				require.Len(t, st.holding(subject), 1, "exactly one generation remains")
			}
		}
	})
}
