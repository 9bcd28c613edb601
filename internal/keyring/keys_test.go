package keyring_test

import (
	"crypto/rand"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meai/internal/keyring"
)

func TestASealedValueOpensInItsOwnPlaceOnly(t *testing.T) {
	k := newPlace(t).open(t)
	_, alice := newSubject(t, k)
	_, bob := newSubject(t, k)
	sealed, err := alice.Seal([]byte("secret"), words)
	require.NoError(t, err)

	elsewhere := map[string]keyring.Location{
		"other table":   {Table: "sessions", Column: words.Column, Row: words.Row},
		"other column":  {Table: words.Table, Column: "answer", Row: words.Row},
		"other row":     {Table: words.Table, Column: words.Column, Row: uuid.New()},
		"moved border":  {Table: words.Table + words.Column[:1], Column: words.Column[1:], Row: words.Row},
		"nothing given": {},
	}
	for name, at := range elsewhere {
		t.Run(name, func(t *testing.T) {
			_, err := alice.Open(sealed, at)
			require.ErrorIs(t, err, keyring.ErrSealed)
		})
	}
	_, err = bob.Open(sealed, words)
	require.ErrorIs(t, err, keyring.ErrUnknownVersion)

	t.Run("another person, should one ever hold a copy of the keys", func(t *testing.T) {
		_, err := alice.As(bob.Subject()).Open(sealed, words)
		require.ErrorIs(t, err, keyring.ErrSealed)
	})
	t.Run("another person, with the version number forged", func(t *testing.T) {
		own, err := bob.Seal(nil, words)
		require.NoError(t, err)
		_, err = bob.Open(append(own[:5:5], sealed[5:]...), words)
		require.ErrorIs(t, err, keyring.ErrSealed)
	})
}

func TestSealedBytesStartWithTheVersionAndDifferEachTime(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	first, err := keys.Seal([]byte("same"), words)
	require.NoError(t, err)
	second, err := keys.Seal([]byte("same"), words)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	version, err := keyring.Version(first)
	require.NoError(t, err)
	require.Equal(t, keys.Version(), version)
}

func TestSealingRoundTripsAndAnyChangeIsNoticed(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	rapid.Check(t, func(t *rapid.T) {
		at := keyring.Location{Table: rapid.String().Draw(t, "table"), Column: rapid.String().Draw(t, "column"), Row: uuid.New()}
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := keys.Seal(plain, at)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := keys.Open(sealed, at)
		if err != nil || string(opened) != string(plain) {
			t.Fatalf("opened %q, %v", opened, err)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")
		sealed[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		if _, err := keys.Open(sealed, at); err == nil {
			t.Fatalf("a change of byte %d went unnoticed", i)
		}
	})
}

func TestGarbageDoesNotOpen(t *testing.T) {
	_, keys := newSubject(t, newPlace(t).open(t))
	for _, garbage := range [][]byte{nil, {}, {1}, {1, 2, 3, 4}, {0, 0, 0, 0, 0}, make([]byte, 64)} {
		_, err := keys.Open(garbage, words)
		require.ErrorIs(t, err, keyring.ErrSealed, "%v", garbage)
	}
}

func TestBlindingSeparatesPeopleAndPurposes(t *testing.T) {
	k := newPlace(t).open(t)
	_, alice := newSubject(t, k)
	_, bob := newSubject(t, k)
	purposes := []keyring.Purpose{keyring.WorkflowID, keyring.Idempotency, keyring.EntityName, keyring.SearchTerm, keyring.Body}
	seen := map[string]keyring.Purpose{}
	for _, keys := range []*keyring.Keys{alice, bob} {
		for _, p := range purposes {
			blinded := keys.Blind(p, []byte("anna"))
			require.Len(t, blinded, 32)
			require.Equal(t, blinded, keys.Blind(p, []byte("anna")))
			require.NotContains(t, seen, string(blinded))
			seen[string(blinded)] = p
		}
	}
}

func BenchmarkSealOpen2kB(b *testing.B) {
	_, keys := newSubject(b, newPlace(b).open(b))
	plain := make([]byte, 2048)
	_, err := rand.Read(plain)
	require.NoError(b, err)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := keys.Seal(plain, words)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := keys.Open(sealed, words); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBlind(b *testing.B) {
	_, keys := newSubject(b, newPlace(b).open(b))
	b.ReportAllocs()
	for b.Loop() {
		keys.Blind(keyring.SearchTerm, []byte("anniversary"))
	}
}

func BenchmarkLeasedKeys(b *testing.B) {
	k := newPlace(b).open(b)
	subject, _ := newSubject(b, k)
	b.ReportAllocs()
	for b.Loop() {
		keysOf(b, k, subject)
	}
}
