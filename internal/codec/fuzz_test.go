package codec_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"meai/internal/codec"
)

// FuzzOpen hands the codec payloads that nobody sealed: it opens what it sealed
// itself, bit for bit, and refuses all else without a panic.
func FuzzOpen(f *testing.F) {
	r := newRing(f)
	// The same in each process of the fuzzer; the keys differ, and no input can know them.
	alice := uuid.MustParse("0b5a1f0e-74c5-4bd8-8d1f-5d3b1f1d9c11")
	require.NoError(f, r.Create(f.Context(), alice))
	whole := encode(f, at(codec.DataConverter(r.Keyring), personID(alice)), say("payload"))
	byHand, err := codec.SealByHand(f.Context(), r.Keyring, encode(f, converter.GetDefaultDataConverter(), say("by hand")))
	require.NoError(f, err)
	for _, p := range []*commonpb.Payload{whole, byHand} {
		f.Add(p.Metadata[codec.MetadataKey], p.Data)
		f.Add(p.Metadata[codec.MetadataKey], p.Data[:len(p.Data)/2])
	}
	f.Add([]byte("system"), []byte{1, 0, 0, 0, 0})
	f.Add([]byte("../kek"), []byte(nil))
	f.Add([]byte(uuid.Nil.String()), []byte("hello there"))
	f.Fuzz(func(t *testing.T, key, data []byte) {
		p := &commonpb.Payload{Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(codec.Encoding), codec.MetadataKey: key,
		}, Data: data}
		// Nobody waits for the keys of people who do not exist.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		opened, err := codec.Open(ctx, r.Keyring, p)
		if err != nil {
			require.Nil(t, opened)
			return
		}
		sealed := [][]byte{whole.Data, byHand.Data}
		require.Contains(t, sealed, data, "opened what was never sealed: %v", opened)
	})
}
