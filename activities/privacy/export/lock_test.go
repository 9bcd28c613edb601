package export_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/export"
)

const passphrase = "lantern gravel oboe tuesday"

func TestPassphrasesThatAFinderWouldGuessAreRefused(t *testing.T) {
	for weak, why := range map[string]string{
		"":                               "at least 15",
		"short one":                      "at least 15",
		"aaaaaaaaaaaaaaaaaaaa":           "different characters",
		"abcdabcdabcdabcdabcd":           "different characters",
		"tulips87 tulips87 tulips87 ":    "over and over",
		"my cat 1234567890 sleeps":       "keyboard or the alphabet",
		"QwertyUiop and so on":           "keyboard or the alphabet",
		"fedcba is the reverse of it":    "keyboard or the alphabet",
		"password secret admin":          "tries first",
		"Correct Horse Battery Staple":   "tries first",
		"with a\nnew line in the middle": "one line",
		"not \xff text but long enough":  "one line",
		strings.Repeat("long ", 60):      "at most",
	} {
		require.Contains(t, export.CheckPassphrase(weak), why, "%q", weak)
		if weak != "" {
			require.NotContains(t, export.CheckPassphrase(weak), weak)
		}
	}
	for _, strong := range []string{passphrase, "Zwölf Äpfel im Ofenrohr", "кит лампа река облако", "k7Q-xw2L9-mmZ41-pTe", "九十九 富士山 手紙 海老 雷 木曜日 橋"} {
		require.Empty(t, export.CheckPassphrase(strong), strong)
	}
}

func TestWhatIsLockedOpensWithWhatItIsLockedTo(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	byPassphrase, err := age.NewScryptIdentity(passphrase)
	require.NoError(t, err)
	byPassphrase.SetMaxWorkFactor(export.WorkFactor)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		lock  export.Lock
		opens age.Identity
	}{
		"a key":                   {export.Lock{Recipient: identity.Recipient().String()}, identity},
		"a key for later decades": {export.Lock{Recipient: hybrid.Recipient().String()}, hybrid},
		"a passphrase":            {export.Lock{Passphrase: passphrase}, byPassphrase},
	} {
		var file bytes.Buffer
		w, err := c.lock.Encrypt(t.Context(), &file)
		require.NoError(t, err, name)
		_, err = io.WriteString(w, "everything")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r, err := age.Decrypt(bytes.NewReader(file.Bytes()), c.opens)
		require.NoError(t, err, name)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "everything", string(content))
		_, err = age.Decrypt(bytes.NewReader(file.Bytes()), other)
		require.Error(t, err, name)
	}
}

func TestALockIsNeverShownAndNeverDoubtful(t *testing.T) {
	lock := export.Lock{Passphrase: passphrase}
	for _, shown := range []string{fmt.Sprint(lock), fmt.Sprintf("%v %+v %#v %s", lock, lock, lock, lock)} {
		require.NotContains(t, shown, "lantern")
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", export.Secret{Passphrase: passphrase}, export.Secret{Identity: passphrase}, export.Secret{Passphrase: passphrase}), "lantern")
	require.Equal(t, export.ByPassphrase, lock.Kind())
	for what, doubtful := range map[string]export.Lock{
		"nothing":     {},
		"both":        {Recipient: "age1x", Passphrase: passphrase},
		"no key":      {Recipient: "age1nonsense"},
		"a private":   {Recipient: "AGE-SECRET-KEY-1NONSENSE"},
		"another pq":  {Recipient: "age1pq1nonsense"},
		"an ssh key":  {Recipient: "ssh-ed25519 AAAA"},
		"with spaces": {Recipient: " "},
	} {
		_, err := doubtful.Encrypt(t.Context(), io.Discard)
		require.Error(t, err, what)
		require.NotContains(t, err.Error(), "NONSENSE")
		require.NotContains(t, err.Error(), "nonsense")
	}
}

func TestATableShowsNoFormulas(t *testing.T) {
	for value, want := range map[string]string{
		`"=1+1"`: "'=1+1", `"+1"`: "'+1", `"-x"`: "'-x", `"@x"`: "'@x", `"a=b"`: "a=b", `null`: "", `-1`: "-1", `true`: "true", `""`: "", `{"a":1}`: `{"a":1}`,
	} {
		require.Equal(t, want, export.Cell([]byte(value)), value)
	}
}
