package keyring_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/keyring"
)

// The layout of a stream, see stream.go.
const (
	segment = 1 << 20
	tag     = 16
	salt    = 8 + 65 + 1           // after the magic, the sealed data key, and a length
	body    = 8 + 65 + 40          // the first segment
	first   = segment - body - tag // what the first segment holds
	full    = segment - tag
)

var archive = keyring.Location{Table: "archives", Column: "2026/11.tar", Row: words.Row}

func random(t testing.TB, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

// sealStream writes plain in pieces of random size.
func sealStream(t testing.TB, keys *keyring.Keys, plain []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := keys.SealStream(&sealed, archive)
	require.NoError(t, err)
	for piece := range pieces(plain) {
		n, err := w.Write(piece)
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
	}
	require.NoError(t, w.Close())
	return sealed.Bytes()
}

func pieces(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := min(len(b), mathrand.N(1<<mathrand.N(22)))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func openStream(keys *keyring.Keys, from io.Reader, at keyring.Location) ([]byte, error) {
	r, err := keys.OpenStream(from, at)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	if _, again := r.Read(make([]byte, 1)); err != nil && again != err {
		return plain, fmt.Errorf("after %v, reading again answers %v", err, again)
	}
	return plain, err
}

// refuses requires that a stream does not open, and that what was read of it until
// then is the beginning of what was sealed.
func refuses(t *testing.T, keys *keyring.Keys, stream []byte, plain []byte) {
	t.Helper()
	got, err := openStream(keys, bytes.NewReader(stream), archive)
	require.ErrorIs(t, err, keyring.ErrSealed)
	require.NotErrorIs(t, err, io.EOF)
	require.True(t, bytes.HasPrefix(plain, got), "something else was read")
}

func TestAStreamRoundTripsInPiecesOfAnySize(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	for size, segments := range map[int]int{
		0: 1, 1: 1, 4711: 1, first - 1: 1, first: 1, first + 1: 2,
		first + full - 1: 2, first + full: 2, first + full + 1: 3, first + 3*full + 4711: 5,
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			plain := random(t, size)
			sealed := sealStream(t, keys, plain)
			require.Len(t, sealed, body+size+segments*tag)
			r, err := keys.OpenStream(bytes.NewReader(sealed), archive)
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(r, plain))
			got, err := openStream(keys, iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(sealed))), archive)
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, got))
		})
	}
}

func TestAStreamOpensInItsOwnPlaceOnly(t *testing.T) {
	k := newPlace(t).open(t)
	_, alice := newSubject(t, k)
	_, bob := newSubject(t, k)
	sealed := sealStream(t, alice, []byte("secret"))
	for name, at := range map[string]keyring.Location{
		"other table":  {Table: "exports", Column: archive.Column, Row: archive.Row},
		"other column": {Table: archive.Table, Column: "2026/12.tar", Row: archive.Row},
		"other row":    {Table: archive.Table, Column: archive.Column, Row: uuid.New()},
		"moved border": {Table: archive.Table + archive.Column[:1], Column: archive.Column[1:], Row: archive.Row},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openStream(alice, bytes.NewReader(sealed), at)
			require.ErrorIs(t, err, keyring.ErrSealed)
		})
	}
	t.Run("another person", func(t *testing.T) {
		_, err := openStream(bob, bytes.NewReader(sealed), archive)
		require.ErrorIs(t, err, keyring.ErrUnknownVersion)
	})
	t.Run("another person, should one ever hold a copy of the keys", func(t *testing.T) {
		refuses(t, alice.As(bob.Subject()), sealed, nil)
	})
	t.Run("another person, with a header of their own", func(t *testing.T) {
		refuses(t, bob, append(sealStream(t, bob, nil)[:body:body], sealed[body:]...), nil)
	})
	t.Run("a data key sealed anew does not take the contents along", func(t *testing.T) {
		refuses(t, alice, alice.MoveStream(sealed, archive, archive), nil)
		elsewhere := keyring.Location{Table: "exports"}
		_, err := openStream(alice, bytes.NewReader(alice.MoveStream(sealed, archive, elsewhere)), elsewhere)
		require.ErrorIs(t, err, keyring.ErrSealed)
	})
	t.Run("the data key is no value", func(t *testing.T) {
		_, err := alice.Open(sealed[8:8+65], archive)
		require.ErrorIs(t, err, keyring.ErrSealed)
	})
}

