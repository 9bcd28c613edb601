package repository_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/enginetest"
	"meai/internal/signing"
)

// shelf is a repository in a folder, with the keys to it.
type shelf struct {
	*repository.Repository
	dir    string
	to     custody.Recipients
	prover custody.Identity
	key    custody.Key
	keys   *repository.Keys
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	var declared [3]string
	for i := range declared {
		private, public, err := custody.NewIdentity()
		require.NoError(t, err)
		declared[i] = public
		s.prover, err = custody.ParseIdentity(private)
		require.NoError(t, err)
	}
	var err error
	s.to, err = custody.ParseRecipients("anna="+declared[0]+" bo="+declared[1], declared[2])
	require.NoError(t, err)
	signer, err := signing.Derive(t.Context(), enginetest.Keyring(t), "backups", "backup-descriptions")
	require.NoError(t, err)
	s.Repository, err = repository.Open(t.Context(), "file://"+s.dir, signer)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.key, err = s.NewKey(t.Context(), s.to)
	require.NoError(t, err)
	s.keys = s.ProverKeys(s.prover)
	return s
}

func (s *shelf) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *shelf) write(t *testing.T, name string, contents []byte) repository.Object {
	t.Helper()
	object, err := s.Write(t.Context(), name, s.key, func(w io.Writer) error {
		_, err := io.Copy(w, iotest.OneByteReader(bytes.NewReader(contents[:len(contents)/7])))
		if err == nil {
			_, err = w.Write(contents[len(contents)/7:])
		}
		return err
	})
	require.NoError(t, err)
	return object
}

func (s *shelf) read(t *testing.T, name string) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), name, s.keys)
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, r.Close()) }()
	return io.ReadAll(r)
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

func TestASealedObjectRoundTripsWhateverItsSize(t *testing.T) {
	s := newShelf(t)
	for _, size := range []int{0, 1, 31, 32, 4096, 1<<20 - 80, 1<<20 - 16, 1 << 20, 3<<20 + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			contents := random(t, size)
			name := fmt.Sprintf("wal/1/1/%d", size)
			object := s.write(t, name, contents)
			require.EqualValues(t, size, object.Contents)
			file, err := os.ReadFile(s.file(name))
			require.NoError(t, err)
			require.EqualValues(t, len(file), object.Size)
			if size > 31 {
				require.False(t, bytes.Contains(file, contents[:32]))
			}
			got, err := s.read(t, name)
			require.NoError(t, err)
			require.True(t, bytes.Equal(contents, got))
			require.NoError(t, s.Check(t.Context(), object))
			r, err := s.Open(t.Context(), name, s.keys)
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(r, contents))
			require.NoError(t, r.Close())
		})
	}
}

func TestWhatIsDoneToASealedObjectIsFoundWithKeysAndWithout(t *testing.T) {
	s := newShelf(t)
	const name = "backups/x/base"
	object := s.write(t, name, random(t, 2<<20))
	whole, err := os.ReadFile(s.file(name))
	require.NoError(t, err)
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		return b
	}
	for what, bytes := range map[string][]byte{
		"a byte of the magic":       flipped(3),
		"a byte of the contents":    flipped(1 << 20),
		"a byte of the last tag":    flipped(len(whole) - 40),
		"a byte of the checksum":    flipped(len(whole) - 1),
		"cut by a byte":             whole[:len(whole)-1],
		"cut at a segment":          whole[:1<<20],
		"cut to nothing":            nil,
		"a few bytes more":          append(flipped(0), "more"...),
		"its beginning twice":       append(whole[:1<<20:1<<20], whole...),
		"without its checksum only": whole[:len(whole)-32],
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, os.WriteFile(s.file(name), bytes, 0o600))
			_, err := s.read(t, name)
			require.ErrorIs(t, err, repository.ErrAltered)
			require.ErrorIs(t, s.Check(t.Context(), object), repository.ErrAltered)
			_, _, err = s.Sum(t.Context(), name)
			require.ErrorIs(t, err, repository.ErrAltered)
		})
	}
	t.Run("another key's id", func(t *testing.T) {
		require.NoError(t, os.WriteFile(s.file(name), flipped(10), 0o600))
		_, err := s.read(t, name)
		require.ErrorIs(t, err, repository.ErrMissing, "there is no such key")
	})
	require.NoError(t, os.Remove(s.file(name)))
	require.ErrorIs(t, s.Check(t.Context(), object), repository.ErrMissing)
	_, err = s.read(t, name)
	require.ErrorIs(t, err, repository.ErrMissing)
}

func TestAnObjectOpensUnderItsOwnNameOnlyAndWithTheRightKeys(t *testing.T) {
	s := newShelf(t)
	s.write(t, "wal/1/1/A", []byte("one"))
	require.NoError(t, os.Rename(s.file("wal/1/1/A"), s.file("wal/1/1/B")))
	_, err := s.read(t, "wal/1/1/B")
	require.ErrorIs(t, err, repository.ErrAltered)

	s.write(t, "wal/1/1/C", []byte("two"))
	private, _, err := custody.NewIdentity()
	require.NoError(t, err)
	stranger, err := custody.ParseIdentity(private)
	require.NoError(t, err)
	_, err = s.Open(t.Context(), "wal/1/1/C", s.ProverKeys(stranger))
	require.ErrorIs(t, err, repository.ErrKey)
	_, err = s.Open(t.Context(), "wal/1/1/C", s.CustodiansKeys(s.prover, stranger))
	require.ErrorIs(t, err, repository.ErrKey)
}

