package codec_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"meai/internal/codec"
	"meai/internal/failure"
	"meai/internal/keyring"
)

// ring is a keyring whose folder a test can take away.
type ring struct {
	*keyring.Keyring
	folder string
}

func newRing(t testing.TB) ring {
	t.Helper()
	r := ring{folder: filepath.Join(t.TempDir(), "keyring")}
	r.Keyring = r.open(t)
	return r
}

// open opens the same keys again, as a process that holds no leases yet.
func (r ring) open(t testing.TB) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(context.Background(), keyring.Options{
		Bucket: "file://" + r.folder + "?create_dir=true", KEK: "file://" + r.folder + ".kek",
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func (r ring) takeAway(t testing.TB)  { require.NoError(t, os.Rename(r.folder, r.folder+".away")) }
func (r ring) bringBack(t testing.TB) { require.NoError(t, os.Rename(r.folder+".away", r.folder)) }

func (r ring) newSubject(t testing.TB) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, r.Create(context.Background(), subject))
	return subject
}

func personID(subject uuid.UUID) string { return fmt.Sprintf("person/%s/interaction/abc", subject) }

// at is the converter as the SDK uses it for a workflow's payloads.
func at(dc converter.DataConverter, workflowID string) converter.DataConverter {
	return converter.WithDataConverterSerializationContext(dc,
		converter.WorkflowSerializationContext{Namespace: "meai", WorkflowID: workflowID})
}

// inWorkflowCode is the converter as the SDK uses it inside a workflow task.
func inWorkflowCode(dc converter.DataConverter) converter.DataConverter {
	return dc.(converter.ContextAware).WithWorkflowContext(nil)
}

func encode(t testing.TB, dc converter.DataConverter, value any) *commonpb.Payload {
	t.Helper()
	p, err := dc.ToPayload(value)
	require.NoError(t, err)
	return p
}

func TestThePersonInTheWorkflowIDPicksTheKey(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	dc := codec.DataConverter(r.Keyring)
	contexts := map[string]struct {
		dc  converter.DataConverter
		key string
	}{
		"workflow of a person": {at(dc, personID(alice)), alice.String()},
		"activity of a person": {converter.WithDataConverterSerializationContext(dc,
			converter.ActivitySerializationContext{WorkflowID: personID(alice)}), alice.String()},
		"within workflow code":  {at(inWorkflowCode(dc), personID(alice)), alice.String()},
		"bound afterwards":      {inWorkflowCode(at(dc, personID(alice))), alice.String()},
		"operational workflow":  {at(dc, "consolidation/2026-11-23"), "system"},
		"looks like a person's": {at(dc, "persons/"+alice.String()), "system"},
		"without context":       {dc, "system"},
		"nexus operation": {converter.WithDataConverterSerializationContext(at(dc, personID(alice)),
			converter.NexusSerializationContext{}), "system"},
	}
	for name, c := range contexts {
		t.Run(name, func(t *testing.T) {
			p := encode(t, c.dc, say("payload"))
			require.Equal(t, c.key, string(p.Metadata[codec.MetadataKey]))
			require.Equal(t, codec.Encoding, string(p.Metadata[converter.MetadataEncoding]))
			require.NotContains(t, p.String(), canary)
			var out note
			require.NoError(t, dc.FromPayload(p, &out), "the payload says itself how to be opened")
			require.Equal(t, say("payload"), out)
		})
	}
}

func TestAPersonsIDWithoutASubjectIsAnError(t *testing.T) {
	dc := codec.DataConverter(newRing(t).Keyring)
	for _, id := range []string{"person/", "person/bob/interaction/1", "person//x", "person/" + uuid.Nil.String() + "/x",
		"person/" + strings.ToUpper("0b5a1f0e-74c5-4bd8-8d1f-5d3b1f1d9c11") + "/x"} {
		_, err := at(inWorkflowCode(dc), id).ToPayload("x")
		require.True(t, failure.Is(err, failure.InvalidInput), "%s: %v", id, err)
	}
}

func TestPlainPayloadsEnterOperationalWorkflowsOnly(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	dc := codec.DataConverter(r.Keyring)
	plain := encode(t, converter.GetDefaultDataConverter(), note{"from the CLI"})
	var out note
	require.NoError(t, at(dc, "backup/1").FromPayload(plain, &out))
	require.NoError(t, dc.FromPayload(plain, &out))
	require.Equal(t, "from the CLI", out.Text)
	err := at(dc, personID(alice)).FromPayload(plain, &out)
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
}

func TestAPayloadPastedIntoAnotherPersonsHistoryIsRefused(t *testing.T) {
	r := newRing(t)
	alice, bob := r.newSubject(t), r.newSubject(t)
	dc := codec.DataConverter(r.Keyring)
	p := encode(t, at(dc, personID(alice)), say("payload"))
	var out note
	err := at(dc, personID(bob)).FromPayload(p, &out)
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
	require.NoError(t, at(dc, "ReplayId").FromPayload(p, &out), "a replay knows no person")
	require.NoError(t, at(dc, personID(alice)).FromPayload(encode(t, dc, say("payload")), &out), "the system's payloads are welcome anywhere")

	t.Run("nor with the key's name exchanged", func(t *testing.T) {
		p.Metadata[codec.MetadataKey] = []byte(bob.String())
		require.ErrorIs(t, at(dc, personID(bob)).FromPayload(p, &out), keyring.ErrUnknownVersion)
	})
}

