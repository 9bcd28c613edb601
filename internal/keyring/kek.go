package keyring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"
)

const kekSize = 32

// kek wraps key sets.
type kek struct {
	keeper *secrets.Keeper
	// local: the key is in this process, so a failure to unwrap is the key's fault
	// and never the network's.
	local bool
}

func openKEK(ctx context.Context, rawURL string, st store, log *slog.Logger) (*kek, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The URL may hold the key itself, so it is not shown.
		return nil, errors.New("not a URL")
	}
	switch u.Scheme {
	case "file":
		return openKEKFile(ctx, filePath(u), st, log)
	case localsecrets.Scheme:
		if u.Host == "" {
			return nil, errors.New("base64key:// without a key would make a new one at every start")
		}
	}
	keeper, err := secrets.OpenKeeper(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open %s keeper: %w", u.Scheme, err)
	}
	return &kek{keeper: keeper, local: u.Scheme == localsecrets.Scheme}, nil
}

func (k *kek) wrap(ctx context.Context, clear []byte) ([]byte, error) {
	wrapped, err := k.keeper.Encrypt(ctx, clear)
	if err != nil {
		return nil, fmt.Errorf("wrap keys: %w", err)
	}
	return wrapped, nil
}

func (k *kek) unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	clear, err := k.keeper.Decrypt(ctx, wrapped)
	if err == nil {
		return clear, nil
	}
	// A KMS answers InvalidArgument for a ciphertext that is not its own.
	if k.local || gcerrors.Code(err) == gcerrors.InvalidArgument {
		return nil, fmt.Errorf("%w: %w", ErrWrongKEK, err)
	}
	return nil, fmt.Errorf("unwrap keys: %w", err)
}

func (k *kek) close() error { return k.keeper.Close() }

func openKEKFile(ctx context.Context, path string, st store, log *slog.Logger) (*kek, error) {
	if err := ensureKEKFile(ctx, path, st, log); err != nil {
		return nil, err
	}
	key, err := readKEKFile(path)
	if err != nil {
		return nil, err
	}
	return &kek{keeper: localsecrets.NewKeeper(key), local: true}, nil
}

// ensureKEKFile makes the file unless it is there. Beside an existing keyring
// an absent file is a loss to be mended by hand, not a first start.
func ensureKEKFile(ctx context.Context, path string, st store, log *slog.Logger) error {
	if exists, err := fileExists(path); exists || err != nil {
		return err
	}
	empty, err := st.empty(ctx)
	if err != nil {
		return fmt.Errorf("look into the keyring: %w", err)
	}
	if !empty {
		// Another process may have made file and first keys in this moment.
		exists, err := fileExists(path)
		if err == nil && !exists {
			err = fmt.Errorf("%s is missing but the keyring already holds keys that only it can open; put it back", path)
		}
		return err
	}
	key := make([]byte, kekSize)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	err = writeOnce(path, []byte(text))
	if err != nil && !errors.Is(err, errExists) {
		return fmt.Errorf("write new key file: %w", err)
	}
	if err == nil {
		log.Warn("made a new local key-encryption key: keep a copy apart from the data, or use a KMS in production", "file", path)
	}
	return nil
}

func readKEKFile(path string) ([kekSize]byte, error) {
	var key [kekSize]byte
	info, err := os.Stat(path)
	if err != nil {
		return key, fmt.Errorf("look at key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o177 != 0 {
		return key, fmt.Errorf("%s has mode %04o, others could read the key: chmod 600 %s", path, mode, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("read key file: %w", err)
	}
	key, err = localsecrets.Base64KeyStd(strings.TrimSpace(string(text)))
	if err != nil {
		// The decoder's message could quote the key.
		return key, fmt.Errorf("%s does not hold %d bytes in base64", path, kekSize)
	}
	return key, nil
}

func fileExists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// filePath reads a file URL: "file:///abs/path", and "file://rel/path" or
// "file://./rel/path" for a path relative to the working directory.
func filePath(u *url.URL) string {
	if u.Host == "" || u.Host == "localhost" {
		return filepath.FromSlash(u.Path)
	}
	return filepath.Join(u.Host, filepath.FromSlash(u.Path))
}
