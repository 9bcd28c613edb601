// Package folder is about data folders: who has one, and how the files in it are written.
package folder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"meai/deploy/local/internal/filelock"
)

const lockFile = "lock"

// ErrRunning means that a supervisor runs on the data folder.
var ErrRunning = errors.New("a stack is already running on this data folder")

// patience outlasts a status command, which holds the lock for an instant.
const patience = 500 * time.Millisecond

// Acquire takes possession of the data folder for as long as this process lives.
func Acquire(ctx context.Context, data string) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := filelock.Wait(ctx, filepath.Join(data, lockFile))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%s: %w (see: meai-local status)", data, ErrRunning)
	}
	return lock, err
}

// IsRunning tries the lock that a supervisor holds for as long as it lives.
func IsRunning(data string) (bool, error) {
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock, err := filelock.Try(filepath.Join(data, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	lock.Release()
	return false, nil
}

// Stop asks the supervisor of a data folder to stop and waits until it has.
func Stop(ctx context.Context, data string, supervisor int) error {
	if err := syscall.Kill(supervisor, syscall.SIGTERM); err != nil {
		return fmt.Errorf("ask the supervisor %d to stop: %w", supervisor, err)
	}
	for {
		if running, err := IsRunning(data); err != nil || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the supervisor %d to stop: %w", supervisor, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Secret has 192 bits; hex needs no quoting in any file, URL or environment.
func Secret() string {
	var b [24]byte
	// Never fails: without randomness the program ends.
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// ReadJSON decodes a file. The error is [fs.ErrNotExist] when there is none.
func ReadJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// WriteJSON replaces a file, private to its owner, as [WriteWhole] does.
func WriteJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return WriteWhole(path, append(text, '\n'))
}

// WriteWhole replaces a file in one step, so that a reader sees the old or the new text and a crash leaves either. Only
// its owner may read it.
func WriteWhole(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
