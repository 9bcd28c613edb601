package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/keyring"
)

var fuzzed = uuid.MustParse("6f1c1f5e-6b0e-4c7e-9c39-2f1f2d6f0a11")

// FuzzObject reads arbitrary bytes as a stored key set: either the very keys that
// were stored, or one of the typed errors; never a panic, never other keys.
func FuzzObject(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata/first-format/keyring/subjects", fuzzed.String()))
	require.NoError(f, err)
	sealed, err := os.ReadFile("testdata/first-format/sealed")
	require.NoError(f, err)
	// Made once: the fuzzer's workers are processes of their own and share files alone.
	current, err := os.ReadFile("testdata/second-format")
	require.NoError(f, err)
	f.Add(good)
	f.Add(current)
	for _, cut := range []int{0, 7, 8, 39, 40, 41, 60, len(good) - 1} {
		f.Add(good[:cut])
	}
	f.Add(keyring.Checksummed("MeAiKey2", nil))
	f.Add(keyring.Checksummed("MeAiKey2", []byte{255}))
	f.Add(keyring.Checksummed("MeAiKey2", []byte{1, '1'}))
	f.Add(keyring.Checksummed("MeAiKey2", []byte{1, 's', 1, 2, 3}))
	k, err := keyring.OpenWithClock(context.Background(), keyring.Options{
		Bucket: "mem://", KEK: kekURL("s"), Logger: slog.New(slog.DiscardHandler),
	}, &clock{})
	require.NoError(f, err)
	first, err := keyring.Version(sealed)
	require.NoError(f, err)
	second, err := k.ReadObject(context.Background(), fuzzed, 1, current)
	require.NoError(f, err)
	known := [2]uint32{first, second.Version()}
	f.Fuzz(func(t *testing.T, object []byte) {
		keys, err := k.ReadObject(context.Background(), fuzzed, 1, object)
		if err != nil {
			if !errors.Is(err, keyring.ErrCorrupt) && !errors.Is(err, keyring.ErrWrongKEK) {
				t.Fatalf("an error without a type: %v", err)
			}
			return
		}
		if v := keys.Version(); v != known[0] && v != known[1] {
			t.Fatalf("other keys than those that were stored: version %08x", v)
		}
	})
}

// FuzzContents reads arbitrary bytes as what was wrapped: the KEK authenticates
// it, so only a defect of ours puts such bytes there; they must not panic.
func FuzzContents(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"subject":"6f1c1f5e-6b0e-4c7e-9c39-2f1f2d6f0a11","aead_keyset":"AAAA","mac_root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	f.Add(keyring.FreshContents(fuzzed))
	f.Fuzz(func(t *testing.T, inner []byte) {
		keys, err := keyring.ReadContents(fuzzed, 1, inner)
		if err != nil {
			if !errors.Is(err, keyring.ErrCorrupt) {
				t.Fatalf("an error without a type: %v", err)
			}
			return
		}
		sealed, err := keys.Seal([]byte("x"), words)
		if err != nil {
			t.Fatalf("keys that were accepted do not seal: %v", err)
		}
		if _, err := keys.Open(sealed, words); err != nil {
			t.Fatalf("keys that were accepted do not open: %v", err)
		}
	})
}

// FuzzOpenStream reads arbitrary bytes as a stream: what was sealed, or the
// beginning of it and one of the typed errors; never a panic, never other bytes.
func FuzzOpenStream(f *testing.F) {
	keys, good := firstStream(f)
	f.Add(good)
	for _, cut := range []int{0, 7, 8, keyring.StreamStart, salt - 1, salt, body, body + tag, len(good) - 1} {
		f.Add(good[:cut])
	}
	f.Add(append(good[:len(good):len(good)], good...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		plain, err := openStream(keys, bytes.NewReader(stream), archive)
		switch {
		case err == nil && string(plain) == firstStreamWords:
		case errors.Is(err, keyring.ErrSealed) || errors.Is(err, keyring.ErrUnknownVersion):
			if len(plain) > 0 {
				t.Fatalf("read %q of a stream of one segment that does not open", plain)
			}
		default:
			t.Fatalf("read %q: %v", plain, err)
		}
	})
}
