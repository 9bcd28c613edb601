package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"meai/internal/enginetest"
	"meai/internal/ledger"
	"meai/internal/objects"
	"meai/internal/signing"
)

// Stores fail on purpose here; what the ledger says of it is not of interest.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

var errAway = errors.New("the store does not answer")

// fault is what happens to one call.
type fault int

const (
	fine   fault = iota
	before       // fails without effect
	after        // has its effect and fails: the answer was lost
)

// disk is a bucket whose contents outlive the writers, and can be tampered with.
type disk struct {
	bucket *blob.Bucket
	mu     sync.Mutex
	away   bool
}

func newDisk() *disk { return &disk{bucket: memblob.OpenBucket(nil)} }

func (d *disk) setAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *disk) isAway() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away
}

// put overwrites an object, as its owner could past the ledger.
func (d *disk) put(t testing.TB, name string, data []byte) {
	t.Helper()
	require.NoError(t, d.bucket.WriteAll(context.Background(), name, data, nil))
}

func (d *disk) get(t testing.TB, name string) []byte {
	t.Helper()
	data, err := d.bucket.ReadAll(context.Background(), name)
	require.NoError(t, err)
	return data
}

func (d *disk) remove(t testing.TB, name string) {
	t.Helper()
	require.NoError(t, d.bucket.Delete(context.Background(), name))
}

// mount is one writer's access to a disk. next is asked before each call. The ledger
// needs no more of a store than is here; the rest panics.
type mount struct {
	objects.Store
	disk *disk
	next func() fault
}

func (m mount) fault() fault {
	if m.disk.isAway() {
		return before
	}
	if m.next == nil {
		return fine
	}
	return m.next()
}

func (m mount) Create(ctx context.Context, name string, data []byte) error {
	f := m.fault()
	if f == before {
		return errAway
	}
	err := m.disk.bucket.WriteAll(ctx, name, data, &blob.WriterOptions{IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		err = objects.ErrExists
	}
	if f == after {
		return errAway
	}
	return err
}

func (m mount) Read(ctx context.Context, name string) ([]byte, error) {
	if m.fault() != fine {
		return nil, errAway
	}
	data, err := m.disk.bucket.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, objects.ErrAbsent
	}
	return data, err
}

func (m mount) Close() error { return nil }

// site is a set of disks and the key of their ledger.
type site struct {
	key   *signing.Key
	disks []*disk
}

func newSite(t testing.TB, disks int) *site {
	t.Helper()
	s := &site{key: newKey(t)}
	for range disks {
		s.disks = append(s.disks, newDisk())
	}
	return s
}

func newKey(t testing.TB) *signing.Key {
	t.Helper()
	key, err := ledger.KeyOf(enginetest.Keyring(t))(t.Context())
	require.NoError(t, err)
	return key
}

// writer is a new process on the disks; next may let its calls fail.
func (s *site) writer(next func() fault) *ledger.Ledger {
	var stores []objects.Store
	for _, d := range s.disks {
		stores = append(stores, mount{disk: d, next: next})
	}
	return ledger.On(s.key, stores...)
}

// folders is a ledger on local folders, as it runs by default.
func folders(t testing.TB, key *signing.Key, n int) (*ledger.Ledger, []string) {
	t.Helper()
	var urls, paths []string
	for range n {
		path := filepath.Join(t.TempDir(), "ledger")
		paths = append(paths, path)
		urls = append(urls, "file://"+path+"?create_dir=true")
	}
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: urls, Key: ledger.Fixed(key)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, paths
}

func revocation(id string) ledger.Act { return ledger.Revocation("api_key", id) }

// all replays everything.
func all(t testing.TB, l *ledger.Ledger) []ledger.Entry {
	t.Helper()
	var entries []ledger.Entry
	_, err := l.Replay(t.Context(), 1, func(_ context.Context, e ledger.Entry) error {
		entries = append(entries, e)
		return nil
	})
	require.NoError(t, err)
	return entries
}