func TestAnyChangedByteOfAStreamIsNoticed(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	changed := func(t *testing.T, plain, sealed []byte, i int) {
		stream := slices.Clone(sealed)
		stream[i] ^= 1 << mathrand.N(8)
		got, err := openStream(keys, bytes.NewReader(stream), archive)
		if i > 8 && i < keyring.StreamStart {
			require.ErrorIs(t, err, keyring.ErrUnknownVersion, "byte %d", i)
		} else {
			require.ErrorIs(t, err, keyring.ErrSealed, "byte %d", i)
		}
		require.True(t, bytes.HasPrefix(plain, got), "byte %d: something else was read", i)
	}
	t.Run("every byte of a short one", func(t *testing.T) {
		plain := []byte("short")
		sealed := sealStream(t, keys, plain)
		for i := range sealed {
			changed(t, plain, sealed, i)
		}
	})
	t.Run("each part of a long one", func(t *testing.T) {
		plain := random(t, first+full+5)
		sealed := sealStream(t, keys, plain)
		for _, i := range []int{
			0, 7, 8, 20, salt - 2, salt - 1, salt, body - 1, body, 500_000, segment - 1,
			segment, segment + 500_000, 2*segment - 1, 2 * segment, len(sealed) - 1,
		} {
			changed(t, plain, sealed, i)
		}
	})
}

func TestAStreamThatWasCutAnywhereDoesNotOpen(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	plain := []byte("short")
	sealed := sealStream(t, keys, plain)
	for n := range sealed {
		refuses(t, keys, sealed[:n], plain)
	}
	plain = random(t, first+full+full)
	sealed = sealStream(t, keys, plain)
	for _, n := range []int{
		body, body + tag, segment - 1, segment, segment + 1, segment + tag,
		2*segment - 1, 2 * segment, 2*segment + 1, 2*segment + tag, 3*segment - 1,
	} {
		refuses(t, keys, sealed[:n], plain)
	}
}

func TestSegmentsStayInTheirOrderAndTheirStream(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	plain := random(t, first+2*full+5)
	a, b := sealStream(t, keys, plain), sealStream(t, keys, plain)
	part := func(stream []byte, i int) []byte { return stream[i*segment : min((i+1)*segment, len(stream))] }
	for name, parts := range map[string][][]byte{
		"swapped":                   {part(a, 0), part(a, 2), part(a, 1), part(a, 3)},
		"left out":                  {part(a, 0), part(a, 2), part(a, 3)},
		"repeated":                  {part(a, 0), part(a, 1), part(a, 1), part(a, 2), part(a, 3)},
		"last in the middle":        {part(a, 0), part(a, 1), part(a, 3)},
		"from another stream":       {part(a, 0), part(b, 1), part(a, 2), part(a, 3)},
		"the end of another stream": {part(a, 0), part(a, 1), part(b, 2), part(b, 3)},
		"behind another header":     {a[:body], b[body:]},
		"behind another data key":   {a[:salt-1], b[salt-1:]},
		"behind another salt":       {a[:salt], b[salt:body], a[body:]},
		"more after the end":        {a, {0}},
		"the end twice":             {a, part(a, 3)},
		"two streams in a row":      {a, b},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, keys, slices.Concat(parts...), plain) })
	}
}

