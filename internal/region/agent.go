package region

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"meai/internal/fence"
)

// Agent takes care of one region's PostgreSQL. Create it with [New], then Run it.
type Agent struct {
	*Options
	cluster  *cluster
	watchdog *watchdog

	// Of the loop alone.
	knows  fence.State
	job    *job
	deaf   error     // the register did not answer
	rest   time.Time // nothing is begun again before
	clean  bool      // PostgreSQL was shut down in order as a primary, at
	end    fence.LSN
	remedy remedy // for a standby that does not follow
	ends   int    // how often in a row it ended by itself
	unread int    // how often in a row what is here alone could not be read
	vain   int    // how often in a row it could not be made to serve, in an epoch
	vainIn int64

	told // what others learn of it
}

// New prepares an agent; nothing runs until [Agent.Run].
func New(o Options) (*Agent, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := openCluster(&o)
	if err != nil {
		return nil, err
	}
	return &Agent{Options: &o, cluster: c}, nil
}

// Run is the agent's life: it ends with the context, and PostgreSQL with it.
func (a *Agent) Run(ctx context.Context) error {
	unlock, err := a.prepare(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	changes := a.Register.Watch(ctx)
	var announcing sync.WaitGroup
	announcing.Go(func() { a.announce(ctx) })
	go a.tidying(ctx) // nobody waits for it
	defer announcing.Wait()
	for ctx.Err() == nil {
		a.look(ctx)
		action := fence.Decide(a.view(ctx))
		a.tellReason(action)
		if again := a.carryOut(ctx, action); !again {
			a.wait(ctx, action.Until, changes)
		}
	}
	return a.leave(context.WithoutCancel(ctx))
}

// prepare makes sure that nobody else takes care of the cluster, and that it stands still.
func (a *Agent) prepare(ctx context.Context) (unlock func(), err error) {
	lock, err := os.OpenFile(a.cluster.path("agent.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the agent's lock: %w", err)
	}
	unlock = func() { _ = lock.Close() }
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another agent takes care of %s: %w", a.cluster.home, err)
	}
	if a.watchdog, err = startWatchdog(func() *exec.Cmd { return a.Watchdog(a.cluster.data()) }, a.Timings.Kill); err != nil {
		return nil, err
	}
	if err := a.cluster.end(); err != nil {
		return nil, err
	}
	if a.record, err = readRecord(a.cluster.path(recordFile)); err != nil {
		return nil, err
	}
	if there, err := has(a.cluster.data()); err != nil || !there {
		// Nothing is replaced with it, so nobody needs to be asked.
		if err == nil {
			_, err = a.finishClone()
		}
		if err != nil {
			return nil, err
		}
	}
	a.setRole(fence.RoleStopped)
	return unlock, a.lookAtDisk(ctx)
}

const recordFile = "agent.json"

// lookAtDisk finds out how the cluster was left, if it was a primary. One that does not say
// counts as crashed, at the beginning of its log.
func (a *Agent) lookAtDisk(ctx context.Context) error {
	exists, err := a.cluster.exists()
	if err != nil || !exists {
		return err
	}
	follows, err := a.cluster.follows()
	if err != nil || follows || a.getRecord().Broken {
		return err
	}
	if a.clean, a.end, err = a.cluster.lastCheckpoint(ctx); err != nil {
		a.clean, a.end = false, 0
		a.Logger.Error("the cluster does not say how it was left", "error", err)
	}
	return nil
}

// look renews the lease, if there is one, and reads the register.
func (a *Agent) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.Timings.Renew())
	defer cancel()
	if lease := a.knows.Lease; lease.ID != 0 {
		renewed, snapshot, err := a.Register.Renew(ctx, lease)
		switch {
		case err == nil:
			a.knows.Renewed(renewed, snapshot, a.Clock())
			a.tellDeadline()
		case errors.Is(err, fence.ErrLost):
			a.knows.Lost(lease)
			err = nil // that is an answer
		}
		a.heard(err)
		return
	}
	snapshot, err := a.Register.Read(ctx)
	if err == nil {
		a.knows.Saw(snapshot, a.Clock())
	}
	a.heard(err)
}

