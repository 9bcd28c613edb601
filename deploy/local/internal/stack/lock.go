package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const lockFile = "lock"

// ErrLocked means that a supervisor runs on the data folder.
var ErrLocked = errors.New("a stack is already running on this data folder")

// lock keeps a second supervisor away from the data folder. The system releases it when the holder dies, however it
// dies.
type lock struct{ file *os.File }

func acquire(data string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(data, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(ErrLocked, file.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", errors.Join(err, file.Close()))
	}
	return &lock{file: file}, nil
}

// release may ignore the error of closing: the lock goes with the descriptor in any case.
func (l *lock) release() { _ = l.file.Close() }
