package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	logLimit = 16 << 20 // bytes; a larger log is set aside before the next start
	tailSize = 2 << 10  // bytes of a log shown in an error
)

// logFile collects an engine's output. It is a file, not a pipe, so that an engine never blocks on or dies of
// a supervisor that is gone.
type logFile struct {
	file  *os.File
	start int64 // where this run's output begins
}

func openLog(dir, name string) (*logFile, error) {
	path := filepath.Join(dir, name+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set the full log aside: %w", err)
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at the log: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("find the end of the log: %w", err)
	}
	return &logFile{file: file, start: end}, nil
}

func (l *logFile) close() error { return l.file.Close() }

// tail returns the last lines of this run. It is best effort: it only embellishes an error.
func (l *logFile) tail() string {
	file, err := os.Open(l.file.Name())
	if err != nil {
		return ""
	}
	// Opened for reading only: closing cannot lose anything.
	defer func() { _ = file.Close() }()
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	from := max(l.start, end-tailSize)
	out := make([]byte, end-from)
	n, err := file.ReadAt(out, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return string(bytes.TrimSpace(out[:n]))
}