func TestDamagedPayloadsAreErrorsNotPanics(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	dc := at(inWorkflowCode(codec.DataConverter(r.Keyring)), personID(alice))
	damage := map[string]func(*commonpb.Payload){
		"no data":        func(p *commonpb.Payload) { p.Data = nil },
		"flipped bit":    func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 },
		"no key":         func(p *commonpb.Payload) { delete(p.Metadata, codec.MetadataKey) },
		"nonsense key":   func(p *commonpb.Payload) { p.Metadata[codec.MetadataKey] = []byte("../kek") },
		"zero subject":   func(p *commonpb.Payload) { p.Metadata[codec.MetadataKey] = []byte(uuid.Nil.String()) },
		"not ciphertext": func(p *commonpb.Payload) { p.Data = []byte("hello there") },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			p := encode(t, dc, say("payload"))
			do(p)
			require.NotPanics(t, func() { require.Error(t, dc.FromPayload(p, new(note))) })
		})
	}
}

func TestAnOutageOfTheKeyring(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	sealed := encode(t, at(codec.DataConverter(r.Keyring), personID(alice)), say("payload"))
	// A fresh process: it holds no leases that would hide the outage.
	dc := at(codec.DataConverter(r.open(t)), personID(alice))
	code := inWorkflowCode(dc)
	r.takeAway(t)

	t.Run("repeats the task of workflow code", func(t *testing.T) {
		require.Panics(t, func() { _, _ = code.ToPayload("x") })
		require.Panics(t, func() { _ = code.FromPayload(sealed, new(note)) })
	})
	t.Run("is an error for clients and activities", func(t *testing.T) {
		_, err := dc.ToPayload("x")
		require.Error(t, err)
		require.Error(t, dc.FromPayload(sealed, new(note)))
	})
	t.Run("ends the wait of a caller who gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		started := time.Now()
		_, err := dc.(converter.ContextAware).WithContext(ctx).ToPayload("x")
		require.Error(t, err)
		require.Less(t, time.Since(started), 300*time.Millisecond, "all the repeats take 420 ms")
	})
	t.Run("is outlasted when it is short", func(t *testing.T) {
		back := time.AfterFunc(50*time.Millisecond, func() { r.bringBack(t) })
		defer back.Stop()
		var out note
		require.NoError(t, code.FromPayload(sealed, &out))
		require.Equal(t, say("payload"), out)
	})
}

func TestAWrongKeyringBlocksAWorkflowInsteadOfEndingIt(t *testing.T) {
	alice := uuid.New()
	elsewhere := inWorkflowCode(at(codec.DataConverter(newRing(t).Keyring), personID(alice)))
	require.Panics(t, func() { _, _ = elsewhere.ToPayload("x") }, "keys are missing here, and may be there elsewhere")
}

func TestDestroyedKeysAreFinal(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	dc := codec.DataConverter(r.Keyring)
	p := encode(t, at(dc, personID(alice)), say("payload"))
	require.NoError(t, r.Destroy(context.Background(), alice))

	code := inWorkflowCode(at(dc, personID(alice)))
	_, err := code.ToPayload("x")
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	err = dc.FromPayload(p, new(note))
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	_, err = at(dc, "privacy/erasure/1").ToPayload("opaque ids only")
	require.NoError(t, err, "the erasure itself goes on")
}

func TestPayloadsComeBackAsTheyWere(t *testing.T) {
	dc := codec.DataConverter(newRing(t).Keyring)
	values := []any{nil, "text", 42, []byte{0, 1, 2}, note{"x"}, map[string]any{"a": 1.5}, strings.Repeat("long ", 100_000)}
	for _, v := range values {
		plain, sealed := encode(t, converter.GetDefaultDataConverter(), v), encode(t, dc, v)
		require.Equal(t, converter.GetDefaultDataConverter().ToString(plain), dc.ToString(sealed))
	}
}

func TestWhatIsEnteredByHandStaysOutOfAPersonsWorkflow(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	dc := codec.DataConverter(r.Keyring)
	plain := encode(t, converter.GetDefaultDataConverter(), note{"by hand"})
	sealed, err := codec.SealByHand(t.Context(), r.Keyring, plain)
	require.NoError(t, err)
	owner, isSealed, err := codec.Owner(sealed)
	require.NoError(t, err)
	require.True(t, isSealed)
	require.Equal(t, uuid.Nil, owner)
	var out note
	require.NoError(t, at(dc, "consolidation-by-hand").FromPayload(sealed, &out))
	require.Equal(t, note{"by hand"}, out)
	err = at(dc, personID(alice)).FromPayload(sealed, &out)
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)

	sealed.Metadata[codec.MetadataKey] = []byte("system")
	require.ErrorIs(t, at(dc, personID(alice)).FromPayload(sealed, &out), keyring.ErrSealed, "nor under the system's name")

	_, err = codec.SealByHand(t.Context(), r.Keyring, encode(t, dc, note{"sealed already"}))
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
}

func BenchmarkPayload2kB(b *testing.B) {
	r := newRing(b)
	dc := at(codec.DataConverter(r.Keyring), personID(r.newSubject(b)))
	value := note{strings.Repeat("I could not sleep because of work. ", 58)}
	sealed := encode(b, dc, value)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encode(b, dc, value)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := dc.FromPayload(sealed, &value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encode(b, converter.GetDefaultDataConverter(), value)
		}
	})
}
