package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killTree ends a process, everything that descends from it and every process of PostgreSQL that works in the cluster's
// folder, all at once. They are stopped first, so that none can start another or notice that others are gone.
func killTree(ctx context.Context, root int, cluster string) error {
	doomed := map[int]bool{root: true}
	signal := func(s syscall.Signal) error {
		for pid := range doomed {
			if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("signal process %d: %w", pid, err)
			}
		}
		return nil
	}
	for known := 0; known < len(doomed); {
		known = len(doomed)
		if err := signal(syscall.SIGSTOP); err != nil {
			return err
		}
		if err := spread(ctx, doomed, cluster); err != nil {
			return err
		}
	}
	if err := signal(syscall.SIGKILL); err != nil {
		return err
	}
	for pid := range doomed {
		for alive(pid) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("process %d does not end: %w", pid, ctx.Err())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

// spread adds the children of those in the set, theirs in turn, and PostgreSQL's backends, which outlive a parent that was
// killed before.
func spread(ctx context.Context, doomed map[int]bool, cluster string) error {
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "ppid=,pid=").Output()
	if err != nil {
		return fmt.Errorf("list the processes: %w", err)
	}
	parents := map[int]int{}
	for line := range strings.Lines(string(out)) {
		var parent, pid int
		if _, err := fmt.Sscan(line, &parent, &pid); err != nil {
			return fmt.Errorf("list the processes: %w", err)
		}
		parents[pid] = parent
		if servesFrom(pid, cluster) {
			doomed[pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, parent := range parents {
			if doomed[parent] && !doomed[pid] {
				doomed[pid], grown = true, true
			}
		}
	}
	return nil
}

// servesFrom is always false where the system has no /proc; descent has to be enough there.
func servesFrom(pid int, cluster string) bool {
	process := filepath.Join("/proc", strconv.Itoa(pid))
	where, err := os.Readlink(filepath.Join(process, "cwd"))
	if err != nil {
		return false
	}
	name, err := os.ReadFile(filepath.Join(process, "comm"))
	if err != nil || !strings.HasPrefix(string(name), "postgres") {
		return false
	}
	resolved, err := filepath.EvalSymlinks(cluster)
	return err == nil && where == resolved
}

// alive is false for a process that has ended but that nobody has collected.
func alive(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}