// heard notes whether the register answers.
func (a *Agent) heard(err error) {
	if err != nil && a.deaf == nil {
		a.Logger.Warn("the register does not answer", "error", err)
	}
	if err == nil && a.deaf != nil {
		a.Logger.Info("the register answers again")
	}
	a.deaf = err
}

// tellDeadline tells the watchdog until when PostgreSQL may serve. Without its answer the
// old deadline holds.
func (a *Agent) tellDeadline() {
	deadline := fence.Instant(0)
	if a.getRole() == fence.RolePrimary {
		deadline = a.knows.Lease.Deadline(a.Timings)
	}
	a.setDeadline(deadline)
	if err := a.watchdog.tell(deadline); err != nil {
		a.Logger.Error("the watchdog was not told the deadline", "error", err)
	}
}

// view is all that is known now.
func (a *Agent) view(ctx context.Context) fence.View {
	own := fence.Postgres{Role: a.getRole(), Received: a.end, Epoch: a.getRecord().Epoch}
	if own.Role == fence.RoleStandby {
		own.Received = a.cluster.received(ctx)
	}
	return fence.View{Now: a.Clock(), Region: a.Region, Timings: a.Timings, Postgres: own, State: a.knows}
}

// carryOut does what was decided, or begins to, and says whether to decide again at once.
func (a *Agent) carryOut(ctx context.Context, action fence.Action) (again bool) {
	switch action.Act {
	case fence.Stop:
		return a.halt()
	case fence.ShutDown:
		a.begin(ctx, job{what: shuttingDown}, a.shutDown)
	case fence.Release:
		return a.release(ctx, action.Holder)
	case fence.Acquire:
		return a.acquire(ctx)
	case fence.Promote:
		a.begin(ctx, job{
			what: serving, epoch: action.Epoch, lossless: action.Lossless,
			failover: a.knows.Desired.Value.Failover, holder: a.knows.Holder, mode: a.knows.Mode.Value.Replication,
		}, a.serve)
	case fence.Follow:
		a.begin(ctx, job{what: following, epoch: a.knows.Desired.Value.Epoch}, a.follow)
	case fence.Stay:
		a.standBy(ctx)
	}
	return false
}

// standBy starts a standby while it is not clear what it will be, or the other region has
// to stop first: it receives what there is to be had, and takes no writes.
func (a *Agent) standBy(ctx context.Context) {
	if a.getRole() != fence.RoleStopped || a.job != nil || a.getRecord().Broken {
		return
	}
	if follows, err := a.cluster.follows(); err == nil && follows {
		a.begin(ctx, job{what: following, epoch: a.getRecord().Epoch}, a.follow)
	}
}

// wait returns when there may be something to decide.
func (a *Agent) wait(ctx context.Context, until fence.Instant, changes <-chan struct{}) {
	pause := a.Timings.Renew()
	if until != 0 {
		pause = min(pause, max(0, until.Sub(a.Clock())))
	}
	if rest := time.Until(a.rest); rest > 0 {
		pause = min(pause, rest)
	}
	var done <-chan struct{}
	if a.job != nil {
		done = a.job.done
	}
	select {
	case <-ctx.Done():
	case <-changes:
	case <-done:
		a.finish()
	case <-time.After(max(pause, time.Millisecond)):
	}
}

// halt ends PostgreSQL and whatever works on its cluster, at once.
func (a *Agent) halt() (stopped bool) {
	if a.job != nil {
		a.job.cancel()
	}
	err := a.cluster.end()
	if a.job != nil {
		<-a.job.done // it may have started something meanwhile
		a.job = nil
		err = a.cluster.end()
	}
	if err != nil {
		a.Logger.Error("PostgreSQL does not end", "error", err)
		return false
	}
	a.stopped(false, 0)
	return true
}

