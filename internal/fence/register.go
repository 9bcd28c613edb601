package fence

import (
	"context"
	"encoding/json"
	"time"
)

// Register keeps the records. Every call is linearizable: it sees all that was written before it was made. Only
// [ErrConflict], [ErrLost] and [ErrHeld] say what happened; after any other error it may have been done or not. Whatever
// the error was, read before deciding again.
// Implementations are safe for concurrent use.
type Register interface {
	// Read is what the register says now.
	Read(ctx context.Context) (Snapshot, error)
	// Watch signals after each change of what Read returns, perhaps once for several; the first signal comes at once.
	// The channel is closed when ctx ends. Signals may be late or, while the register is away, missing: read from time
	// to time as well.
	Watch(ctx context.Context) <-chan struct{}

	// Begin writes the first desired record and the mode, in epoch 1. ErrConflict where there is one.
	Begin(ctx context.Context, region string, mode Replication) error
	// Change replaces the desired record, as long as neither it, nor the mode, nor the last holder have changed since they
	// were read. The new one must come from [Desired.Next], and be lossless only where the mode that was read is [Sync].
	// ErrConflict otherwise, and where the failover has an entry [Withdrawn]. It succeeds again where it has been done
	// already by the same failover.
	//
	// There is no way back from it, so its caller sees to it that the region can take over: its PostgreSQL is a standby of
	// at least the last holder's epoch (what an agent says may be old, but this only grows).
	Change(ctx context.Context, read Snapshot, to Desired) error

	// Grant takes a lease for the key "primary".
	Grant(ctx context.Context, ttl time.Duration) (Lease, error)
	// Acquire makes the holder primary under the lease: as long as the desired record and the last holder are those
	// that were read, the holder is of the region and epoch that are desired, and there is no primary. It returns what
	// the register says then. ErrConflict, ErrLost (the lease).
	Acquire(ctx context.Context, read Snapshot, lease Lease, holder Holder) (Snapshot, error)
	// Renew renews the lease and reads then, in this order. ErrLost.
	Renew(ctx context.Context, lease Lease) (Lease, Snapshot, error)
	// Release records the proof for the last holder and removes the key "primary" if it is still there; the caller
	// vouches for the proof. The lease, if it has an ID, is revoked. ErrConflict where the holder is not the last one.
	Release(ctx context.Context, holder Holder, lease Lease, proof Proof) error
	// SetMode changes the mode as long as the holder is primary, desired, and nothing has changed since it was read.
	// ErrConflict.
	SetMode(ctx context.Context, read Snapshot, holder Holder, mode Mode) error

	// Announce says how an agent is. It is forgotten [AnnounceTTL] after the last time.
	Announce(ctx context.Context, status AgentStatus) error
	// Agents are the agents that announced themselves lately, by region.
	Agents(ctx context.Context) (map[string]AgentStatus, error)
	// Judge says what an observer sees. It is forgotten [AnnounceTTL] after the last time.
	Judge(ctx context.Context, verdict Verdict) error
	// Verdicts are those of the observers that judged lately, by site.
	Verdicts(ctx context.Context) (map[string]Verdict, error)

	Journal
}

// AnnounceTTL is how long the word of an agent or an observer counts.
const AnnounceTTL = 5 * time.Second

// RunnerTTL is how long a runner of a failover that died keeps others from going on with it.
const RunnerTTL = 10 * time.Second

// Journal is what failovers did.
type Journal interface {
	// Claim makes the failover the only one under way; it succeeds again for the same one. ErrHeld while there is another,
	// whose id is returned.
	Claim(ctx context.Context, failover string) (holder string, err error)
	// Disclaim ends a claim. It does nothing where somebody else has it.
	Disclaim(ctx context.Context, failover string) error
	// Claimed is the failover under way, or empty.
	Claimed(ctx context.Context) (string, error)
	// Elect makes the caller the failover's only runner until the runner is closed or its lease ends. ErrHeld while there
	// is another.
	Elect(ctx context.Context, failover, name string) (Runner, error)
	// Entries are a failover's entries by name, as they were written, such as "plan" and "steps/3-fence".
	Entries(ctx context.Context, failover string) (map[string]json.RawMessage, error)
	// Failovers are the ids of all failovers that have entries, in order.
	Failovers(ctx context.Context) ([]string, error)

	// Note keeps something under a name, such as "replication" or "drills/<id>", in place of what was there. Nothing is
	// decided by notes: they are what the control plane tells those who cannot measure for themselves.
	Note(ctx context.Context, name string, note json.RawMessage) error
	// Notes are those whose names begin with a prefix, by the rest of their names.
	Notes(ctx context.Context, prefix string) (map[string]json.RawMessage, error)
}

// Withdrawn is the entry after which [Register.Change] refuses a failover: a runner that was thought dead, and goes on,
// does not carry out what was taken back meanwhile.
const Withdrawn = "withdrawn"

// Runner is who carries out a failover.
type Runner interface {
	// Record writes an entry once. Where there is one already it stays as it is and is returned, and written is false.
	// ErrLost when somebody else may run the failover by now: then nothing was written.
	Record(ctx context.Context, name string, entry json.RawMessage) (stored json.RawMessage, written bool, err error)
	// Lost is closed when somebody else may run the failover.
	Lost() <-chan struct{}
	// Close lets others run it.
	Close(ctx context.Context) error
}
