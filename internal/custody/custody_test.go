package custody_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/custody"
)

// circle is a few custodians and a prover.
type circle struct {
	to         custody.Recipients
	custodians map[string]custody.Identity
	prover     custody.Identity
}

func identity(t *testing.T) custody.Identity {
	t.Helper()
	private, public, err := custody.NewIdentity()
	require.NoError(t, err)
	i, err := custody.ParseIdentity("# of a test\n" + private + "\n")
	require.NoError(t, err)
	require.Equal(t, public, i.Public())
	return i
}

func newCircle(t *testing.T, names ...string) circle {
	t.Helper()
	c := circle{custodians: map[string]custody.Identity{}, prover: identity(t)}
	var declared []string
	for _, name := range names {
		c.custodians[name] = identity(t)
		declared = append(declared, name+"="+c.custodians[name].Public())
	}
	var err error
	c.to, err = custody.ParseRecipients(strings.Join(declared, " "), c.prover.Public())
	require.NoError(t, err)
	return c
}

func (c circle) key(t *testing.T) (custody.Key, custody.Wrapped) {
	t.Helper()
	key, wrapped, err := c.to.NewKey(time.Now())
	require.NoError(t, err)
	text, err := json.Marshal(wrapped)
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, key.Secret))
	var read custody.Wrapped
	require.NoError(t, json.Unmarshal(text, &read))
	return key, read
}

func TestAnyTwoCustodiansOpenAKeyAndNoneAlone(t *testing.T) {
	c := newCircle(t, "anna", "bo", "chi", "dee")
	key, wrapped := c.key(t)
	require.Len(t, key.Secret, custody.KeySize)
	for a, first := range c.custodians {
		_, err := wrapped.Open(first)
		require.ErrorIs(t, err, custody.ErrNotYours, a)
		_, err = wrapped.Open(first, first)
		require.ErrorIs(t, err, custody.ErrNotYours, "twice the same person")
		_, err = wrapped.Open(first, c.prover)
		require.ErrorIs(t, err, custody.ErrNotYours, "the prover is no custodian")
		_, err = wrapped.OpenAsProver(first)
		require.ErrorIs(t, err, custody.ErrNotYours)
		for b, second := range c.custodians {
			if a == b {
				continue
			}
			opened, err := wrapped.Open(first, second)
			require.NoError(t, err, "%s and %s", a, b)
			require.Equal(t, key, opened)
		}
	}
	opened, err := wrapped.OpenAsProver(c.prover)
	require.NoError(t, err)
	require.Equal(t, key, opened)
	_, err = wrapped.Open(identity(t), identity(t))
	require.ErrorIs(t, err, custody.ErrNotYours)
}

func TestAWrappedKeyThatIsDamagedOrInAnothersPlaceDoesNotOpen(t *testing.T) {
	c := newCircle(t, "anna", "bo")
	_, wrapped := c.key(t)
	_, other := c.key(t)

	moved := wrapped
	moved.ID = other.ID
	_, err := moved.OpenAsProver(c.prover)
	require.ErrorIs(t, err, custody.ErrBroken)
	_, err = moved.Open(c.custodians["anna"], c.custodians["bo"])
	require.ErrorIs(t, err, custody.ErrBroken)

	for _, at := range []int{len(wrapped.Prover) - 1, len(wrapped.Prover) / 2} {
		damaged := wrapped
		damaged.Prover = bytes.Clone(wrapped.Prover)
		damaged.Prover[at] ^= 1
		_, err = damaged.OpenAsProver(c.prover)
		require.ErrorIs(t, err, custody.ErrBroken)
	}
	_, err = custody.Wrapped{ID: uuid.New()}.OpenAsProver(c.prover)
	require.ErrorIs(t, err, custody.ErrNotYours, "without a prover's part")
}

func TestRecipientsThatWouldNotBeTwoPersonsAreRefused(t *testing.T) {
	a, b := identity(t).Public(), identity(t).Public()
	for declared, message := range map[string]string{
		"":                                "0 custodians",
		"anna=" + a:                       "1 custodians",
		"anna=" + a + " bo=" + a:          "same key",
		"anna=" + a + " anna=" + b:        "named twice",
		"anna=" + a + " Bo=" + b:          "a name is",
		"anna=" + a + " bo=nonsense":      "not a public key",
		strings.Repeat("anna="+a+" ", 12): "same key",
	} {
		_, err := custody.ParseRecipients(declared, "")
		require.ErrorContains(t, err, message, declared)
	}
	_, err := custody.ParseRecipients("anna="+a+" bo="+b, a)
	require.ErrorContains(t, err, "prover")
	_, err = custody.ParseRecipients("anna="+a+" bo="+b, "nonsense")
	require.ErrorContains(t, err, "prover")
	r, err := custody.ParseRecipients("anna="+a+" bo="+b, "")
	require.NoError(t, err)
	_, wrapped, err := r.NewKey(time.Now())
	require.NoError(t, err)
	require.Nil(t, wrapped.Prover)
}

func TestAPrivateKeyIsNeverQuoted(t *testing.T) {
	for _, text := range []string{"", "# nothing", "AGE-SECRET-KEY-1NONSENSE", "anything"} {
		_, err := custody.ParseIdentity(text)
		require.ErrorContains(t, err, "no private key")
		require.NotContains(t, err.Error(), "NONSENSE")
	}
}