func TestAnObjectThatIsNotWrittenToItsEndDoesNotExist(t *testing.T) {
	s := newShelf(t)
	broken := errors.New("the server went away")
	_, err := s.Write(t.Context(), "backups/x/base", s.key, func(w io.Writer) error {
		_, err := w.Write(random(t, 3<<20))
		return errors.Join(err, broken)
	})
	require.ErrorIs(t, err, broken)
	_, err = s.read(t, "backups/x/base")
	require.ErrorIs(t, err, repository.ErrMissing)
	names, err := s.Names(t.Context(), "backups/")
	require.NoError(t, err)
	require.Empty(t, names)
}

func (s *shelf) take(t *testing.T, at time.Time) repository.Manifest {
	t.Helper()
	id, err := repository.NewID(repository.Postgres, at)
	require.NoError(t, err)
	m := repository.Manifest{ID: id, Kind: repository.Postgres, StartedAt: at, EndedAt: at.Add(time.Minute), Cluster: &repository.Cluster{System: "7", Start: "0/1", End: "0/2"}}
	m.Objects = []repository.Object{s.write(t, m.Part("base.tar.zst"), []byte("contents"))}
	require.NoError(t, s.Commit(t.Context(), m))
	m.Format = repository.Format
	return m
}

func TestTheCatalogueIsWhatLiesInTheBucket(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC)
	second, first := s.take(t, at.Add(time.Hour)), s.take(t, at)
	report := func(state repository.State, at time.Time) {
		require.NoError(t, s.Report(t.Context(), repository.Report{Backup: first.ID, State: state, At: at}))
	}
	state := func() repository.State {
		entries, err := s.Catalogue(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.Equal(t, first, entries[0].Manifest)
		require.Equal(t, second, entries[1].Manifest)
		return entries[0].State()
	}
	require.Equal(t, repository.Taken, state())
	report(repository.Verified, at.Add(2*time.Hour))
	report(repository.Held, at.Add(3*time.Hour))
	require.Equal(t, repository.Verified, state(), "holding changes nothing about what is known")
	report(repository.Proven, at.Add(4*time.Hour))
	require.Equal(t, repository.Proven, state())

	require.ErrorContains(t, s.Expire(t.Context(), repository.Report{Backup: first.ID, At: at.Add(5 * time.Hour)}), "is held")
	require.ErrorContains(t, s.Discard(t.Context(), first.ID), "was taken")
	report(repository.Released, at.Add(6*time.Hour))
	for range 2 { // once more after a crash
		require.NoError(t, s.Expire(t.Context(), repository.Report{Backup: first.ID, At: at.Add(7 * time.Hour)}))
	}
	require.Equal(t, repository.Expired, state())
	require.ErrorIs(t, s.Check(t.Context(), first.Objects[0]), repository.ErrMissing)
	require.NoError(t, s.Check(t.Context(), second.Objects[0]))
}

func TestWhatWasBrokenOffIsFoundAndDiscarded(t *testing.T) {
	s := newShelf(t)
	at := time.Now().Add(-time.Hour)
	taken := s.take(t, at)
	id, err := repository.NewID(repository.Postgres, at)
	require.NoError(t, err)
	s.write(t, repository.PartName(id, "base.tar.zst"), []byte("half"))
	entries, err := s.Catalogue(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)

	abandoned, err := s.Abandoned(t.Context(), at.Add(-time.Minute))
	require.NoError(t, err)
	require.Empty(t, abandoned, "it may still be under way")
	abandoned, err = s.Abandoned(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, []string{id}, abandoned)
	require.NoError(t, s.Discard(t.Context(), id))
	names, err := s.Names(t.Context(), "backups/")
	require.NoError(t, err)
	require.Equal(t, []string{taken.Part("base.tar.zst"), taken.Part("manifest.json")}, names)
}

func TestDescriptionsThatWereChangedAreRefused(t *testing.T) {
	s := newShelf(t)
	m := s.take(t, time.Now())
	manifest := s.file(m.Part("manifest.json"))
	whole, err := os.ReadFile(manifest)
	require.NoError(t, err)
	for at := 0; at < len(whole)-1; at++ {
		changed := bytes.Clone(whole)
		changed[at] ^= 0x01
		require.NoError(t, os.WriteFile(manifest, changed, 0o600))
		if _, err := s.Manifest(t.Context(), m.ID); err == nil {
			t.Fatalf("byte %d of the manifest was changed from %q to %q, and nobody saw it", at, whole[at], changed[at])
		}
	}
	other, err := repository.Open(t.Context(), "file://"+s.dir, nil)
	require.NoError(t, err)
	id := strings.Replace(m.ID, "postgres", "weaviate", 1)
	m.ID = id
	require.NoError(t, other.Commit(t.Context(), m))
	_, err = other.Manifest(t.Context(), id)
	require.NoError(t, err)
	_, err = s.Manifest(t.Context(), id)
	require.ErrorIs(t, err, repository.ErrForged, "somebody else wrote it")
}

func TestMarksAreKeptInOrder(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC)
	for _, minutes := range []int{5, 0} {
		require.NoError(t, s.PutMark(t.Context(), repository.Mark{
			ID: uuid.New(), At: at.Add(time.Duration(minutes) * time.Minute), System: "7", LSN: "0/16B3740",
			Tables: map[string]repository.Contents{"subjects": {Rows: 3, Sum: "-12"}},
		}))
	}
	marks, err := s.Marks(t.Context())
	require.NoError(t, err)
	require.Len(t, marks, 2)
	require.Equal(t, at, marks[0].At)
	require.Equal(t, repository.Contents{Rows: 3, Sum: "-12"}, marks[1].Tables["subjects"])
}
