package signing_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/signing"
)

func TestASignatureIsOfOneKeyAndOneText(t *testing.T) {
	ring := enginetest.Keyring(t)
	key, err := signing.Derive(t.Context(), ring, "test", "test-signature")
	require.NoError(t, err)
	again, err := signing.Derive(t.Context(), ring, "test", "test-signature")
	require.NoError(t, err)
	require.Equal(t, key.String(), again.String(), "the same keyring derives the same key")
	for _, other := range []struct {
		name    string
		purpose keyring.Purpose
	}{{"other", "test-signature"}, {"test", "other"}} {
		k, err := signing.Derive(t.Context(), ring, other.name, other.purpose)
		require.NoError(t, err)
		require.NotEqual(t, key.Fingerprint(), k.Fingerprint())
	}

	signed, err := key.Sign("one\ntwo\n")
	require.NoError(t, err)
	public, err := signing.ParsePublic(key.String() + "\n")
	require.NoError(t, err)
	text, err := public.Open(signed)
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", text)

	strange, err := signing.Derive(t.Context(), enginetest.Keyring(t), "test", "test-signature")
	require.NoError(t, err)
	_, err = strange.Open(signed)
	require.ErrorIs(t, err, signing.ErrSignature, "another keyring's key")
	for name, forged := range map[string][]byte{
		"another text":     bytes.Replace(signed, []byte("two"), []byte("twx"), 1),
		"no signature":     []byte("one\ntwo\n"),
		"signed twice":     append(bytes.Clone(signed), bytes.Split(signed, []byte("\n\n"))[1]...),
		"truncated":        signed[:len(signed)-5],
		"nothing":          nil,
		"stranger's added": append(bytes.Clone(signed), "— who AAAAAAAA\n"...),
	} {
		_, err := public.Open(forged)
		require.ErrorIs(t, err, signing.ErrSignature, name)
	}
	for at := range signed {
		changed := bytes.Clone(signed)
		for bit := range 8 {
			changed[at] = signed[at] ^ 1<<bit
			_, err := public.Open(changed)
			require.ErrorIs(t, err, signing.ErrSignature, "bit %d of byte %d", bit, at)
		}
	}
	_, err = signing.ParsePublic("test+00000000+AAAA")
	require.Error(t, err)
}
