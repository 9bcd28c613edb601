package approval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
)

// signer is an approver with a key of their own.
type signer struct {
	id              uuid.UUID
	private, public string
}

func newSigner(t testing.TB) signer {
	t.Helper()
	s := signer{id: uuid.New()}
	var err error
	s.private, s.public, err = approval.NewApproverKey(s.id)
	require.NoError(t, err)
	return s
}

func sign(t *testing.T, document []byte, by ...signer) []byte {
	t.Helper()
	for _, s := range by {
		var err error
		document, err = approval.SignDocument(document, s.private)
		require.NoError(t, err)
	}
	return document
}

func TestDocumentsNeedNoEngine(t *testing.T) {
	now := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	asks, first, second, stranger := newSigner(t), newSigner(t), newSigner(t), newSigner(t)
	keys := "# who may approve\n" + asks.public + "\n" + first.public + "\n\n" + second.public + "\n"
	region := map[string]string{"region": "north"}
	document, err := approval.NewDocument(approval.OverrideFailover, region, asks.id, now.Add(2*time.Hour))
	require.NoError(t, err)
	verify := func(document []byte, at time.Time) error {
		_, err := approval.VerifyDocument(document, keys, approval.OverrideFailover, region, at)
		return err
	}
	signed := sign(t, document, first, second)
	require.NoError(t, verify(signed, now))
	require.Equal(t, signed, sign(t, signed, second), "a second signature of the same person adds nothing")

	for name, bad := range map[string][]byte{
		"unsigned":                document,
		"one":                     sign(t, document, first),
		"the requester and one":   sign(t, document, asks, first),
		"one and a stranger":      sign(t, document, first, stranger),
		"the same one twice":      append(sign(t, document, first), strings.SplitAfter(string(sign(t, document, first)), "\n\n")[1]...),
		"another region":          []byte(strings.Replace(string(signed), "region north", "region south", 1)),
		"a later end":             []byte(strings.Replace(string(signed), "T05:00:00Z", "T09:00:00Z", 1)),
		"fewer needed":            []byte(strings.Replace(string(signed), "required 2", "required 1", 1)),
		"fewer needed and signed": sign(t, []byte(strings.Replace(string(document), "required 2", "required 1", 1)), first),
		"a year long":             sign(t, []byte(strings.Replace(string(document), "expires 2026", "expires 2027", 1)), first, second),
		"a line more":             []byte(strings.Replace(string(signed), "act ", "note hello\nact ", 1)),
		"nothing":                 nil,
		"too long":                append(signed, make([]byte, 70_000)...),
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, verify(bad, now), approval.ErrDocument) })
	}
	t.Run("too late", func(t *testing.T) { require.ErrorIs(t, verify(signed, now.Add(2*time.Hour)), approval.ErrDocument) })
	t.Run("for another act", func(t *testing.T) {
		_, err := approval.VerifyDocument(signed, keys, approval.OverrideFailover, map[string]string{"region": "south"}, now)
		require.ErrorIs(t, err, approval.ErrDocument)
	})
	t.Run("what is no request is not signed", func(t *testing.T) {
		_, err := approval.SignDocument([]byte("I owe you a million.\n"), first.private)
		require.ErrorIs(t, err, approval.ErrDocument)
	})
	t.Run("parameters are checked", func(t *testing.T) {
		_, err := approval.NewDocument(approval.OverrideFailover, nil, asks.id, now)
		require.Error(t, err)
	})
}

func FuzzDocument(f *testing.F) {
	s := newSigner(f)
	region := map[string]string{"region": "north"}
	document, err := approval.NewDocument(approval.OverrideFailover, region, uuid.New(), time.Now().Add(time.Hour))
	require.NoError(f, err)
	signed, err := approval.SignDocument(document, s.private)
	require.NoError(f, err)
	f.Add(signed)
	f.Add(document)
	f.Add([]byte("\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, document []byte) {
		if _, err := approval.VerifyDocument(document, s.public, approval.OverrideFailover, region, time.Now()); err == nil {
			t.Fatalf("one signature counted for two: %q", document)
		}
	})
}
