package codec_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"meai/internal/codec"
)

// FuzzDecode: whatever payload a history, a CLI or an attacker hands in, decoding
// answers with an error or with what was sealed, and never with anything else.
func FuzzDecode(f *testing.F) {
	r := newRing(f)
	subject := r.newSubject(f)
	payload, err := r.codecOf(subject.String()).ToPayload("the words")
	require.NoError(f, err)
	key, version := payload.Metadata[codec.MetadataKey], payload.Metadata[codec.MetadataVersion]
	for _, data := range [][]byte{payload.Data, payload.Data[:20], append([]byte{}, payload.Data[5:]...), {1, 0, 0, 0, 0}, {}, nil} {
		f.Add(codec.Encoding, key, version, data)
		f.Add(codec.Encoding, []byte("system"), version, data)
		f.Add("json/plain", key, version, []byte(`"in the open"`))
		f.Add("", []byte("00000000-0000-0000-0000-000000000000"), []byte("zzzzzzzz"), data)
	}
	// A workflow of that person, one of nobody's, and the codec server.
	places := []converter.DataConverter{r.codecOf(subject.String()), r.codecOf(""), codec.DataConverter(r.Keyring)}
	f.Fuzz(func(t *testing.T, encoding string, key, version, data []byte) {
		p := &commonpb.Payload{Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encoding), codec.MetadataKey: key, codec.MetadataVersion: version,
		}, Data: data}
		for i, place := range places {
			var got string
			err := place.FromPayload(p, &got)
			if err != nil {
				continue
			}
			if encoding == codec.Encoding {
				require.Equal(t, "the words", got)
			} else {
				require.NotZero(t, i, "a person's workflow takes sealed payloads only")
			}
		}
		if opened, err := codec.Open(t.Context(), r.Keyring, p); err == nil {
			require.NotNil(t, opened)
		}
	})
}

// FuzzFailures: a failure from the server is read, whatever is in it.
func FuzzFailures(f *testing.F) {
	r := newRing(f)
	subject := r.newSubject(f)
	dc := r.codecOf(subject.String())
	sealed, err := proto.Marshal(codec.FailureConverter(dc).ErrorToFailure(codecError("the words")))
	require.NoError(f, err)
	require.NotContains(f, string(sealed), "the words")
	f.Add(sealed)
	f.Add(sealed[:len(sealed)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in failurepb.Failure
		if proto.Unmarshal(raw, &in) != nil {
			return
		}
		before := proto.CloneOf(&in)
		back := codec.FailureConverter(dc).FailureToError(&in)
		require.Error(t, back)
		require.True(t, proto.Equal(before, &in), "what will be sent on is left as it is")
		_ = back.Error()
	})
}

type codecError string

func (e codecError) Error() string { return string(e) }

// codecOf is the converter of a person's workflow; "" for a workflow of nobody's.
func (r ring) codecOf(person string) converter.DataConverter {
	id := "nightly"
	if person != "" {
		id = "person/" + person + "/interaction/abc"
	}
	return converter.WithDataConverterSerializationContext(codec.DataConverter(r.Keyring), converter.WorkflowSerializationContext{WorkflowID: id})
}
