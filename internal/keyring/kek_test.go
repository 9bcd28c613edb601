package keyring_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/keyring"
)

func TestTheLocalKEKIsMadePrivatelyWithAWarning(t *testing.T) {
	p := newPlace(t)
	var log bytes.Buffer
	o := p.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for range 2 {
		k, err := keyring.Open(context.Background(), o)
		require.NoError(t, err)
		require.NoError(t, k.Close())
	}
	info, err := os.Stat(p.kek())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("WARN")), "once, when it is made")
	text, err := os.ReadFile(p.kek())
	require.NoError(t, err)
	require.NotContains(t, log.String(), string(bytes.TrimSpace(text)))
}

func TestProcessesThatStartTogetherShareOneKEK(t *testing.T) {
	p := newPlace(t)
	subject, _ := newSubject(t, newPlace(t).open(t)) // any id
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			k, err := keyring.Open(context.Background(), p.options())
			if err != nil {
				t.Error(err)
				return
			}
			if err := k.Create(context.Background(), subject); err != nil {
				t.Error(err)
			}
			if _, err := k.Keys(context.Background(), subject); err != nil {
				t.Error(err)
			}
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestAKEKFileThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o666, 0o700} {
		t.Run(mode.String(), func(t *testing.T) {
			p := newPlace(t)
			p.open(t)
			require.NoError(t, os.Chmod(p.kek(), mode))
			_, err := keyring.Open(context.Background(), p.options())
			require.ErrorContains(t, err, "chmod 600")
		})
	}
}

func TestALostKEKFileIsNotReplacedBesideKeysThatNeedIt(t *testing.T) {
	p := newPlace(t)
	newSubject(t, p.open(t))
	require.NoError(t, os.Remove(p.kek()))
	_, err := keyring.Open(context.Background(), p.options())
	require.ErrorContains(t, err, "put it back")
	require.NoFileExists(t, p.kek())
}

func TestAKEKThatWouldChangeAtEveryStartIsRefused(t *testing.T) {
	o := newPlace(t).options()
	o.KEK = "base64key://"
	_, err := keyring.Open(context.Background(), o)
	require.ErrorContains(t, err, "every start")
}

func TestAKEKFromAnURLWrapsAndUnwraps(t *testing.T) {
	p := newPlace(t)
	o := p.options()
	o.KEK = "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="
	k, err := keyring.Open(context.Background(), o)
	require.NoError(t, err)
	subject, _ := newSubject(t, k)
	require.NoError(t, k.Close())

	o.KEK = "base64key://AAGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="
	k, err = keyring.Open(context.Background(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, k.Close()) }()
	_, err = k.Keys(context.Background(), subject)
	require.ErrorIs(t, err, keyring.ErrWrongKEK)
}

func TestRelativeFileURLsNameTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	k, err := keyring.Open(context.Background(), keyring.Options{
		Bucket: "file://.local/keyring?create_dir=true", KEK: "file://.local/kek.key", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NoError(t, k.Close())
	require.FileExists(t, ".local/kek.key")
	require.DirExists(t, ".local/keyring")
}
