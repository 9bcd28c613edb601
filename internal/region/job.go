package region

import (
	"context"
	"fmt"
	"time"

	"meai/internal/fence"
)

// job is what takes long and runs beside the loop, one at a time.
type job struct {
	what     string // serving, following or shuttingDown
	epoch    int64
	lossless bool
	failover string
	holder   fence.Holder
	mode     fence.Replication // of serving: what the register said when it began

	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

const serving, following, shuttingDown = "serve", "follow", "shut down"

// restFor is how long the agent waits before it tries again what has failed.
const restFor = time.Second

// begin begins a job, unless it is under way, or has failed a moment ago. PostgreSQL runs
// on while one job follows another.
func (a *Agent) begin(ctx context.Context, j job, run func(context.Context, job) error) {
	if a.job != nil && a.job.what == j.what && a.job.epoch == j.epoch {
		return
	}
	if time.Now().Before(a.rest) {
		return
	}
	if a.job != nil {
		a.job.cancel()
		<-a.job.done
	}
	if j.what == serving {
		// It counts as primary, and the watchdog knows, before it can become one.
		a.setRole(fence.RolePrimary)
		a.tellDeadline()
	}
	a.Logger.Info("begins", "step", j.what)
	ctx, j.cancel = context.WithCancel(ctx)
	j.done = make(chan struct{})
	a.job = &j
	go func() {
		defer close(j.done)
		j.err = run(ctx, j)
	}()
}

// finish sees what became of a job that has ended: serving and following do only by
// failing.
func (a *Agent) finish() {
	ended := a.job
	a.job = nil
	ended.cancel()
	if ended.what == shuttingDown && ended.err == nil {
		a.stopped(a.clean, a.end)
		return
	}
	if ended.what == serving {
		ended.err = a.inVain(ended)
	}
	a.Logger.Error("failed", "step", ended.what, "error", ended.err)
	a.halt()
	a.pause(ended.err)
}

// inVain counts how often in a row the cluster could not be made to serve, and says, once
// that is often enough, where help is. It goes on to be tried: nobody else may serve.
func (a *Agent) inVain(j *job) error {
	if a.isOpen() || a.vainIn != j.epoch {
		a.vain, a.vainIn = 0, j.epoch
	}
	if a.vain++; a.vain < mostEnds {
		return j.err
	}
	return fmt.Errorf("this region does not come up in epoch %d, and is tried again; %s: %w", j.epoch, help, j.err)
}

// help is where people find what they can do when the region that is to serve cannot.
const help = "see docs/runbooks/failover.md, The new region does not come up"

// pause notes what keeps the agent from going on.
func (a *Agent) pause(err error) {
	if a.setMessage(err.Error()) {
		a.Logger.Warn("waits", "error", err)
	}
	a.rest = time.Now().Add(restFor)
}

// shutDown ends PostgreSQL in order, so that its standby has all of its log.
func (a *Agent) shutDown(ctx context.Context, _ job) error {
	// What a checkpoint now writes need not be written while nobody serves.
	checkpoint, cancel := context.WithTimeout(ctx, a.Timings.Renew())
	defer cancel()
	if conn, err := a.cluster.connect(checkpoint, "postgres"); err == nil {
		_ = answer(checkpoint, conn, "checkpoint", nil) // it saves time, no more
	}
	a.Reached("handover: checkpoint")
	var err error
	a.clean, a.end, err = a.cluster.shutDown(ctx)
	return err
}