// stopped notes that none of PostgreSQL's processes runs.
func (a *Agent) stopped(clean bool, end fence.LSN) {
	a.setRole(fence.RoleStopped)
	a.clean, a.end = clean, end
	a.tellDeadline()
}

// acquire takes the lease under which PostgreSQL may serve.
func (a *Agent) acquire(ctx context.Context) (again bool) {
	if time.Now().Before(a.rest) {
		return false
	}
	if err := a.mayServe(); err != nil {
		a.pause(err)
		return false
	}
	lease, err := a.Register.Grant(ctx, a.Timings.TTL)
	if err != nil {
		a.pause(fmt.Errorf("take a lease: %w", err))
		return false
	}
	// Kept also when the outcome is not known: it may be the primary's.
	holder := fence.Holder{Region: a.Region, Epoch: a.knows.Desired.Value.Epoch, Nonce: rand.Text()}
	a.knows.Lease, a.knows.Holder = lease, holder
	snapshot, err := a.Register.Acquire(ctx, a.knows.Snapshot, lease, holder)
	switch {
	case err == nil:
		a.knows.Acquired(lease, holder, snapshot, a.Clock())
	case errors.Is(err, fence.ErrConflict), errors.Is(err, fence.ErrLost):
		a.knows.Lost(lease)
	default:
		a.Logger.Warn("whether this region may serve is not known yet", "error", err)
	}
	return true
}

// mayServe refuses what would serve old data, or none.
func (a *Agent) mayServe() error {
	exists, err := a.cluster.exists()
	if err != nil {
		return err
	}
	follows, err := a.cluster.follows()
	if err != nil {
		return err
	}
	last, record := a.knows.Last, a.getRecord()
	switch {
	case !exists:
		return errors.New("this region is to serve, and has no cluster; " + help)
	case record.Broken:
		return errors.New("this region is to serve, and its cluster is not whole: its rewinding was broken off, or pages of it are corrupt; " + help)
	case a.ServeOld, follows, !last.Exists(), last.Value.Region == a.Region, record.Serves && record.Epoch == a.knows.Desired.Value.Epoch:
		return nil
	default:
		return fmt.Errorf("this region is to serve, and never followed %s, which served in epoch %d", last.Value.Region, last.Value.Epoch)
	}
}

// release gives the right to serve back: PostgreSQL is dead, or a standby.
func (a *Agent) release(ctx context.Context, holder fence.Holder) (again bool) {
	proof := fence.Proof{At: time.Now().UTC()}
	if r := a.getRecord(); a.getRole() == fence.RoleStopped && a.clean && r.Serves {
		proof.Clean, proof.Epoch, proof.LSN = true, r.Epoch, a.end
	}
	err := a.Register.Release(ctx, holder, a.knows.Lease, proof)
	if err != nil && !errors.Is(err, fence.ErrConflict) {
		a.pause(fmt.Errorf("give the right to serve back: %w", err))
		return false
	}
	a.knows.Lost(a.knows.Lease)
	return true
}

// leave shuts PostgreSQL down in order, as long as the lease lasts, and gives it back.
func (a *Agent) leave(ctx context.Context) error {
	if a.job != nil {
		a.job.cancel()
		<-a.job.done
		a.job = nil
	}
	within := leaveWithin
	if a.knows.Lease.ID != 0 {
		within = min(within, a.knows.Lease.Deadline(a.Timings).Sub(a.Clock()))
	}
	ordered, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	serves := a.getRole() == fence.RolePrimary
	clean, end, err := a.cluster.shutDown(ordered)
	if err != nil {
		err = a.cluster.end()
		clean = false
	}
	if err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	a.stopped(clean && serves, end)
	a.watchdog.dismiss()
	if holder := a.knows.Holder; holder.Region != "" {
		a.release(ctx, holder)
	}
	return nil
}

const leaveWithin = 20 * time.Second