func TestANewKeyVersionSealsAndTheOldOneOpensUntilItIsRetired(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	subject, before := newSubject(t, p.open(t))
	old := sealStream(t, before, []byte("old"))
	rotator := p.open(t)
	_, err := rotator.Publish(ctx, subject, time.Now())
	require.NoError(t, err)
	require.NoError(t, rotator.Promote(ctx, subject))

	after := keysOf(t, p.open(t), subject)
	plain, err := openStream(after, bytes.NewReader(old), archive)
	require.NoError(t, err)
	require.Equal(t, "old", string(plain))
	require.NotEqual(t, before.Version(), after.Version())
	for _, keys := range []*keyring.Keys{before, after} {
		version, err := keyring.StreamVersion(sealStream(t, keys, nil)[:keyring.StreamStart])
		require.NoError(t, err)
		require.Equal(t, keys.Version(), version)
	}

	_, err = rotator.Retire(ctx, subject, before.Version())
	require.NoError(t, err)
	_, err = openStream(keysOf(t, p.open(t), subject), bytes.NewReader(old), archive)
	require.ErrorIs(t, err, keyring.ErrUnknownVersion)
}

func TestWhatIsNoStreamHasNoVersion(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	sealed := sealStream(t, keys, nil)
	value, err := keys.Seal(make([]byte, 32), archive)
	require.NoError(t, err)
	for _, start := range [][]byte{
		nil, value, sealed[:keyring.StreamStart-1],
		append([]byte("MeAiStr2"), sealed[8:]...), append([]byte("MeAiStr1"), 0, 0, 0, 0, 0),
	} {
		_, err := keyring.StreamVersion(start)
		require.ErrorIs(t, err, keyring.ErrSealed, "%x", start)
	}
}

func TestDestroyedKeysOpenNoStream(t *testing.T) {
	p, c, ctx := newPlace(t), &clock{}, t.Context()
	k := p.openAt(t, c)
	subject, keys := newSubject(t, k)
	sealed := sealStream(t, keys, random(t, 3*segment))
	reading, err := keys.OpenStream(bytes.NewReader(sealed), archive)
	require.NoError(t, err)
	_, err = io.ReadFull(reading, make([]byte, segment))
	require.NoError(t, err)

	require.NoError(t, p.open(t).Destroy(ctx, subject), "in another process")
	c.turn(keyring.Lease)
	_, err = reading.Read(make([]byte, 1))
	require.True(t, failure.Is(err, failure.KeyDestroyed), "what is being read ends: %v", err)
	kept, err := keys.OpenStream(bytes.NewReader(sealed), archive)
	require.NoError(t, err)
	_, err = io.ReadAll(kept)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "keys that were kept read nothing: %v", err)
	_, err = k.Keys(ctx, subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
}

func TestAFailingSourceDoesNotLookLikeAChangedStreamOrItsEnd(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	plain := random(t, first+full)
	sealed := sealStream(t, keys, plain)
	broken := errors.New("broken")
	for name, c := range map[string]struct{ err, want error }{
		"any":                     {broken, broken},
		"a cut connection":        {io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"the end of a connection": {fmt.Errorf("GET: %w", io.EOF), io.ErrUnexpectedEOF},
	} {
		for _, n := range []int{0, 5, salt - 1, salt, salt + 5, body, body + tag, segment, segment + 5, 2*segment - 1} {
			t.Run(fmt.Sprintf("%s after %d", name, n), func(t *testing.T) {
				got, err := openStream(keys, io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(c.err)), archive)
				require.ErrorIs(t, err, c.want)
				require.NotErrorIs(t, err, keyring.ErrSealed)
				require.NotErrorIs(t, err, io.EOF)
				require.True(t, bytes.HasPrefix(plain, got))
			})
		}
	}
}

// failsOnce writes as if nothing had been after one failure.
type failsOnce struct {
	bytes.Buffer
	after int
}

var errFull = errors.New("disk full")

func (f *failsOnce) Write(p []byte) (int, error) {
	if f.after--; f.after == -1 {
		return 0, errFull
	}
	return f.Buffer.Write(p)
}

