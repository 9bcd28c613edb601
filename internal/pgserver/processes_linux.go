package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Processes are the ids of those that work in a cluster's folder. PostgreSQL's server and
// all its processes have it as their working directory; one that has ended has none, be
// it collected or not.
func Processes(data string) ([]int, error) {
	resolved, err := filepath.EvalSymlinks(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for PostgreSQL's processes: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for PostgreSQL's processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		dir, err := os.Readlink("/proc/" + entry.Name() + "/cwd")
		switch {
		case err == nil && dir == resolved:
			pids = append(pids, pid)
		case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, fs.ErrPermission):
			// Another's: PostgreSQL runs as this user, or this is root.
		default:
			return nil, fmt.Errorf("look for PostgreSQL's processes: %w", err)
		}
	}
	return pids, nil
}
