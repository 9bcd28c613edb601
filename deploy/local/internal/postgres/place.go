package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// outside is where the cluster goes when the account cannot reach the data folder, for example below /root.
const outside = "/var/lib/meai-local"

// Place makes a server's folder for who runs the server itself; see place.
func Place(ctx context.Context, home string) error {
	a, err := unprivileged()
	if err != nil {
		return err
	}
	return place(ctx, a, home, outside, false)
}

// place makes sure that link, a path in the data folder, is a folder that the account can use: in place where
// it can get there, else a folder below outside that link points to. fresh says that the data folder is new; what
// an earlier one of the same path left outside is then set aside, for nobody has its passwords any more.
func place(ctx context.Context, a account, link, outside string, fresh bool) error {
	if _, err := os.Lstat(link); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", link, err)
	}
	if err := os.Mkdir(link, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := a.own(link); err != nil {
		return fmt.Errorf("hand the cluster's folder over to %s: %w", a.name, err)
	}
	if a.canReach(ctx, link) {
		return nil
	}
	if err := os.Remove(link); err != nil {
		return fmt.Errorf("remove the unreachable folder: %w", err)
	}
	return placeOutside(a, link, outside, fresh)
}

func placeOutside(a account, link, outside string, fresh bool) error {
	sum := sha256.Sum256([]byte(link))
	target := filepath.Join(outside, hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(outside, 0o755); err != nil {
		return fmt.Errorf("make a folder that %s can reach: %w", a.name, err)
	}
	if fresh {
		aside := target + time.Now().UTC().Format(".20060102T150405")
		if err := os.Rename(target, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set an abandoned cluster aside: %w", err)
		}
	}
	if err := os.MkdirAll(target, 0o700); err != nil {
		return fmt.Errorf("make a folder that %s can reach: %w", a.name, err)
	}
	if err := a.own(target); err != nil {
		return fmt.Errorf("hand %s over to %s: %w", target, a.name, err)
	}
	if err := os.Symlink(target, link); err != nil {
		return fmt.Errorf("link the cluster into the data folder: %w", err)
	}
	return nil
}
