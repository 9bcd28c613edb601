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
	"strings"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"meai/internal/objects"
)

const kekSize = 32

// FirstEpoch is the epoch of a KEK that was never replaced, and of every object
// that was written before objects named their epoch.
const FirstEpoch = "1"

// maxEpochName bounds an epoch's name, whose length takes one byte in an object.
const maxEpochName = 64

// keks are the KEKs by epoch: the one that wraps, and others that only unwrap.
type keks struct {
	current string
	byEpoch map[string]*kek
}

// kek wraps key sets.
type kek struct {
	keeper *secrets.Keeper
	// local: the key is in this process, so a failure to unwrap is the key's fault
	// and never the network's.
	local bool
}

func openKEKs(ctx context.Context, o Options, rs replicas) (_ *keks, err error) {
	k := &keks{current: o.Epoch, byEpoch: map[string]*kek{}}
	if k.current == "" {
		k.current = FirstEpoch
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	for epoch, rawURL := range withCurrent(o.OtherKEKs, k.current, o.KEK) {
		if err := checkEpochName(epoch); err != nil {
			return nil, err
		}
		opened, err := openKEK(ctx, epoch, rawURL, rs, o.Logger)
		if err != nil {
			return nil, fmt.Errorf("epoch %s: %w", epoch, err)
		}
		k.byEpoch[epoch] = opened
	}
	return k, nil
}

func withCurrent(others map[string]string, current, rawURL string) map[string]string {
	all := map[string]string{}
	for epoch, u := range others {
		all[epoch] = u
	}
	all[current] = rawURL
	return all
}

func checkEpochName(epoch string) error {
	ok := len(epoch) > 0 && len(epoch) <= maxEpochName
	for _, r := range epoch {
		ok = ok && (r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z')
	}
	if !ok || strings.HasPrefix(epoch, ".") {
		return fmt.Errorf("epoch %q: a name is 1 to %d of a-z, 0-9, dash and dot", epoch, maxEpochName)
	}
	return nil
}

func (k *keks) wrap(ctx context.Context, clear []byte) ([]byte, error) {
	wrapped, err := k.byEpoch[k.current].keeper.Encrypt(ctx, clear)
	if err != nil {
		return nil, fmt.Errorf("wrap keys: %w", err)
	}
	return wrapped, nil
}

func (k *keks) unwrap(ctx context.Context, e envelope) ([]byte, error) {
	kek, ok := k.byEpoch[e.epoch]
	if !ok {
		return nil, fmt.Errorf("%w: they are of epoch %q, which is not configured", ErrWrongKEK, e.epoch)
	}
	clear, err := kek.keeper.Decrypt(ctx, e.wrapped)
	if err == nil {
		return clear, nil
	}
	// A KMS answers InvalidArgument for a ciphertext that is not its own.
	if kek.local || gcerrors.Code(err) == gcerrors.InvalidArgument {
		return nil, fmt.Errorf("%w: %w", ErrWrongKEK, err)
	}
	return nil, fmt.Errorf("unwrap keys: %w", err)
}

func (k *keks) close() error {
	var errs []error
	for _, kek := range k.byEpoch {
		errs = append(errs, kek.keeper.Close())
	}
	return errors.Join(errs...)
}

func openKEK(ctx context.Context, epoch, rawURL string, rs replicas, log *slog.Logger) (*kek, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The URL may hold the key itself, so it is not shown.
		return nil, errors.New("not a URL")
	}
	switch u.Scheme {
	case "file":
		return openKEKFile(ctx, epoch, objects.FilePath(u), rs, log)
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

func openKEKFile(ctx context.Context, epoch, path string, rs replicas, log *slog.Logger) (*kek, error) {
	if err := ensureKEKFile(ctx, epoch, path, rs, log); err != nil {
		return nil, err
	}
	key, err := readKEKFile(path)
	if err != nil {
		return nil, err
	}
	return &kek{keeper: localsecrets.NewKeeper(key), local: true}, nil
}

// ensureKEKFile makes the file unless it is there. Beside keys that need it an
// absent file is a loss to be mended by hand, not a first start.
func ensureKEKFile(ctx context.Context, epoch, path string, rs replicas, log *slog.Logger) error {
	if exists, err := fileExists(path); exists || err != nil {
		return err
	}
	needed, err := rs.holdsEpoch(ctx, epoch)
	if err != nil {
		return fmt.Errorf("look into the keyring: %w", err)
	}
	if needed {
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
	err = objects.WriteOnce(path, []byte(text))
	if err != nil && !errors.Is(err, objects.ErrExists) {
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