func TestAStreamThatWasNotWrittenToItsEndDoesNotOpen(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	plain := random(t, first+full+5)
	t.Run("not closed", func(t *testing.T) {
		var sealed bytes.Buffer
		w, err := keys.SealStream(&sealed, archive)
		require.NoError(t, err)
		_, err = w.Write(plain)
		require.NoError(t, err)
		refuses(t, keys, sealed.Bytes(), plain)
	})
	for after := range 2 {
		_, err := keys.SealStream(&failsOnce{after: after}, archive)
		require.ErrorIs(t, err, errFull)
	}
	for after := 2; after < 5; after++ {
		t.Run(fmt.Sprintf("write %d failed", after), func(t *testing.T) {
			to := &failsOnce{after: after}
			w, err := keys.SealStream(to, archive)
			require.NoError(t, err)
			for piece := range slices.Chunk(plain, 4711) {
				_, err = w.Write(piece)
			}
			if after < 4 { // the last segment is the fifth write, and Close's
				require.ErrorIs(t, err, errFull)
			}
			require.ErrorIs(t, w.Close(), errFull)
			require.ErrorIs(t, w.Close(), errFull)
			refuses(t, keys, to.Bytes(), plain)
		})
	}
}

func TestAStreamDoesNotContainWhatItSeals(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	sealed := sealStream(t, keys, bytes.Repeat([]byte("I slept badly. "), 100_000))
	require.NotContains(t, string(sealed), "slept")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAStreamOfAnyLengthTakesTheSameLittleMemory(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from, to := io.Pipe()
	go func() {
		w, err := keys.SealStream(to, archive)
		if err == nil {
			_, err = io.CopyN(w, zeros{}, size)
			err = errors.Join(err, w.Close())
		}
		to.CloseWithError(err)
	}()
	r, err := keys.OpenStream(from, archive)
	require.NoError(t, err)
	n, err := io.Copy(struct{ io.Writer }{io.Discard}, r)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	// Three segments on either side: Tink makes a buffer anew for the second, which
	// is larger than the first.
	require.Less(t, allocated, uint64(8<<20), "bytes allocated in all")
}

func TestAStreamOfTheFirstFormatOpens(t *testing.T) {
	keys, stream := firstStream(t)
	plain, err := openStream(keys, bytes.NewReader(stream), archive)
	require.NoError(t, err)
	require.Equal(t, firstStreamWords, string(plain))
}

func BenchmarkStream(b *testing.B) {
	_, keys := newSubject(b, newPlace(b).open(b))
	plain := random(b, 8<<20)
	sealed := sealStream(b, keys, plain)
	block, err := aes.NewCipher(plain[:32])
	require.NoError(b, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(b, err)
	buffer := make([]byte, 0, segment+tag)
	var alone float64
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"AES-GCM alone", func() error {
			for part := range slices.Chunk(plain, segment) {
				gcm.Seal(buffer, plain[:12], part, nil)
			}
			return nil
		}},
		{"seal", func() error {
			w, err := keys.SealStream(io.Discard, archive)
			if err != nil {
				return err
			}
			_, err = w.Write(plain)
			return errors.Join(err, w.Close())
		}},
		{"open", func() error {
			r, err := keys.OpenStream(bytes.NewReader(sealed), archive)
			if err != nil {
				return err
			}
			_, err = io.Copy(struct{ io.Writer }{io.Discard}, r)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
			each := b.Elapsed().Seconds() / float64(b.N)
			if alone == 0 {
				alone = each
			}
			b.ReportMetric(each/alone, "times-AES-GCM")
		})
	}
}

const firstStreamWords = "I slept badly"

// firstStream is a stream from a file, with the keys that open it.
func firstStream(t testing.TB) (*keyring.Keys, []byte) {
	t.Helper()
	stream, err := os.ReadFile("testdata/first-stream")
	require.NoError(t, err)
	object, err := os.ReadFile("testdata/second-format")
	require.NoError(t, err)
	k, err := keyring.OpenWithClock(context.Background(), keyring.Options{Bucket: "mem://", KEK: kekURL("s")}, &clock{})
	require.NoError(t, err)
	keys, err := k.ReadObject(context.Background(), fuzzed, 1, object)
	require.NoError(t, err)
	return keys, stream
}
