package fence

import "time"

// Act is what an agent has to do.
type Act string

// The acts.
const (
	// Stay: all is as it should be, or there is nothing to do until [Action.Until].
	Stay Act = "stay"
	// Stop PostgreSQL at once: SIGQUIT to its first process, SIGKILL to all of them soon after. It ends within [Timings.Kill].
	Stop Act = "stop"
	// ShutDown shuts PostgreSQL down in order, and waits for its standby; the lease is renewed meanwhile. When that takes
	// too long the lease's deadline stops it as always.
	ShutDown Act = "shut down"
	// Release calls [Register.Release] for [Action.Holder]: PostgreSQL takes no writes. Where it was shut down in order
	// the proof says so.
	Release Act = "release"
	// Acquire takes a lease and calls [Register.Acquire] with what was read.
	Acquire Act = "acquire"
	// Promote makes PostgreSQL the primary in [Action.Epoch]: promotes a standby, starts what was primary when it stopped.
	//
	// Before anything is done the watchdog must have said that it knows the lease's deadline, which it refuses to once that
	// has passed. From then on, at the deadline or when the agent ends, it kills the agent first and then PostgreSQL: an
	// agent that is halted between deciding and promoting must not go on when it wakes up.
	Promote Act = "promote"
	// Follow makes PostgreSQL the standby of [Action.Region]: starts, rewinds or clones it, or leaves it as it is.
	Follow Act = "follow"
)

// Action is what [Decide] says.
type Action struct {
	Act Act
	// Until is when to decide again at the latest, even if nothing new is known; zero for "when something is".
	Until Instant
	// Region is whom to follow.
	Region string
	// Epoch and Lossless belong to Promote. What is not lossless begins in quarantine.
	Epoch    int64
	Lossless bool
	// Holder is whom to release.
	Holder Holder
	// Reason says why, for people and logs; it is one of few fixed texts.
	Reason string
}

// Postgres is an agent's own PostgreSQL. The agent makes sure that no other agent has the same data folder, by a lock.
type Postgres struct {
	Role Role
	// Received is the end of its log, and Epoch the one of the primary that wrote it: in which this was one, or of which
	// this is a true standby. Positions in logs of different epochs do not compare.
	Received LSN
	Epoch    int64
}

// View is all that an agent knows when it decides.
type View struct {
	Now      Instant
	Region   string
	Timings  Timings
	Postgres Postgres
	State
}

// Decide is what an agent has to do. It is a pure function. An agent asks it whenever it learned something, when
// [Action.Until] comes, and after it did what it was told: a primary's next answer from the register may never come. It renews its lease every [Timings.Renew] as long as it has one
// and is not told to stop: a PostgreSQL that cannot be killed must not keep the other region from taking over.
func Decide(v View) Action {
	switch {
	case v.Postgres.Role == RolePrimary:
		return v.asPrimary()
	case !v.Known:
		return stay("the register is not known yet")
	case !v.Desired.Exists():
		return stay("no region is desired yet")
	case v.Desired.Value.Region != v.Region:
		return v.elsewhere()
	case v.Postgres.Role != RoleStopped && v.Postgres.Role != RoleStandby:
		return stay("the data is no whole copy")
	case v.Primary.Exists():
		return v.held()
	}
	return v.free()
}

func stay(reason string) Action { return Action{Act: Stay, Reason: reason} }

// asPrimary: PostgreSQL may take writes now, which only a lease permits.
func (v View) asPrimary() Action {
	desired, deadline := v.Desired.Value, v.Lease.Deadline(v.Timings)
	switch {
	case v.Lease.ID == 0:
		return Action{Act: Stop, Reason: "there is no lease"}
	case v.Now >= deadline:
		return Action{Act: Stop, Reason: "the lease could not be renewed"}
	case !v.Primary.Exists() || v.Primary.Value != v.Holder:
		return Action{Act: Stop, Reason: "the lease was lost"}
	case desired.Region == v.Region && desired.Epoch == v.Holder.Epoch:
		return Action{Act: Stay, Until: deadline, Reason: "this is the primary"}
	case desired.Handover && desired.Epoch == v.Holder.Epoch+1:
		return Action{Act: ShutDown, Until: deadline, Reason: "another region takes over in order"}
	}
	return Action{Act: Stop, Reason: "writes belong to another region or epoch"}
}

// elsewhere: writes belong to another region and PostgreSQL here takes none, which the other one waits to hear.
func (v View) elsewhere() Action {
	if last := v.Last.Value; v.Last.Exists() && last.Region == v.Region && !last.Stopped {
		return Action{Act: Release, Holder: last.Holder, Reason: "writes belong to another region"}
	}
	return Action{Act: Follow, Region: v.Desired.Value.Region, Reason: "writes belong to another region"}
}

// held: writes belong here, PostgreSQL takes none yet, and somebody holds the key.
func (v View) held() Action {
	holder, desired := v.Primary.Value, v.Desired.Value
	switch {
	case holder.Region != v.Region:
		return stay("the other region has not stopped yet")
	case v.Lease.ID == 0 || holder != v.Holder || holder.Epoch != desired.Epoch:
		// Ours, of an agent that ended or of an earlier epoch: nothing was promoted under it that still runs.
		return Action{Act: Release, Holder: holder, Reason: "an earlier hold of this region is left"}
	case v.Now >= v.Lease.Deadline(v.Timings):
		return stay("the lease must be renewed first")
	}
	return v.promote()
}

// promote: the key is ours, so no other PostgreSQL takes writes.
func (v View) promote() Action {
	desired, before := v.Desired.Value, v.Last.Value.Before
	promote := Action{Act: Promote, Epoch: desired.Epoch, Lossless: desired.Lossless, Reason: "writes belong here and no other takes them"}
	if promote.Lossless || !desired.Handover || !before.Clean {
		return promote
	}
	if v.Postgres.Epoch != before.Epoch {
		return promote // its log is not the one that was handed over
	}
	if promote.Lossless = v.Postgres.Received >= before.LSN; promote.Lossless {
		return promote
	}
	if patience := v.DesiredAt.Add(handoverPatience(v.Timings)); v.Now < patience {
		return Action{Act: Stay, Until: patience, Reason: "the end of the other region's log has not arrived yet"}
	}
	return promote
}

// handoverPatience is how long the end of a log that was handed over is waited for.
func handoverPatience(t Timings) time.Duration { return 2 * t.TTL }

// free: writes belong here and nobody holds the key.
func (v View) free() Action {
	acquire := Action{Act: Acquire, Reason: "writes belong here and nobody holds them"}
	last := v.Last.Value
	if !v.Last.Exists() || last.Stopped || last.Region == v.Region {
		return acquire // no other PostgreSQL takes writes
	}
	// No proof: by then it is dead even if its clock is slow and ours is fast, and no guard of its clients permits anything.
	wait := max(v.GoneAt.Add(v.Timings.Margin), v.DesiredAt.Add(v.Timings.TTL))
	if v.Now < wait {
		return Action{Act: Stay, Until: wait, Reason: "the other region's lease ended without proof that it stopped"}
	}
	return acquire
}
