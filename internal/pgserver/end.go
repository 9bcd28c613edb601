package pgserver

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// endEvery is how often [End] looks. It looks again at once as long as it finds new ones.
const endEvery = 10 * time.Millisecond

// End ends whatever works in a cluster's folder, server and single backends, and returns
// once nothing does any more: that is the proof that nothing is written there. They get
// SIGQUIT, which ends PostgreSQL at once and without a checkpoint, and SIGKILL when they
// are still there after the grace: one that was stopped (SIGSTOP) hears of nothing else.
//
// Each backend is a process group of its own and outlives a killed server for as long as
// it is busy; that is why the folder is asked and not the server.
func End(ctx context.Context, data string, grace time.Duration) error {
	hard := time.Now().Add(grace)
	told := map[int]bool{}
	for {
		pids, err := Processes(data)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			switch {
			case time.Now().After(hard):
				err = syscall.Kill(pid, syscall.SIGKILL)
			case !told[pid]:
				told[pid] = true
				err = syscall.Kill(pid, syscall.SIGQUIT)
			}
			if err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of PostgreSQL: %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d processes of PostgreSQL do not end: %w", len(pids), ctx.Err())
		case <-time.After(endEvery):
		}
	}
}
